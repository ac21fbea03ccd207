//! The container engine, where there is one, and the images that it builds from our sources.

use std::fs::{File, OpenOptions};
use std::io::{Read, Seek, Write};
use std::process::{Command, Output};

use anyhow::{Context, Result, ensure};
use rustix::fs::{FlockOperation, flock};

use crate::binaries::{target, workspace};

/// A container engine that answers. Tests have it one after the other.
#[derive(Debug)]
pub struct Engine {
    _alone: File,
}

impl Engine {
    /// The engine, with our images built for a test: optimised less, or else they would take
    /// longer to build than all tests to run. Without an engine this says loudly that the test is
    /// skipped.
    ///
    /// # Errors
    ///
    /// The images do not build.
    pub fn with_images() -> Result<Option<Self>> {
        if let Some(missing) = missing() {
            println!("SKIPPED: containers were NOT tested: {missing}");
            return Ok(None);
        }
        let stamp = target()?.join("containers.run");
        let mut stamp =
            OpenOptions::new().read(true).write(true).create(true).truncate(false).open(stamp)?;
        flock(&stamp, FlockOperation::LockExclusive)?;
        let mut built = String::new();
        stamp.read_to_string(&mut built)?;
        let run = std::env::var("NEXTEST_RUN_ID").unwrap_or_default();
        if run.is_empty() || built != run {
            build()?;
            stamp.set_len(0)?;
            stamp.rewind()?;
            stamp.write_all(run.as_bytes())?;
        }
        Ok(Some(Self { _alone: stamp }))
    }

    /// What a docker command says on standard output.
    ///
    /// # Errors
    ///
    /// It fails.
    pub fn docker(&self, arguments: &[&str]) -> Result<String> {
        Ok(String::from_utf8_lossy(&self.docker_bytes(arguments)?).trim_end().to_owned())
    }

    /// The same, where it is no text.
    ///
    /// # Errors
    ///
    /// It fails.
    pub fn docker_bytes(&self, arguments: &[&str]) -> Result<Vec<u8>> {
        Ok(good(Command::new("docker").args(arguments))?.stdout)
    }

    /// Has a stand-in of an image made, where it cannot be pulled.
    ///
    /// # Errors
    ///
    /// It cannot be made either.
    pub fn stand_in(&self, name: &str) -> Result<()> {
        stand_in(name)
    }
}

/// Runs a command to its end, however long that takes.
pub(crate) fn good(command: &mut Command) -> Result<Output> {
    let name = format!("{command:?}");
    let output = command.output().with_context(|| name.clone())?;
    let said = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "{name}: {}{said}", String::from_utf8_lossy(&output.stdout));
    Ok(output)
}

fn missing() -> Option<String> {
    let answers = |program: &str, arguments: &[&str]| {
        let output = Command::new(program).args(arguments).output();
        output.is_ok_and(|output| output.status.success())
    };
    if !answers("docker", &["info"]) {
        Some("no Docker engine answers".to_owned())
    } else if !answers("docker", &["compose", "version"])
        && !answers("docker-compose", &["version"])
    {
        Some("there is no docker compose".to_owned())
    } else {
        None
    }
}

fn build() -> Result<()> {
    stand_in("rust")?;
    for name in TARGETS {
        let tag = format!("mtls-demo/{name}:{TAG}");
        let arguments = ["build", "--target", name, "--tag", &tag, "--build-arg"];
        let mut command = Command::new("docker");
        command.args(arguments).arg(format!("PROFILE={PROFILE}")).arg(workspace());
        good(&mut command)?;
    }
    Ok(())
}

fn stand_in(name: &str) -> Result<()> {
    good(Command::new(workspace().join("e2e/images/make.sh")).arg(name)).map(drop)
}

/// What the Dockerfile builds.
pub const TARGETS: [&str; 4] = ["api-service", "certs", "client-service", "gateway"];
pub(crate) const PROFILE: &str = "image-test";
/// The tests' own, so that they take nobody's images from him.
pub const TAG: &str = "test";
