//! Commands that only pretend, for scripts that would otherwise change a cluster: each notes how
//! it was called, and answers as its few lines of shell say. Nothing else is found on the path.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result};
use tempfile::TempDir;

use crate::binaries::workspace;
use crate::cluster::Cluster;
use crate::engine::good;
use crate::manifests::{choose, kubectl};
use crate::program::Outcome;

/// A directory of commands, what was asked of them, and a copy of `setup.sh` and what it reads.
#[derive(Debug)]
pub struct Fakes {
    place: TempDir,
}

impl Fakes {
    /// The plain tools that every script may use, and no more.
    ///
    /// # Errors
    ///
    /// One of them is not installed.
    pub fn new() -> Result<Self> {
        let fakes = Self { place: tempfile::tempdir()? };
        fs::create_dir(fakes.bin())?;
        for tool in TOOLS {
            symlink(installed(tool)?, fakes.bin().join(tool))?;
        }
        fs::create_dir(fakes.file("tree"))?;
        let mut copy = Command::new("cp");
        copy.arg("-R").args(["setup.sh", "setup", "k8s"].map(|name| workspace().join(name)));
        good(copy.arg(fakes.file("tree")))?;
        Ok(fakes)
    }

    /// Pretends a command: `script` sees its arguments in `$*`.
    ///
    /// # Errors
    ///
    /// It cannot be written.
    pub fn with(self, name: &str, script: &str) -> Result<Self> {
        let calls = self.place.path().join("calls");
        let (calls, file) = (calls.display(), self.bin().join(name));
        let text = format!("#!/bin/bash\necho \"{name} $*\" >>'{calls}'\n{script}\n");
        fs::write(&file, text)?;
        fs::set_permissions(&file, fs::Permissions::from_mode(0o755))?;
        Ok(self)
    }

    /// The real kubectl on this stand-in of a cluster, but for the calls that `script`, some cases of
    /// a shell's `case "$*"`, answers itself.
    ///
    /// # Errors
    ///
    /// There is no kubectl.
    pub fn with_cluster(self, cluster: &Cluster, script: &str) -> Result<Self> {
        let found = kubectl()?;
        let kubectl = if found.is_absolute() { found } else { installed("kubectl")? };
        let settings = format!("export KUBECONFIG='{}'", cluster.kubeconfig().display());
        let real = format!("exec '{}' \"$@\"", kubectl.display());
        self.with("kubectl", &format!("{settings}\ncase \"$*\" in\n{script}\n*) {real} ;;\nesac"))
    }

    /// Chooses components in the copy of `k8s/Kustomization`.
    ///
    /// # Errors
    ///
    /// There is none of this name.
    pub fn with_components(self, components: &[&str]) -> Result<Self> {
        let file = self.file("tree/k8s/Kustomization");
        fs::write(&file, choose(&fs::read_to_string(&file)?, components)?)?;
        Ok(self)
    }

    /// Runs `setup.sh` among them. It ends, or is ended after two minutes.
    ///
    /// # Errors
    ///
    /// It cannot be started.
    pub fn setup(&self, arguments: &[&str], settings: &[(&str, &str)]) -> Result<Outcome> {
        let mut command = Command::new(installed("timeout")?);
        command.args(["120", "bash"]).arg(self.file("tree/setup.sh")).args(arguments);
        command.env_clear().env("PATH", self.bin()).env("HOME", self.place.path());
        command.envs(settings.iter().copied()).env("PLACE", self.place.path());
        let output = command.output()?;
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let (stdout, stderr) = (text(&output.stdout), text(&output.stderr));
        Ok(Outcome { code: output.status.code(), stderr, stdout })
    }

    /// How the commands were called, in this order.
    pub fn calls(&self) -> Vec<String> {
        let calls = fs::read_to_string(self.file("calls")).unwrap_or_default();
        calls.lines().map(str::to_owned).collect()
    }

    /// A file of their own; scripts have the directory as `$PLACE`. The copy of the sources is `tree`.
    pub fn file(&self, name: &str) -> PathBuf {
        self.place.path().join(name)
    }

    fn bin(&self) -> PathBuf {
        self.file("bin")
    }
}

fn installed(tool: &str) -> Result<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut places = std::env::split_paths(&path).map(|directory| directory.join(tool));
    places.find(|place| place.exists()).with_context(|| format!("no {tool}"))
}

const TOOLS: [&str; 18] = [
    "awk", "bash", "cat", "cp", "date", "dirname", "env", "grep", "head", "id", "mkdir", "mktemp",
    "rm", "sed", "sleep", "sort", "tee", "tr",
];
