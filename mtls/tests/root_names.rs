//! The names of its roots that a server sends to its clients (`certificate_authorities`, RFC 8446,
//! section 4.2.4): all of them, or none if they are too long.

#![allow(clippy::unwrap_used, reason = "what fails in a helper fails the test")]

mod support;

use std::io::Write;
use std::net::SocketAddr;
use std::process::{Command, Stdio};

use authority::{Authority, AuthorityRequest};
use mtls::limits::Limits;
use rustls::version::{TLS12, TLS13};

use self::support::{ForeignClient, Server, TestClient, TestPki, hello, trust};

const REQUEST: &[u8] = b"GET / HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n";

#[test]
fn names_are_omitted_from_16_kib_on() {
    let pki: Vec<TestPki> = (0..400).map(|_| TestPki::new()).collect();
    let authorities: Vec<&Authority> = pki.iter().map(|pki| &pki.authority).collect();
    // On the wire each has a length of two bytes.
    let length = |count: usize| trust(&authorities[..count]).hint_left_out();

    let first = (1..=400).find(|count| length(*count).is_some()).unwrap();

    let bytes = length(first).unwrap();
    assert!(bytes > 16 * 1024 && bytes - bytes / first <= 16 * 1024, "{first}: {bytes}");
}

#[tokio::test(flavor = "multi_thread")]
async fn few_root_names_are_sent_1200_are_omitted_and_all_clients_connect() {
    for (count, has_names) in [(1, true), (200, true), (1200, false)] {
        let pki = TestPki::new();
        let others = (1..count).map(|_| {
            Authority::generate(&AuthorityRequest::default()).unwrap().root().pem().to_owned()
        });
        let roots: String = std::iter::once(pki.roots().to_owned()).chain(others).collect();
        let server = Server::presenting(&pki.server(), &roots, Limits::default(), hello());

        let ours = TestClient::new(&pki).fetch(&server.url("/")).await.unwrap().0;
        assert_eq!(ours, "hello", "our client, {count} roots");
        for version in [&TLS12, &TLS13] {
            let client = ForeignClient::speaking(&pki, Some(&pki.client()), &[version]);
            let answer = client.exchange(server.address, REQUEST).await.unwrap();
            let answer = String::from_utf8_lossy(&answer);
            assert!(answer.ends_with("hello"), "{version:?}, {count} roots: {answer}");
        }
        for version in ["-tls1_2", "-tls1_3"] {
            let address = server.address;
            let (leaf, roots) = (pki.client(), pki.roots().to_owned());
            let said = tokio::task::spawn_blocking(move || {
                s_client(address, version, &leaf.chain_pem(), &leaf.key_pem(), &roots)
            });
            let said = said.await.unwrap();
            assert!(said.contains("hello"), "{version}, {count} roots: {said}");
            let names = said.contains("Acceptable client certificate CA names");
            assert_eq!(names, has_names, "{version}, {count} roots: {said}");
        }
    }
}

/// What `openssl s_client` prints of one request.
fn s_client(address: SocketAddr, version: &str, chain: &str, key: &str, roots: &str) -> String {
    let directory = tempfile::tempdir().unwrap();
    let file = |name: &str, content: &str| {
        let path = directory.path().join(name);
        std::fs::write(&path, content).unwrap();
        path.display().to_string()
    };
    let (chain, key, roots) = (file("chain", chain), file("key", key), file("roots", roots));
    let mut child = Command::new("timeout")
        .args(["20", "openssl", "s_client", "-connect", &address.to_string(), version])
        .args(["-servername", "localhost", "-verify_return_error", "-ign_eof"])
        .args(["-cert", &chain, "-key", &key, "-CAfile", &roots])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(REQUEST).unwrap();
    let output = child.wait_with_output().unwrap();
    String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned()
}
