//! curl through the gateway: uploads, `Expect: 100-continue`, the versions of HTTP, and upgrades.

use std::fs;

use anyhow::Result;
use e2e::gateway::Gateway;
use e2e::httpbin::Httpbin;
use e2e::pki::TestPki;
use e2e::reflector::Reflector;

#[test]
fn a_file_arrives_whole_with_its_length_or_in_chunks() -> Result<()> {
    let pki = TestPki::new()?;
    let good = pki.identity("client-service");
    let httpbin = Httpbin::start()?;
    let gateway = Gateway::before(&pki, "required", &httpbin.url())?;
    let place = tempfile::tempdir()?;
    let file = place.path().join("file");
    let content: String = (0..20_000).map(|number| format!("line {number}\n")).collect();
    fs::write(&file, &content)?;
    let file = file.display().to_string();

    for (version, spoken) in [("--http1.1", "1.1"), ("--http2", "2")] {
        for form in [&[][..], &["-H", "Transfer-Encoding: chunked"]] {
            let put = [&[version, "-T", &file], form].concat();
            let answer = gateway.curl("/put", &good).with(&put).run()?;
            assert_eq!(answer.status, 200, "{version} {form:?}: {answer:?}");
            assert_eq!(answer.http_version, spoken);
            let arrived = answer.json()?["data"].take();
            assert_eq!(arrived.as_str().map(str::len), Some(content.len()), "{version} {form:?}");
            assert_eq!(arrived, *content, "{version} {form:?}");
        }
        let form = format!("upload=@{file}");
        let answer = gateway.curl("/post", &good).with(&[version, "-F", &form]).run()?;
        assert_eq!(answer.json()?["files"]["upload"], *content, "{version}");
    }
    Ok(())
}

#[test]
fn an_expected_100_continue_is_sent() -> Result<()> {
    let pki = TestPki::new()?;
    let good = pki.identity("client-service");
    let reflector = Reflector::start()?;
    let gateway = Gateway::before(&pki, "required", &reflector.url())?;
    let upload = ["--http1.1", "-v", "-H", "Expect: 100-continue", "-d", "hello"];
    // curl sends the body by itself after a second; it is not to come to that.
    let upload = [&upload[..], &["--expect100-timeout", "10"]].concat();

    let answer = gateway.curl("/discard", &good).with(&upload).run()?;

    assert_eq!((answer.status, answer.body.as_str()), (200, "5"), "{answer:?}");
    assert!(answer.stderr.contains("< HTTP/1.1 100 Continue"), "{}", answer.stderr);
    Ok(())
}

#[test]
fn a_refused_upload_gets_no_100_continue() -> Result<()> {
    let pki = TestPki::new()?;
    let good = pki.identity("client-service");
    let reflector = Reflector::start()?;
    let gateway = Gateway::before(&pki, "required", &reflector.url())?;
    let upload = ["--http1.1", "-v", "-H", "Expect: 100-continue", "-H", "Host: elsewhere"];
    let upload = [&upload[..], &["-d", "hello", "--expect100-timeout", "10"]].concat();

    let answer = gateway.curl("/discard", &good).with(&upload).run()?;

    assert_eq!(answer.status, 421, "{answer:?}");
    assert!(!answer.stderr.contains("100 Continue"), "{}", answer.stderr);
    Ok(())
}

#[test]
fn an_upgrade_to_http_is_not_heard_and_the_request_answered_as_any_other() -> Result<()> {
    let pki = TestPki::new()?;
    let good = pki.identity("client-service");
    let httpbin = Httpbin::start()?;
    let gateway = Gateway::before(&pki, "required", &httpbin.url())?;
    let wish = ["-H", "Connection: Upgrade, HTTP2-Settings", "-H", "Upgrade: h2c"];
    let wish = [&["--http1.1", "-H", "HTTP2-Settings: AAMAAABkAAQAAP__"], &wish[..]].concat();

    let answer = gateway.curl("/headers?show_env=1", &good).with(&wish).run()?;

    assert_eq!((answer.status, answer.http_version.as_str()), (200, "1.1"));
    let headers = answer.json()?["headers"].take();
    assert!(headers["Upgrade"].is_null() && headers["Http2-Settings"].is_null(), "{headers}");
    Ok(())
}

#[test]
fn http_1_0_is_served_to_those_who_do_not_insist_on_it() -> Result<()> {
    let pki = TestPki::new()?;
    let good = pki.identity("client-service");
    let httpbin = Httpbin::start()?;
    let gateway = Gateway::before(&pki, "required", &httpbin.url())?;

    let refused = gateway.curl("/stream/3", &good).with(&["--http1.0"]).run()?;
    let answer = gateway.curl("/stream/3", &good).with(&["--http1.0", "--no-alpn"]).run()?;

    // By ALPN curl asks for http/1.0 and nothing else, which is not offered.
    assert_eq!((refused.status, refused.alert), (0, Some(120)));
    // It knows no chunks, so the end of the connection is the end of the body.
    assert_eq!((answer.status, answer.body.lines().count()), (200, 3), "{answer:?}");
    Ok(())
}
