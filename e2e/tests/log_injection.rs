//! What strangers, callers and upstreams send, in every field that they choose: no line of a log
//! is long, forged or painted, and no metric has it.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::process::Command;
use std::thread::spawn;

use anyhow::{Context, Result, ensure};
use authority::LeafRequest;
use e2e::binaries::binary;
use e2e::curl::Curl;
use e2e::deadline::eventually;
use e2e::gateway::Gateway;
use e2e::identity::Identity;
use e2e::openssl::{Client, openssl};
use e2e::pki::TestPki;
use e2e::port::Port;
use e2e::program::Program;
use serde_json::Value;

#[test]
fn the_api_logs_no_more_than_excerpts_as_json() -> Result<()> {
    let pki = TestPki::new()?;
    let api = pki.api().start()?;
    let good = pki.identity("client-service");
    ensure!(Curl::get(&api.url("/api/data")).presenting(&good).run()?.status == 200);

    let count = send_everything(&pki, |identity| Client::to(api.address, identity))?;

    eventually("a line of each request", || {
        let answered = api.log().iter().filter(|line| is_of_a_request(line)).count();
        Ok((answered > count).then_some(()))
    })?;
    api.logged("the refusal", |line| line["level"] == "WARN" && line["serial"].is_string())?;
    is_clean(&api.output())?;
    api.log().iter().try_for_each(is_cut)?;
    is_unlabelled(&api.admin("/metrics")?)
}

#[test]
fn the_api_logs_no_more_than_excerpts_as_text() -> Result<()> {
    let pki = TestPki::new()?;
    let (port, admin) = (Port::reserve()?, Port::reserve()?);
    let mut command = Command::new(binary("api-service")?);
    let identity = pki.identity("api-service");
    let settings = [("HOST", "127.0.0.1"), ("LOG_FORMAT", "text"), ("RUST_LOG", "trace")];
    command.env_clear().envs(settings).env("CERT_PATH", identity.directory());
    command.env("PORT", port.number.to_string()).env("ADMIN_PORT", admin.number.to_string());
    let address = port.address();
    let mut api = Program::start(&mut command, "cargo")?;
    port.is_taken_by(&mut api)?;

    let count = send_everything(&pki, |identity| Client::to(address, identity))?;

    eventually("a line of each request", || {
        Ok((api.stdout().matches(" INFO request answered ").count() >= count).then_some(()))
    })?;
    eventually("the refusal", || Ok(api.stdout().contains(" WARN refused: ").then_some(())))?;
    is_clean(&api.stdout())
}

#[test]
fn the_gateway_logs_only_excerpts_of_clients_and_upstreams() -> Result<()> {
    let pki = TestPki::new()?;
    let hostile = format!("HTTP/1.1 2\u{1b}[31m{}\r\nx: \u{202e}\r\n\r\n", "Z".repeat(3000));
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let upstream = format!("http://{}", listener.local_addr()?);
    spawn(move || {
        for stream in listener.incoming() {
            let _ = stream.and_then(|mut stream| {
                let _ = stream.read(&mut [0; 65536])?;
                stream.write_all(hostile.as_bytes())
            });
        }
    });
    let gateway = Gateway::before(&pki, "required", &upstream)?;
    let good = pki.identity("client-service");
    ensure!(gateway.curl("/", &good).run()?.status == 502);

    let count = send_everything(&pki, |identity| Client::to(gateway.service.address, identity))?;

    eventually("a line of each request", || {
        let answered = gateway.service.log().iter().filter(|line| is_of_a_request(line)).count();
        Ok((answered > count).then_some(()))
    })?;
    is_clean(&gateway.service.output())?;
    gateway.service.log().iter().try_for_each(is_cut)?;
    is_unlabelled(&gateway.service.admin("/metrics")?)?;
    is_unlabelled(&gateway.service.admin("/state")?)
}

