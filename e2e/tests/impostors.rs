//! Servers that the client service refuses as the API, and the reason that it gives: in its response,
//! in its log, and to the impostor itself.

use std::io::{Read, Write};
use std::net::TcpListener;

use anyhow::{Context, Result, ensure};
use authority::{Authority, AuthorityRequest, LeafRequest, Usage};
use e2e::curl::Curl;
use e2e::deadline::eventually;
use e2e::identity::Identity;
use e2e::openssl::{Server, alert_in};
use e2e::pki::TestPki;
use e2e::service::Service;
use serde_json::Value;

#[test]
fn impostors_are_refused_each_for_its_own_reason() -> Result<()> {
    let pki = TestPki::new()?;
    shown_the_good_api(&pki)?;
    let other_pki = TestPki::new()?;
    let root = pki.authority()?;
    let same_name = Authority::generate(&AuthorityRequest::default().subject_of(&root))?;
    let request =
        || LeafRequest::new("api-service").dns("localhost").spiffe(ID).usage(Usage::Server);
    let past = ["--not-before", "2020-01-01T00:00:00Z", "--not-after", "2021-01-01T00:00:00Z"];
    let future = ["--not-before", "2098-01-01T00:00:00Z", "--lifetime", "1d"];
    let good = ["--usage", "server", "--dns", "localhost", "--spiffe", ID];
    let issue = |name: &str, more: &[&str]| pki.issue(name, &[&good, more].concat());
    let anonymous = ["--usage", "server", "--dns", "localhost"];
    let elsewhere = ["--usage", "server", "--dns", "elsewhere.example", "--spiffe", ID];
    let caller = ["--usage", "client", "--dns", "localhost", "--spiffe", ID];
    let revoked = issue("revoked", &[])?;
    pki.certs(&["revoke", "revoked"])?;

    let rows = [
        (pki.self_signed("self", false)?, "self-signed", 48, ""),
        (other_pki.identity("api-service"), "unknown-issuer", 48, ""),
        (pki.save("same", &same_name.issue(&request())?)?, "unknown-issuer", 48, ""),
        (issue("ended", &past)?, "expired", 45, "ended at 2021-01-01"),
        (
            pki.save("unstated", &root.issue(&request().usage(Usage::Unstated))?)?,
            "wrong-purpose",
            43,
            "",
        ),
        (pki.issue("caller", &caller)?, "wrong-purpose", 43, "it is for clientAuth"),
        (pki.issue("elsewhere", &elsewhere)?, "wrong-name", 42, "it has elsewhere.example"),
        (pki.identity("gateway"), "wrong-name", 42, "ns/default/sa/gateway"),
        (pki.issue("anonymous", &anonymous)?, "wrong-name", 42, "no SPIFFE ID"),
        (revoked, "revoked", 44, ""),
    ];
    rows.iter().try_for_each(|(identity, code, alert, words)| {
        let name = identity.directory().display().to_string();
        refuses(&pki, identity, code, *alert, words).with_context(|| format!("{name}: {code}"))
    })?;
    // One that begins only when its authority has ended: `certs` has no such leaf.
    assert!(issue("to-come", &future).is_err());
    Ok(())
}

#[test]
fn our_own_api_service_of_another_pki_is_refused() -> Result<()> {
    let pki = TestPki::new()?;
    shown_the_good_api(&pki)?;
    let impostor = TestPki::new()?.api().start()?;
    let client = pki.client(&impostor).start()?;

    let problem = refusal_of(&client)?;

    assert_eq!(problem["refusal"]["code"], "unknown-issuer");
    let shown = &impostor.refusals(1)?[0];
    assert_eq!((&shown["code"], &shown["side"]), (&"refused-by-peer".into(), &"client".into()));
    assert_eq!(shown["alert"], problem["refusal"]["alert"]);
    Ok(())
}

