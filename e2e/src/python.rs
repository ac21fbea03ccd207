//! Programs from PyPI, in a private environment that is made once: what stands in
//! `requirements.txt`, in the versions that stand there.

use std::fs::OpenOptions;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result, ensure};
use rustix::fs::{FlockOperation, flock};

use crate::binaries::{target, workspace};

/// A program of the environment, such as `gunicorn`.
///
/// # Errors
///
/// The environment cannot be made.
pub fn program(name: &str) -> Result<Command> {
    let mut command = Command::new(environment()?.join("bin").join(name));
    // Nobody's modules but its own, and a log that is written at once.
    command.env_remove("PYTHONPATH").env("PYTHONUNBUFFERED", "1");
    Ok(command)
}

/// A script of `e2e/foreign`, such as `websocket_client.py`.
///
/// # Errors
///
/// The environment cannot be made.
pub fn script(name: &str) -> Result<Command> {
    let mut command = program("python")?;
    command.arg(workspace().join("e2e/foreign").join(name));
    Ok(command)
}

/// The environment's directory. One test makes it; the others wait.
fn environment() -> Result<PathBuf> {
    let target = target()?;
    let lock = target.join("e2e-venv.lock");
    let lock = OpenOptions::new().write(true).create(true).truncate(false).open(lock)?;
    flock(&lock, FlockOperation::LockExclusive)?;
    let environment = target.join("e2e-venv");
    let output = Command::new(workspace().join("e2e/venv.sh")).arg(&environment).output();
    let output = output.context("e2e/venv.sh must run")?;
    let complaint = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "e2e/venv.sh failed: {complaint}");
    Ok(environment)
}