/// Has every hostile certificate and every hostile head sent, and returns how many heads there are.
fn send_everything(pki: &TestPki, client: impl Fn(&Identity) -> Client) -> Result<usize> {
    let stranger = pki.self_signed("hostile", false)?;
    let (chain, key) =
        (stranger.chain().display().to_string(), stranger.key().display().to_string());
    let subject = format!(
        "/CN=evil\r\n2026-01-01T00:00:00Z  INFO forged\u{1b}[31m\u{202e}/OU={}",
        "Z".repeat(60)
    );
    // As long as a certificate may be to be looked at.
    let serial = format!("0x7{}", "f".repeat(90_000));
    let arguments = [
        "req",
        "-x509",
        "-key",
        &key,
        "-out",
        &chain,
        "-utf8",
        "-subj",
        &subject,
        "-set_serial",
        &serial,
    ];
    openssl(&arguments)?;
    let answer = client(&stranger).presenting(&stranger)?.request()?;
    ensure!(answer.alert.is_some(), "the stranger was accepted: {}", answer.stdout);

    let id = format!("spiffe://mtls-demo.local/{}", "Z".repeat(2000));
    let request = LeafRequest::new("evil=\"x\" code=\"forged\"").spiffe(id);
    let caller = pki.save("caller", &pki.authority()?.issue(&request)?)?;
    let long = "Z".repeat(3000);
    let paint = "\u{1b}[31m\u{9b}\u{202e}\u{2028}\u{e0041}";
    let heads = [
        format!("{long} / HTTP/1.1\r\nHost: localhost\r\n"),
        format!("GET /{long} HTTP/1.1\r\nHost: localhost\r\n"),
        "GET /\u{202e}\u{2028}\u{9b}\u{e0041}\"x=y\" HTTP/1.1\r\nHost: localhost\r\n".to_owned(),
        format!("GET /?{long} HTTP/1.1\r\nHost: localhost\r\n"),
        format!("GET / HTTP/1.1\r\nHost: {long}\r\n"),
        format!("GET http://{long}/ HTTP/1.1\r\nHost: {long}\r\n"),
        format!("GET / HTTP/1.1\r\nHost: localhost\r\n{long}: x\r\nUser-Agent: {long}\r\nReferer: {long}\r\n"),
        format!("GET / HTTP/1.1\r\nHost: localhost\r\ntraceparent: 00-{long}-{long}-01\r\ntracestate: a={long}\r\n"),
        "GET / HTTP/1.1\r\nHost: localhost\r\ntraceparent: 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01\r\ntracestate: Z\r\n".to_owned(),
        format!("POST / HTTP/1.1\r\nHost: localhost\r\nContent-Type: {long}\r\nContent-Length: 0\r\n"),
        format!("GET / HTTP/1.1\r\nHost: localhost\r\nX-Forwarded-For: {long}\r\nForwarded: for={long}\r\n"),
    ];
    for head in &heads {
        let client = client(&caller).presenting(&caller)?.with(&["-ign_eof", "-quiet"]);
        let mut program = client.start()?;
        program.write_stdin(format!("{head}Connection: close\r\n\r\n").as_bytes())?;
        let said = program.end()?;
        ensure!(said.stdout.contains("HTTP/1.1 "), "{head:.40} was not answered: {said:?}");
    }
    // These are no HTTP, so there is no request, and nothing need be answered.
    for bytes in [format!("GET / HTTP/1.1\r\nHost: {paint}\r\n\r\n"), format!("{paint}\r\n\r\n")] {
        let mut program = client(&caller).presenting(&caller)?.with(&["-ign_eof"]).start()?;
        program.write_stdin(bytes.as_bytes())?;
        program.end()?;
    }
    Ok(heads.len())
}

fn is_of_a_request(line: &Value) -> bool {
    line["message"].as_str().is_some_and(|message| message.starts_with("request "))
}

/// No line is long, and none has a character that ends, hides or paints it.
fn is_clean(log: &str) -> Result<()> {
    for line in log.lines() {
        ensure!(line.len() <= LONGEST, "a line of {} bytes: {line:.300}", line.len());
        let bad = line.chars().find(|c| c.is_control() || HIDING.contains(c));
        ensure!(bad.is_none(), "{bad:?} in {line}");
        ensure!(!line.starts_with("2026-01-01T00:00:00Z"), "forged: {line}");
    }
    Ok(())
}

/// Every field of a line, whichever there are, holds an excerpt.
fn is_cut(line: &Value) -> Result<()> {
    for (name, value) in line.as_object().context("a line must be an object")? {
        let length = value.as_str().map_or(0, str::len);
        let most =
            if name == "message" { EXCERPT + "refused by the other side: ".len() } else { EXCERPT };
        ensure!(length <= most, "{name} has {length} bytes: {line}");
    }
    Ok(())
}

/// What peers chose stands in no label and no name.
fn is_unlabelled(metrics: &str) -> Result<()> {
    for line in metrics.lines() {
        ensure!(!line.contains(&"Z".repeat(EXCERPT + 1)), "{line:.300}");
    }
    Ok(())
}

const EXCERPT: usize = 256;
const HIDING: [char; 4] = ['\u{202e}', '\u{2028}', '\u{e0041}', '\u{9b}'];
const LONGEST: usize = 8192;
