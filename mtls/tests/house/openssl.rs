//! OpenSSL's command, for a second opinion and for what we refuse to make ourselves.

use std::io::Write;
use std::process::{Command, Stdio};

/// What `openssl` prints for these arguments and this standard input.
pub(crate) fn openssl(arguments: &[&str], input: &[u8]) -> String {
    String::from_utf8(openssl_bytes(arguments, input)).expect("openssl must print text")
}

/// The same, where it prints no text.
pub(crate) fn openssl_bytes(arguments: &[&str], input: &[u8]) -> Vec<u8> {
    let mut child = Command::new("openssl")
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("openssl must be installed");
    child.stdin.take().expect("it must be piped").write_all(input).expect("it must be read");
    let output = child.wait_with_output().expect("openssl must end");
    let complaint = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "openssl {arguments:?}: {complaint}");
    output.stdout
}
