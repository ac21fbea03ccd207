//! The files of `gateway/examples`, run as they stand but for their ports.

use std::fs;
use std::os::unix::fs::symlink;

use anyhow::{Context, Result};
use e2e::binaries::workspace;
use e2e::curl::Curl;
use e2e::gateway::Gateway;
use e2e::httpbin::Httpbin;
use e2e::pki::TestPki;
use e2e::port::Port;
use e2e::service::Launch;

#[test]
fn a_protected_httpbin_answers_those_with_a_certificate() -> Result<()> {
    let pki = TestPki::new()?;
    let httpbin = Httpbin::start()?;
    let file =
        example("httpbin.toml", &[(":8443", ":0"), ("http://127.0.0.1:8000", &httpbin.url())])?;
    let gateway = Gateway::start(&pki, &file)?;
    let good = pki.identity("client-service");

    let answer = gateway.curl("/get?msg=hello", &good).run()?;
    let nobody = Curl::get(&gateway.url("/get")).trusting(&good).run()?;

    assert_eq!(answer.status, 200);
    assert_eq!(answer.json()?["args"]["msg"], "hello");
    assert_eq!((nobody.status, nobody.alert), (0, Some(116)));
    Ok(())
}

#[test]
fn a_program_without_a_certificate_reaches_an_api_through_a_gateway_on_each_side() -> Result<()> {
    let pki = TestPki::new()?;
    let httpbin = Httpbin::start()?;
    let upstream = [(":8443", ":0"), ("http://127.0.0.1:8000", &httpbin.url())];
    let far = Gateway::start(&pki, &example("both-sides-server.toml", &upstream)?)?;
    let far_url = far.url("");
    let ports = [("127.0.0.1:8080", "127.0.0.1:0"), ("https://localhost:8443", &far_url)];
    let near = Gateway::start(&pki, &example("both-sides-client.toml", &ports)?)?;
    let forged = "X-Forwarded-Client-Cert: URI=spiffe://mtls-demo.local/ns/default/sa/admin";

    let url = format!("http://{}/headers?show_env=1", near.address("program")?);
    let answer = Curl::get(&url).with(&["-H", forged]).run()?;
    let past = far.curl("/get", &pki.identity("gateway")).run()?;

    assert_eq!(answer.status, 200, "{answer:?}");
    let headers = answer.json()?["headers"].take();
    let shown = headers["X-Forwarded-Client-Cert"].as_str().unwrap_or_default();
    assert!(
        shown.contains("URI=spiffe://mtls-demo.local/ns/default/sa/client-service;"),
        "{shown}"
    );
    assert!(!shown.contains("admin"), "{shown}");
    assert!(headers["Client-Cert"].is_null(), "{headers}");
    // Its certificate is good, but it is not the near side's.
    assert_eq!(past.status, 403);
    assert_eq!(past.json()?["refusal"]["code"], "not-allowed");
    Ok(())
}

#[test]
fn an_entrance_takes_two_paths_and_leads_plain_http_to_https() -> Result<()> {
    let pki = TestPki::new()?;
    let httpbin = Httpbin::start()?;
    let port = Port::reserve()?;
    let secure = port.number.to_string();
    let ports = [
        ("8443", secure.as_str()),
        ("127.0.0.1:8080", "127.0.0.1:0"),
        ("http://127.0.0.1:8000", &httpbin.url()),
    ];
    let gateway = Gateway::start(&pki, &example("entrance.toml", &ports)?)?;
    let good = pki.identity("client-service");
    let status = |path| Ok::<_, anyhow::Error>(gateway.curl(path, &good).run()?.status);

    assert_eq!(status("/status/418")?, 418);
    assert_eq!(status("/delay/1")?, 200);
    for path in ["/", "/get", "/statuses", "/status%2f418", "/get?path=/status"] {
        let expected = if path.contains("%2f") { 400 } else { 404 };
        assert_eq!(status(path)?, expected, "{path}");
    }
    let plain = format!("http://localhost:{}/status/418?a=b", gateway.address("plain")?.port());
    let led = Curl::get(&plain).presenting(&good).with(&["-L"]).run()?;
    assert_eq!(led.status, 418, "{led:?}");
    let answer = Curl::get(&plain).with(&["-D", "-"]).run()?;
    assert_eq!(answer.status, 308);
    let place = format!("location: https://localhost:{secure}/status/418?a=b\r");
    assert!(answer.body.contains(&place), "{answer:?}");
    Ok(())
}

#[test]
fn the_file_of_the_manual_and_the_examples_have_no_problem() -> Result<()> {
    let pki = TestPki::new()?;
    let place = tempfile::tempdir()?;
    fs::create_dir(place.path().join("certs"))?;
    symlink(pki.path(), place.path().join("certs/pki"))?;
    let manual = fs::read_to_string(workspace().join("docs/gateway.md"))?;
    let file = manual.split("```toml\n").nth(1).and_then(|rest| rest.split("```").next());
    fs::write(place.path().join("manual.toml"), file.context("the manual must have a file")?)?;
    for file in fs::read_dir(workspace().join("gateway/examples"))? {
        let file = file?;
        fs::copy(file.path(), place.path().join(file.file_name()))?;
    }

    for file in fs::read_dir(place.path())? {
        let file = file?.file_name();
        if file.to_string_lossy().ends_with(".toml") {
            let check = Launch::of("gateway").argument("check");
            let check = check.argument(&file.to_string_lossy()).directory(place.path());
            let outcome = check.run()?.good()?;
            assert!(outcome.stdout.ends_with(" no problem\n"), "{outcome:?}");
        }
    }
    Ok(())
}

/// An example with other ports, each of which must stand in it.
fn example(name: &str, ports: &[(&str, &str)]) -> Result<String> {
    let path = workspace().join("gateway/examples").join(name);
    let mut text = fs::read_to_string(&path).with_context(|| path.display().to_string())?;
    for (from, to) in ports {
        assert!(text.contains(from), "{name} has no {from}");
        text = text.replace(from, to);
    }
    // The one that is there by default is taken, where gateways run side by side.
    Ok(if text.contains("[admin]") {
        text.replace("127.0.0.1:9003", "127.0.0.1:0")
    } else {
        format!("{text}\n[admin]\nlisten = \"127.0.0.1:0\"\n")
    })
}
