//! The command line program: its output, its files, its exit codes.

#![allow(clippy::unwrap_used, reason = "what fails in a helper fails the test")]

use std::{
    fs,
    path::Path,
    process::{Child, Command, Output, Stdio},
};

use tempfile::TempDir;

mod arguments;
mod init;
mod inspect;
mod inspect_server;
mod issue;
mod list;
mod modes;
mod renew;
mod revoke;
mod rollover;
mod rollover_killed;
mod rollover_wait;
mod secrets;
mod server;
mod verify;
mod watch;

fn good(place: &TempDir, arguments: &[&str]) -> String {
    let Output { status, stdout, stderr } = run(place, arguments);
    let words = String::from_utf8(stderr).unwrap();
    assert!(status.success(), "{arguments:?}: {words}");
    assert_eq!(words, "");
    String::from_utf8(stdout).unwrap()
}

fn bad(place: &TempDir, code: i32, arguments: &[&str]) -> String {
    let output = run(place, arguments);
    assert_eq!(output.status.code(), Some(code), "{arguments:?}");
    assert_eq!(output.stdout, b"");
    String::from_utf8(output.stderr).unwrap()
}

/// The output of a command that prints a result and exits with 1.
fn unfit(place: &TempDir, arguments: &[&str]) -> String {
    let output = run(place, arguments);
    assert_eq!(output.status.code(), Some(1), "{arguments:?}");
    assert_eq!(output.stderr, b"");
    String::from_utf8(output.stdout).unwrap()
}

fn run(place: &TempDir, arguments: &[&str]) -> Output {
    start(place, arguments).wait_with_output().unwrap()
}

fn start(place: &TempDir, arguments: &[&str]) -> Child {
    Command::new(env!("CARGO_BIN_EXE_certs"))
        .args(arguments)
        .arg("--dir")
        .arg(place.path())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
}

fn verify(place: &Path, name: &str, purpose: &str) -> String {
    let [root, list, leaf] = ["ca.crt", "ca.crl", "tls.crt"].map(|file| format!("{name}/{file}"));
    openssl(
        place,
        &[
            "verify",
            "-x509_strict",
            "-crl_check",
            "-CAfile",
            &root,
            "-CRLfile",
            &list,
            "-purpose",
            purpose,
            &leaf,
        ],
    )
}

fn openssl(place: &Path, arguments: &[&str]) -> String {
    let output = Command::new("openssl").args(arguments).current_dir(place).output().unwrap();
    String::from_utf8([output.stdout, output.stderr].concat()).unwrap()
}

fn files(place: &Path) -> Vec<(String, Vec<u8>)> {
    let mut found = Vec::new();
    let mut open = vec![place.to_owned()];
    while let Some(directory) = open.pop() {
        for entry in fs::read_dir(directory).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                open.push(path);
            } else {
                let name = path.strip_prefix(place).unwrap().display().to_string();
                found.push((name, fs::read(&path).unwrap()));
            }
        }
    }
    found.sort();
    found
}
