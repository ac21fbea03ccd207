//! httpbin behind the gateway, which knows nothing of certificates: who gets its answers, by which
//! listener, and how others are refused.

use anyhow::Result;
use e2e::curl::{Answer, Curl};
use e2e::gateway::{Gateway, secure};
use e2e::httpbin::Httpbin;
use e2e::pki::TestPki;
use serde_json::Value;

#[test]
fn what_httpbin_answers_arrives_whole_by_both_versions_of_http() -> Result<()> {
    let pki = TestPki::new()?;
    let httpbin = Httpbin::start()?;
    let gateway = Gateway::before(&pki, "required", &httpbin.url())?;
    let good = pki.identity("client-service");

    for version in ["--http1.1", "--http2"] {
        let ask = |path: &str| -> Result<Answer> {
            let answer = gateway.curl(path, &good).with(&[version]).run()?;
            assert_eq!(answer.code, Some(0), "{version} {path}: {answer:?}");
            Ok(answer)
        };

        let get = ask("/get?msg=hello")?;
        assert_eq!((get.status, &get.json()?["args"]["msg"]), (200, &"hello".into()));
        let teapot = ask("/status/418")?;
        assert_eq!(teapot.status, 418);
        assert!(teapot.body.contains("teapot"), "{teapot:?}");
        assert_eq!(ask("/stream/20")?.body.lines().count(), 20);
        let drip = ask("/drip?duration=1&numbytes=5&delay=0")?;
        assert_eq!((drip.status, drip.body.as_str()), (200, "*****"));
        let bytes = ask("/bytes/100000?seed=7")?;
        assert_eq!(bytes.status, 200);
        let redirected = ask("/redirect-to?url=https://elsewhere.example/")?;
        assert_eq!(redirected.status, 302);
        let headers = ask("/headers?show_env=1")?.json()?["headers"].take();
        is_true(&headers, &gateway);
    }
    let late = gateway.curl("/delay/2", &good).with(&["-o", "/dev/null"]).run()?;
    assert_eq!(late.status, 200);
    Ok(())
}

#[test]
fn without_a_certificate_the_handshake_is_refused_where_one_is_required() -> Result<()> {
    let pki = TestPki::new()?;
    let httpbin = Httpbin::start()?;
    let gateway = Gateway::before(&pki, "required", &httpbin.url())?;
    let good = pki.identity("client-service");
    assert_eq!(gateway.curl("/get", &good).run()?.status, 200);

    let nobody = Curl::get(&gateway.url("/get")).trusting(&good).run()?;

    // 116 is certificate_required; curl's exit code 56 a failure to receive.
    assert_eq!((nobody.status, nobody.code, nobody.alert), (0, Some(56), Some(116)));
    assert!(nobody.stderr.contains("tlsv13 alert certificate required"), "{nobody:?}");
    assert_eq!(gateway.service.refusals(1)?[0]["code"], "no-certificate");
    Ok(())
}

#[test]
fn where_one_is_optional_only_anonymous_routes_answer_without() -> Result<()> {
    let pki = TestPki::new()?;
    let httpbin = Httpbin::start()?;
    let routes = format!(
        "[[route]]\nupstreams = [\"{url}\"]\n\
         [[route]]\npath_prefix = \"/status\"\nanonymous = true\nupstreams = [\"{url}\"]\n",
        url = httpbin.url()
    );
    let gateway = Gateway::start(&pki, &format!("{}{routes}", secure("optional")))?;
    let good = pki.identity("client-service");
    let nobody = |path| Curl::get(&gateway.url(path)).trusting(&good).run();

    assert_eq!(gateway.curl("/get", &good).run()?.status, 200);
    assert_eq!(nobody("/status/204")?.status, 204);
    let refused = nobody("/get")?;

    assert_eq!((refused.status, refused.content_type.as_str()), (403, "application/problem+json"));
    let refusal = refused.json()?["refusal"].take();
    assert_eq!((&refusal["code"], &refusal["side"]), (&"no-certificate".into(), &"server".into()));
    assert_eq!(gateway.service.refusals(1)?[0]["code"], "no-certificate");
    Ok(())
}

