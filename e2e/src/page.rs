//! A document that is followed to the letter: its blocks are the commands that are run and the files
//! that are used.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};

use crate::binaries::workspace;
use crate::program::{Outcome, Program};

/// A page, and the places where the test differs from it.
#[derive(Clone, Debug)]
pub struct Page {
    path: PathBuf,
    replaced: Vec<(String, String)>,
    text: String,
}

impl Page {
    /// Reads a page of `docs/`.
    ///
    /// # Errors
    ///
    /// There is none of this name.
    pub fn read(name: &str) -> Result<Self> {
        Self::at(&Path::new("docs").join(name))
    }

    /// Reads a document by its path in the repository.
    ///
    /// # Errors
    ///
    /// There is none.
    pub fn at(path: &Path) -> Result<Self> {
        let path = workspace().join(path);
        let text = fs::read_to_string(&path).with_context(|| path.display().to_string())?;
        Ok(Self { path, replaced: Vec::new(), text })
    }

    /// Puts a text in place of another, such as a free port, in every block from here on.
    #[must_use]
    pub fn with(mut self, from: &str, to: impl ToString) -> Self {
        self.replaced.push((from.to_owned(), to.to_string()));
        self
    }

    /// The block whose fence says this, such as `sh issue` or `toml orders.toml`.
    ///
    /// # Errors
    ///
    /// There is none, or more than one.
    pub fn block(&self, fence: &str) -> Result<String> {
        let open = format!("\n```{fence}\n");
        let mut found = self.text.split(&open).skip(1);
        let rest = found.next().with_context(|| format!("{} has no {fence}", self.name()))?;
        ensure!(found.next().is_none(), "{} has two of {fence}", self.name());
        let (block, _) = rest.split_once("\n```\n").context("a block must end")?;
        let put = |text: String, (from, to): &(String, String)| text.replace(from, to);
        Ok(self.replaced.iter().fold(format!("{block}\n"), put))
    }

    /// Whether it contains this text, outside of its blocks too.
    pub fn says(&self, text: &str) -> bool {
        self.text.contains(text)
    }

    /// The fences of its blocks, in their order.
    pub fn fences(&self) -> Vec<&str> {
        let fences = self.text.lines().filter_map(|line| line.strip_prefix("```"));
        fences.filter(|fence| !fence.is_empty()).collect()
    }

    /// Writes the file that a block is, by the name that its fence gives, below a directory.
    ///
    /// # Errors
    ///
    /// There is no such block, or it cannot be written.
    pub fn write(&self, fence: &str, below: &Path) -> Result<PathBuf> {
        let (_, name) = fence.split_once(' ').context("a file must have a name")?;
        let path = below.join(name);
        fs::create_dir_all(path.parent().unwrap_or(below))?;
        fs::write(&path, self.block(fence)?)?;
        Ok(path)
    }

    /// Runs the commands of a block in a directory, until one fails. Programs in its `bin` are taken
    /// in place of others.
    ///
    /// # Errors
    ///
    /// There is no such block, or it does not end.
    pub fn run(&self, fence: &str, place: &Path) -> Result<Outcome> {
        shell(&self.block(fence)?, place)
    }

    fn name(&self) -> String {
        self.path.display().to_string()
    }
}

/// Runs commands as [`Page::run`] does.
///
/// # Errors
///
/// They do not end.
pub fn shell(commands: &str, place: &Path) -> Result<Outcome> {
    let path = std::env::var("PATH").unwrap_or_default();
    let path = format!("{}:{path}", place.join("bin").display());
    let mut command = Command::new("sh");
    command.args(["-e", "-c", commands]).current_dir(place);
    // Where curl looks for a file of settings.
    command.env("PATH", path).env("CURL_HOME", place);
    Program::run(&mut command, "dash", b"")
}

/// The `.curlrc` for [`shell`], so that [`Answer::of`](crate::curl::Answer::of) reads what a curl in a
/// block prints: the body alone, and then its facts.
pub const CURLRC: &str = r#"silent
show-error
max-time = 14
noproxy = "*"
write-out = "\n%{http_code} %{http_version} %{content_type}"
"#;
