//! Thousands of requests by programs that count: nghttp and ab, both with a certificate. h2load
//! cannot show one, and so has its place before Envoy, in `gateway_envoy.rs`.

use std::process::Command;

use anyhow::Result;
use e2e::gateway::{Gateway, secure};
use e2e::pki::TestPki;
use e2e::program::Program;
use e2e::reflector::Reflector;

#[test]
fn thousands_of_requests_share_one_connection_of_http2() -> Result<()> {
    let pki = TestPki::new()?;
    let good = pki.identity("client-service");
    let reflector = Reflector::start()?;
    let gateway = Gateway::before(&pki, "required", &reflector.url())?;
    let mut nghttp = Command::new("nghttp");
    nghttp.arg("--cert").arg(good.chain()).arg("--key").arg(good.key());
    nghttp.args(["--null-out", "--stat", "--multiply", "3000", &gateway.url("/")]);

    let said = Program::run(&mut nghttp, "nghttp2-client", b"")?.good()?;

    let answered = said.stdout.lines().filter(|line| line.contains(" 200 ")).count();
    assert_eq!(answered, 3000, "{}", said.stderr);
    let accepted =
        gateway.service.events()?.iter().filter(|event| event["result"] == "accepted").count();
    assert_eq!(accepted, 1);
    Ok(())
}

#[test]
fn thousands_of_requests_by_http_1_0_are_kept_alive() -> Result<()> {
    let pki = TestPki::new()?;
    let good = pki.identity("client-service");
    let reflector = Reflector::start()?;
    let gateway = Gateway::before(&pki, "required", &reflector.url())?;
    let place = tempfile::tempdir()?;
    let both = place.path().join("both.pem");
    let text = [good.chain(), good.key()].map(std::fs::read_to_string);
    let [chain, key] = text;
    std::fs::write(&both, format!("{}{}", chain?, key?))?;
    let mut ab = Command::new("ab");
    ab.args(["-k", "-q", "-n", "3000", "-c", "8", "-E"]).arg(&both).arg(gateway.url("/"));

    let said = Program::run(&mut ab, "apache2-utils", b"")?.good()?.stdout;

    let number = |name: &str| {
        let line = said.lines().find_map(|line| line.strip_prefix(name));
        line.and_then(|line| line.trim().parse::<u64>().ok())
    };
    assert_eq!(number("Complete requests:"), Some(3000), "{said}");
    assert_eq!(number("Failed requests:"), Some(0), "{said}");
    assert_eq!(number("Keep-Alive requests:"), Some(3000), "{said}");
    assert_eq!(number("Non-2xx responses:"), None, "{said}");
    Ok(())
}

#[test]
fn h2load_finds_no_failure_where_no_certificate_is_asked_for() -> Result<()> {
    let pki = TestPki::new()?;
    let reflector = Reflector::start()?;
    let route = format!("[[route]]\nanonymous = true\nupstreams = [\"{}\"]\n", reflector.url());
    let gateway = Gateway::start(&pki, &format!("{}{route}", secure("optional")))?;
    let mut h2load = Command::new("h2load");
    h2load.args(["-n", "4000", "-c", "8", "-m", "50", &gateway.url("/")]);

    let said = Program::run(&mut h2load, "nghttp2-client", b"")?.good()?.stdout;

    assert!(said.contains("4000 succeeded, 0 failed, 0 errored, 0 timeout"), "{said}");
    assert!(said.contains("status codes: 4000 2xx"), "{said}");
    Ok(())
}