#[test]
fn where_one_is_optional_a_bad_one_is_never_taken_for_none() -> Result<()> {
    let pki = TestPki::new()?;
    let httpbin = Httpbin::start()?;
    let route = format!("[[route]]\nanonymous = true\nupstreams = [\"{}\"]\n", httpbin.url());
    let good = pki.identity("client-service");
    let revoked = pki.issue("revoked", &[])?;
    pki.certs(&["revoke", "revoked"])?;
    let gateway = Gateway::start(&pki, &format!("{}{route}", secure("optional")))?;
    let past = ["--not-before", "2020-01-01T00:00:00Z", "--not-after", "2021-01-01T00:00:00Z"];
    let other_pki = TestPki::new()?;
    let strangers = [
        (other_pki.identity("client-service"), "unknown-issuer", 48),
        (pki.self_signed("self", false)?, "self-signed", 48),
        (pki.issue("ended", &past)?, "expired", 45),
        (pki.identity("api-service"), "wrong-purpose", 43),
        (revoked, "revoked", 44),
    ];
    let nobody = Curl::get(&gateway.url("/get")).trusting(&good).run()?;
    assert_eq!(nobody.status, 200);

    for (count, (stranger, code, alert)) in (1..).zip(strangers) {
        let curl = Curl::get(&gateway.url("/get")).trusting(&good);
        let shown = [stranger.chain(), stranger.key()].map(|path| path.display().to_string());
        let answer = curl.with(&["--cert", &shown[0], "--key", &shown[1]]).run()?;

        assert_eq!((answer.status, answer.alert), (0, Some(alert)), "{code}: {answer:?}");
        assert_eq!(gateway.service.refusals(count)?[0]["code"], code);
    }
    Ok(())
}

#[test]
fn where_none_is_asked_for_only_anonymous_routes_answer() -> Result<()> {
    let pki = TestPki::new()?;
    let httpbin = Httpbin::start()?;
    let (url, off) = (httpbin.url(), secure("off"));
    let all = format!("[[route]]\nupstreams = [\"{url}\"]\n");
    let route =
        format!("[[route]]\npath_prefix = \"/get\"\nanonymous = true\nupstreams = [\"{url}\"]\n");

    let gateway = Gateway::start(&pki, &format!("{off}{all}{route}"))?;
    let good = pki.identity("client-service");

    let open = gateway.curl("/get?show_env=1", &good).run()?;
    let closed = gateway.curl("/headers", &good).run()?;

    assert_eq!(open.status, 200);
    assert_eq!(open.json()?["headers"]["X-Forwarded-Client-Cert"], Value::Null);
    assert_eq!(open.json()?["headers"]["X-Forwarded-Proto"], "https");
    assert_eq!(closed.status, 403);
    assert_eq!(closed.json()?["refusal"]["code"], "no-certificate");
    Ok(())
}

#[test]
fn a_connection_that_was_opened_for_one_name_serves_no_other() -> Result<()> {
    let pki = TestPki::new()?;
    let httpbin = Httpbin::start()?;
    let gateway = Gateway::before(&pki, "required", &httpbin.url())?;
    let good = pki.identity("client-service");
    let port = gateway.service.address.port();
    let ask = |options: &[&str]| gateway.curl("/get", &good).with(options).run();

    for version in ["--http1.1", "--http2"] {
        assert_eq!(ask(&[version, "-H", "Host: LOCALHOST.:1"])?.status, 200, "{version}");
        let elsewhere = ask(&[version, "-H", "Host: elsewhere.example"])?;
        assert_eq!(elsewhere.status, 421, "{version}: {elsewhere:?}");
        assert_eq!(elsewhere.content_type, "application/problem+json");
    }
    // Another name of ours, connected to as itself.
    let url = format!("https://gateway:{port}/get");
    let there = format!("gateway:{port}:127.0.0.1:{port}");
    let named = Curl::get(&url).presenting(&good).with(&["--connect-to", &there]);
    assert_eq!(named.run()?.status, 200);
    // An address is no server name, so nothing was agreed on.
    let url = format!("https://127.0.0.1:{port}/get");
    let unnamed = Curl::get(&url).presenting(&good).with(&["-H", "Host: any.example"]);
    assert_eq!(unnamed.run()?.status, 200);
    Ok(())
}

/// The identity headers at httpbin are true.
fn is_true(headers: &Value, gateway: &Gateway) {
    let port = gateway.service.address.port();
    let shown = |name: &str| headers[name].as_str().unwrap_or_default().to_owned();
    assert_eq!(shown("X-Forwarded-For"), "127.0.0.1", "{headers}");
    assert_eq!(shown("X-Forwarded-Proto"), "https");
    assert_eq!(shown("X-Forwarded-Port"), port.to_string());
    assert_eq!(shown("X-Forwarded-Host"), format!("localhost:{port}"));
    assert_eq!(shown("X-Real-Ip"), "127.0.0.1");
    assert_eq!(shown("Host"), format!("localhost:{port}"));
    let envoys = shown("X-Forwarded-Client-Cert");
    assert!(envoys.contains("URI=spiffe://mtls-demo.local/ns/default/sa/client-service"));
    let ours = shown("Client-Cert");
    assert!(ours.starts_with(':') && ours.ends_with(':'), "{ours}");
}
