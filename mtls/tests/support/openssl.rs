//! The `openssl` command, for independent results and for certificates that `authority` refuses.

use std::io::Write;
use std::process::{Command, Stdio};

use super::{Server, within};

/// The output of `openssl` for these arguments and this standard input.
pub(crate) fn openssl(arguments: &[&str], input: &[u8]) -> String {
    String::from_utf8(openssl_bytes(arguments, input)).expect("openssl must print text")
}

/// The same, for binary output.
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

/// Sends a request to `server` with `openssl s_client`; the server's events show the result.
pub(crate) async fn s_client(server: &Server, arguments: &[&str]) {
    let mut command = Command::new("openssl");
    command.args(["s_client", "-connect", &server.address.to_string()]).args(arguments);
    command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
    let run = tokio::task::spawn_blocking(move || {
        let mut child = command.spawn().expect("openssl must be installed");
        let mut input = child.stdin.take().expect("it must be piped");
        // It may have exited already.
        let _ = input.write_all(b"GET / HTTP/1.1\r\nhost: localhost\r\n\r\n");
        drop(input);
        child.wait().expect("openssl must end")
    });
    within("openssl", run).await.expect("it must end");
}
