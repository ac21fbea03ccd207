//! The examples run as their first lines say, and answer curl.

#![allow(clippy::unwrap_used, reason = "what fails in a helper fails the test")]

mod support;

use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Output, Stdio};

use authority::{Leaf, LeafRequest};

use self::support::{ID, IdentityDirectory, TestPki, empty_list, files};

#[test]
fn the_axum_example_serves_its_caller_and_refuses_others() {
    let pki = TestPki::new();
    let server = directory(&pki, &pki.server());
    let good = directory(&pki, &pki.client());
    let other = directory(&pki, &pki.issue(&LeafRequest::new("other").dns("other")));
    let example = Example::start("axum", &server, &[CLIENT]);

    assert_eq!(example.curl(&good, "/", &[]), (200, format!("hello {CLIENT}\n")));
    let (status, body) = example.curl(&other, "/", &[]);
    assert_eq!(status, 403);
    assert!(body.contains("not-allowed"), "{body}");
}

#[test]
fn the_hyper_example_names_its_caller_and_refuses_other_authorities() {
    let pki = TestPki::new();
    let server = directory(&pki, &pki.server());
    let good = directory(&pki, &pki.client());
    let foreign = TestPki::new();
    let foreign_client =
        IdentityDirectory::with(&files(&pki, &foreign.client(), &empty_list(&pki, 1)));
    let example = Example::start("hyper", &server, &[]);

    assert_eq!(example.curl(&good, "/", &[]), (200, format!("hello {CLIENT}\n")));
    let output = example.run_curl(&foreign_client, "/", &[]);
    assert!(String::from_utf8_lossy(&output.stderr).contains("unknown ca"), "{output:?}");
}

#[test]
fn the_tonic_example_authorizes_each_method_by_itself() {
    let pki = TestPki::new();
    let server = directory(&pki, &pki.server());
    let checker = directory(&pki, &pki.client());
    let watcher = LeafRequest::new("watcher").spiffe(WATCHER);
    let watcher = directory(&pki, &pki.issue(&watcher));
    let example = Example::start("tonic", &server, &[CLIENT, WATCHER]);
    // One message without content: a flag and a length (gRPC over HTTP/2, Length-Prefixed-Message).
    let message = server.path().join("message");
    std::fs::write(&message, [0; 5]).unwrap();
    let body = format!("@{}", message.display());
    let call = |test_client, method: &str| {
        let path = format!("/grpc.health.v1.Health/{method}");
        let options = [
            "--http2",
            "--data-binary",
            &body,
            "-H",
            "content-type: application/grpc",
            "-i",
            "-m",
            "1",
        ];
        let output = example.run_curl(test_client, &path, &options);
        String::from_utf8_lossy(&output.stdout).into_owned()
    };

    let answer = call(&checker, "Check");
    assert!(answer.starts_with("HTTP/2 200") && answer.contains("grpc-status: 0"), "{answer}");
    assert!(call(&checker, "Watch").starts_with("HTTP/2 403"));
    assert!(call(&watcher, "Watch").starts_with("HTTP/2 200"));
    assert!(call(&watcher, "Check").starts_with("HTTP/2 403"));
}

#[test]
fn the_client_example_prints_the_answer_or_the_refusal() {
    let pki = TestPki::new();
    let server = directory(&pki, &pki.server());
    let good = directory(&pki, &pki.client());
    let example = Example::start("axum", &server, &[CLIENT]);
    let url = format!("https://localhost:{}/", example.port);
    let run = |spiffe_id: &str| {
        Command::new(binary("client")).arg(good.path()).args([&url, spiffe_id]).output().unwrap()
    };

    let answered = run(ID);
    let refused = run("spiffe://mtls-demo.local/ns/default/sa/another");

    assert!(String::from_utf8_lossy(&answered.stdout).contains(&format!("hello {CLIENT}")));
    assert!(answered.status.success());
    assert!(String::from_utf8_lossy(&refused.stderr).contains("wrong-name"), "{refused:?}");
    assert!(!refused.status.success());
}

#[test]
fn the_examples_are_short() {
    for name in ["axum", "client", "hyper", "tonic"] {
        let source = format!("{}/examples/{name}.rs", env!("CARGO_MANIFEST_DIR"));
        let lines = std::fs::read_to_string(source).unwrap().lines().count();
        assert!(lines < 60, "{name}: {lines} lines");
    }
}

/// A running example; ended when dropped.
struct Example {
    child: Child,
    port: u16,
}

impl Example {
    fn start(name: &str, identity: &IdentityDirectory, arguments: &[&str]) -> Self {
        let mut command = Command::new(binary(name));
        command.arg(identity.path()).arg("127.0.0.1:0").args(arguments).stdout(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
        let port = line.trim().rsplit(':').next().unwrap().parse().unwrap();
        Self { child, port }
    }

    fn curl(&self, test_client: &IdentityDirectory, path: &str, options: &[&str]) -> (u16, String) {
        let output = self.run_curl(test_client, path, &[&["-w", "%{http_code}"], options].concat());
        let mut body = String::from_utf8(output.stdout.clone()).unwrap();
        let status = body.split_off(body.len().saturating_sub(3));
        (status.parse().unwrap(), body)
    }

    fn run_curl(&self, test_client: &IdentityDirectory, path: &str, options: &[&str]) -> Output {
        let file = |name| test_client.path().join(name);
        let mut curl = Command::new("curl");
        curl.args(["-sS", "-m", "10"]).arg("--cacert").arg(file("ca.crt"));
        curl.arg("--cert").arg(file("tls.crt")).arg("--key").arg(file("tls.key"));
        curl.args(options).arg(format!("https://localhost:{}{path}", self.port));
        curl.output().unwrap()
    }
}

impl Drop for Example {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Cargo builds the examples beside the directory of the tests.
fn binary(name: &str) -> PathBuf {
    let test = std::env::current_exe().unwrap();
    test.parent().unwrap().parent().unwrap().join("examples").join(name)
}

fn directory(pki: &TestPki, leaf: &Leaf) -> IdentityDirectory {
    IdentityDirectory::with(&files(pki, leaf, &empty_list(pki, 1)))
}

const CLIENT: &str = "spiffe://mtls-demo.local/ns/default/sa/client-service";
const WATCHER: &str = "spiffe://mtls-demo.local/ns/default/sa/watcher";
