//! Where our own binaries are: beside the tests, built when they are first asked for.

use std::fs::{File, OpenOptions};
use std::io::{Read, Seek, Write};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use anyhow::{Context, Result, bail, ensure};
use rustix::fs::{FlockOperation, flock};

/// The path of one of our binaries, built from the sources as they are now.
///
/// # Errors
///
/// They do not build.
pub fn binary(name: &str) -> Result<PathBuf> {
    static BUILT: OnceLock<std::result::Result<PathBuf, String>> = OnceLock::new();
    let built = BUILT.get_or_init(|| built().map_err(|error| format!("{error:#}")));
    match built {
        Ok(directory) => Ok(directory.join(name)),
        Err(error) => bail!("{error}"),
    }
}

/// The path of an example of one of our libraries, built likewise.
///
/// # Errors
///
/// It does not build.
pub fn example(name: &str) -> Result<PathBuf> {
    let directory = profile_directory()?;
    // With the whole workspace, for the features that its tests were built with.
    build(&directory, &["--example", name])?;
    Ok(directory.join("examples").join(name))
}

/// The root of the workspace.
pub fn workspace() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap_or(Path::new("."))
}

/// Where cargo puts what it builds.
///
/// # Errors
///
/// This is no test that cargo built.
pub fn target() -> Result<PathBuf> {
    Ok(profile_directory()?.parent().context("a profile's directory must be in another")?.into())
}

/// Cargo builds the binaries of other packages for nobody's tests but their own. One test of a
/// run has cargo look whether anything is to be done; the others wait for it.
fn built() -> Result<PathBuf> {
    let directory = profile_directory()?;
    let stamp = directory.join("e2e.run");
    let mut stamp =
        OpenOptions::new().read(true).write(true).create(true).truncate(false).open(stamp)?;
    flock(&stamp, FlockOperation::LockExclusive)?;
    let run = std::env::var("NEXTEST_RUN_ID").unwrap_or_default();
    if run.is_empty() || content(&mut stamp)? != run {
        build(&directory, &["--bins"])?;
        stamp.set_len(0)?;
        stamp.rewind()?;
        stamp.write_all(run.as_bytes())?;
    }
    Ok(directory)
}

fn build(directory: &Path, what: &[&str]) -> Result<()> {
    let profile = match directory.file_name().and_then(|name| name.to_str()) {
        Some("debug") => "dev",
        Some(name) => name,
        None => bail!("{} has no name", directory.display()),
    };
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    // The whole workspace, so that cargo chooses the features of `cargo build --workspace`, and
    // has nothing to do after it.
    let output = Command::new(cargo)
        .args(["build", "--quiet", "--workspace", "--profile", profile])
        .args(what)
        .arg("--target-dir")
        .arg(target()?)
        .current_dir(workspace())
        .output()
        .context("cargo must run")?;
    let complaint = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "our binaries do not build: {complaint}");
    Ok(())
}

/// `target/debug/deps/click-0123` runs here.
fn profile_directory() -> Result<PathBuf> {
    let test = std::env::current_exe()?;
    let directory = test.parent().and_then(Path::parent);
    Ok(directory.with_context(|| format!("{} is no test of cargo's", test.display()))?.to_owned())
}

fn content(file: &mut File) -> Result<String> {
    let mut text = String::new();
    file.read_to_string(&mut text)?;
    Ok(text)
}
