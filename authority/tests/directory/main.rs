//! The files on disk after a complete run, an interrupted run, and concurrent runs.

#![allow(clippy::unwrap_used, reason = "what fails in a helper fails the test")]

use std::{fs, path::Path};

use tempfile::TempDir;

use authority::{Directory, IdentityName, IdentityOutcome, LeafRequest};

mod authority_files;
mod identity;
mod renewals;
mod revocation;
mod rollover;
mod rollover_refusal;

fn prepared() -> (TempDir, Directory) {
    let place = tempfile::tempdir().unwrap();
    let directory = Directory::new(place.path());
    directory.create_and_lock().unwrap().ensure_authority(false).unwrap();
    (place, directory)
}

fn issue(directory: &Directory, text: &str) {
    let mut locked = directory.lock().unwrap();
    locked.issue(&name(text), &LeafRequest::new(text)).unwrap();
}

fn ensure(directory: &Directory, text: &str, request: &LeafRequest) -> IdentityOutcome {
    let mut locked = directory.lock().unwrap();
    locked.ensure_identity(&name(text), request, false).unwrap()
}

fn name(text: &str) -> IdentityName {
    text.parse().unwrap()
}

fn remove(path: &Path, file: &str) {
    fs::remove_file(path.join(file)).unwrap();
}

fn put(path: &Path, file: &str, content: &str) {
    fs::write(path.join(file), content).unwrap();
}

fn copy(from: &Path, to: &Path, file: &str) {
    fs::copy(from.join("a").join(file), to.join(file)).unwrap();
}
