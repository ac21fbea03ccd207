//! Commands that only pretend, for scripts that would otherwise change a cluster: each notes how
//! it was called, and answers as its few lines of shell say. Nothing else is found on the path.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result};
use tempfile::TempDir;

use crate::binaries::workspace;
use crate::program::{Outcome, Program};

/// A directory of commands, and what was asked of them.
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
        let path = std::env::var_os("PATH").unwrap_or_default();
        for tool in TOOLS {
            let places = std::env::split_paths(&path).map(|directory| directory.join(tool));
            let found = places.into_iter().find(|place| place.exists());
            symlink(found.with_context(|| format!("no {tool}"))?, fakes.bin().join(tool))?;
        }
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

    /// Runs `setup.sh` among them.
    ///
    /// # Errors
    ///
    /// It does not end.
    pub fn setup(&self, arguments: &[&str], settings: &[(&str, &str)]) -> Result<Outcome> {
        let mut command = Command::new("bash");
        command.arg(workspace().join("setup.sh")).args(arguments);
        command.env_clear().env("PATH", self.bin()).env("CERTS_DIR", self.file("pki"));
        command.envs(settings.iter().copied()).env("PLACE", self.place.path());
        Program::run(&mut command, "bash", b"")
    }

    /// How the commands were called, in this order.
    pub fn calls(&self) -> Vec<String> {
        let calls = fs::read_to_string(self.file("calls")).unwrap_or_default();
        calls.lines().map(str::to_owned).collect()
    }

    /// A file of their own; scripts have the directory as `$PLACE`.
    pub fn file(&self, name: &str) -> PathBuf {
        self.place.path().join(name)
    }

    fn bin(&self) -> PathBuf {
        self.file("bin")
    }
}

const TOOLS: [&str; 8] = ["bash", "cat", "dirname", "grep", "head", "id", "mkdir", "sed"];