#[test]
fn plain_http_in_the_apis_place_is_refused() -> Result<()> {
    let pki = TestPki::new()?;
    shown_the_good_api(&pki)?;
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let url = format!("https://localhost:{}", listener.local_addr()?.port());
    std::thread::spawn(move || {
        while let Ok((mut tcp, _)) = listener.accept() {
            let _ = tcp.write_all(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n");
            let _ = tcp.read(&mut [0; 4096]);
        }
    });
    let client = pki.client_calling(&url).start()?;

    let problem = refusal_of(&client)?;

    assert_eq!(problem["refusal"]["code"], "not-tls");
    Ok(())
}

#[test]
fn an_api_that_speaks_only_what_is_too_old_is_refused() -> Result<()> {
    let pki = TestPki::new()?;
    shown_the_good_api(&pki)?;
    let old = ["-tls1_1", "-cipher", "DEFAULT@SECLEVEL=0"];
    let server = Server::presenting(&pki.identity("api-service"), &old)?;
    let client = pki.client_calling(&server.url()).start()?;

    let problem = refusal_of(&client)?;

    // OpenSSL refuses first, and says so; we get its alert, protocol_version.
    assert_eq!(problem["refusal"]["alert"]["number"], 70);
    assert_eq!(problem["refusal"]["code"], "refused-by-peer");
    Ok(())
}

/// A refusal test first shows that the good peer succeeds: ours, and OpenSSL with our identity.
fn shown_the_good_api(pki: &TestPki) -> Result<()> {
    let api = pki.api().start()?;
    let client = pki.client(&api).start()?;
    let answer = Curl::get(&client.url("/proxy/data")).run()?;
    ensure!(answer.status == 200, "{answer:?}");
    let server = Server::presenting(&pki.identity("api-service"), &["-www"])?;
    let client = pki.client_calling(&server.url()).start()?;
    // A page of OpenSSL's is no data; but it came.
    let answer = Curl::get(&client.url("/proxy/data")).run()?;
    ensure!(answer.json()?["error"] == "api-bad-answer", "{answer:?}");
    Ok(())
}

/// One that shows this identity at the API's address is refused, and gets the alert.
fn refuses(pki: &TestPki, impostor: &Identity, code: &str, alert: u64, words: &str) -> Result<()> {
    let server = Server::presenting(impostor, &[])?;
    let client = pki.client_calling(&server.url()).start()?;

    let problem = refusal_of(&client)?;

    let refusal = &problem["refusal"];
    ensure!(refusal["code"] == code && refusal["side"] == "client", "{refusal}");
    ensure!(refusal["sentence"].as_str().is_some_and(|shown| shown.contains(words)), "{refusal}");
    ensure!(refusal["certificate"].is_object(), "{refusal}");
    ensure!(refusal["alert"]["number"] == alert, "{refusal}");
    let shown = eventually("the alert at the impostor", || Ok(alert_in(&server.program.stderr())))?;
    ensure!(u64::from(shown) == alert, "the impostor got alert {shown}: {refusal}");
    Ok(())
}

/// The problem that a click ends in: the same refusal in the response, on `/handshakes` and in
/// the log.
fn refusal_of(client: &Service) -> Result<Value> {
    let answer = Curl::get(&client.url("/proxy/data")).run()?;
    ensure!(answer.status == 502, "{answer:?}");
    ensure!(answer.content_type == "application/problem+json", "{answer:?}");
    let problem = answer.json()?;
    ensure!(problem["error"] == "api-refused" && problem["status"] == 502, "{problem}");
    let refusal = &problem["refusal"];
    ensure!(&client.refusals(1)?[0] == refusal, "{problem}");
    let line = client.logged_refusal(refusal)?;
    ensure!(line["code"] == refusal["code"], "{line}");
    let click = client.logged("the click's log line", |line| line["message"] == "api called")?;
    ensure!(click["ok"] == false && click["error"].is_string(), "{click}");
    let health = Curl::get(&client.url("/health")).run()?;
    ensure!(health.status == 200, "{health:?}");
    Ok(problem)
}

const ID: &str = "spiffe://mtls-demo.local/ns/default/sa/api-service";
