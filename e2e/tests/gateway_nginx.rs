//! nginx on either side of the gateway: as the caller with a certificate, and as the service that
//! demands one.

use anyhow::Result;
use e2e::curl::{Answer, Curl};
use e2e::deadline::eventually;
use e2e::gateway::{Gateway, secure};
use e2e::httpbin::Httpbin;
use e2e::identity::Identity;
use e2e::nginx::Nginx;
use e2e::pki::TestPki;

#[test]
fn nginx_calls_with_its_certificate_with_a_server_name_or_without() -> Result<()> {
    let pki = TestPki::new()?;
    let httpbin = Httpbin::start()?;
    let gateway = Gateway::before(&pki, "required", &httpbin.url())?;
    let identity = pki.identity("client-service");
    let port = gateway.service.address.port();
    let values: [(&str, &dyn std::fmt::Display); 2] =
        [("IDENTITY", &identity.directory().display()), ("GATEWAY", &port)];
    let nginx = Nginx::start("nginx_caller.conf", &values)?;
    let ask = |path: &str| Curl::get(&format!("http://{}{path}", nginx.port.address())).run();

    for way in ["unnamed", "named"] {
        let answer = ask(&format!("/{way}/headers"))?;
        assert_eq!(answer.status, 200, "{way}: {answer:?}");
        let shown = answer.json()?["headers"]["X-Forwarded-Client-Cert"].to_string();
        assert!(shown.contains(CLIENT), "{way}: {shown}");
    }

    let elsewhere = ask("/misdirected/headers")?;
    assert_eq!(elsewhere.status, 421);
    assert_eq!(
        elsewhere.json()?["detail"],
        "this connection was opened for localhost, and \
        elsewhere.example is another host: open a new one"
    );
    // nginx says only that to its callers; the gateway says why.
    let nobody = ask("/nobody/headers")?;
    assert_eq!(nobody.status, 502);
    assert_eq!(gateway.service.refusals(1)?[0]["code"], "no-certificate");
    Ok(())
}

#[test]
fn nginx_demands_a_certificate_and_gets_ours() -> Result<()> {
    let pki = TestPki::new()?;
    for (http2, version) in [("", "HTTP/1.1"), ("http2", "HTTP/2.0")] {
        let nginx = service(&pki, &pki.identity("api-service"), http2)?;
        let gateway = before(&pki, &nginx, "api-service")?;

        let answer = gateway.curl("/", &pki.identity("client-service")).run()?;

        assert_eq!(answer.status, 200, "{answer:?}");

        let name = "O=mtls-demo,CN=gateway";
        let shown = format!("SUCCESS {name} TLSv1.3 {version} api-service api-service\n");
        assert_eq!(answer.body, shown);
    }
    Ok(())
}

#[test]
fn nginx_with_a_wrong_certificate_is_refused_and_the_log_says_why() -> Result<()> {
    let pki = TestPki::new()?;
    let other = TestPki::new()?;
    let named_otherwise = pki.issue("other", &["--usage", "server", "--dns", "other"])?;
    let client_only = pki.identity("client-service");
    let self_signed = pki.self_signed("nginx", false)?;
    let ended = ["--not-before", "2020-01-01T00:00:00Z", "--not-after", "2021-01-01T00:00:00Z"];
    let ended = [&["--usage", "server", "--dns", "api-service"], &ended[..]].concat();
    let rows = [
        (other.identity("api-service"), "unknown-issuer"),
        (named_otherwise, "wrong-name"),
        (client_only, "wrong-purpose"),
        (self_signed, "self-signed"),
        (pki.issue("ended", &ended)?, "expired"),
    ];

    for (shown, code) in rows {
        let nginx = service(&pki, &shown, "")?;
        let gateway = before(&pki, &nginx, "api-service")?;

        let answer = gateway.curl("/", &pki.identity("client-service")).run()?;

        is_bad_gateway(&answer)?;
        let refusal = &gateway.service.refusals(1)?[0];
        assert_eq!((&refusal["code"], &refusal["side"]), (&code.into(), &"client".into()));
    }
    Ok(())
}

#[test]
fn nginx_whose_certificate_is_revoked_is_asked_no_more() -> Result<()> {
    for http2 in ["", "http2"] {
        let pki = TestPki::new()?;
        let shown = pki.issue("service", &["--usage", "server", "--dns", "service"])?;
        let nginx = service(&pki, &shown, http2)?;
        let gateway = before(&pki, &nginx, "service")?;
        let ask = || gateway.curl("/", &pki.identity("client-service")).run();
        assert_eq!(ask()?.status, 200);

        pki.certs(&["revoke", "service"])?;

        // The connection that is open in the pool goes, too.
        let refused = eventually("the revocation to count", || {
            let answer = ask()?;
            assert!(matches!(answer.status, 200 | 502), "{answer:?}");
            Ok(Some(answer).filter(|answer| answer.status == 502))
        })?;
        is_bad_gateway(&refused)?;
        assert_eq!(gateway.service.refusals(1)?[0]["code"], "revoked");
    }
    Ok(())
}

#[test]
fn what_nginx_answers_to_a_certificate_that_it_does_not_trust_arrives() -> Result<()> {
    let pki = TestPki::new()?;
    let other = TestPki::new()?;
    let nginx = service(&other, &pki.identity("api-service"), "")?;
    let gateway = before(&pki, &nginx, "api-service")?;

    let answer = gateway.curl("/", &pki.identity("client-service")).run()?;

    // nginx finishes every handshake, and then answers 400 with a page of its own.
    assert_eq!(answer.status, 400, "{answer:?}");
    assert!(answer.body.contains("The SSL certificate error"), "{answer:?}");
    Ok(())
}

fn service(pki: &TestPki, shown: &Identity, http2: &str) -> Result<Nginx> {
    Nginx::requiring_client_certificates(&pki.identity("api-service").roots(), shown, http2)
}

/// A gateway that expects this name of nginx.
fn before(pki: &TestPki, nginx: &Nginx, server_name: &str) -> Result<Gateway> {
    let route = format!(
        "[[route]]\nupstreams = [\"https://{}\"]\n[route.upstream_tls]\n\
         identity = \"certs/pki/gateway\"\nserver_name = \"{server_name}\"\n",
        nginx.port.address()
    );
    Gateway::start(pki, &format!("{}{route}", secure("required")))
}

/// A problem that says nothing of nginx.
fn is_bad_gateway(answer: &Answer) -> Result<()> {
    assert_eq!(answer.status, 502, "{answer:?}");
    assert_eq!(answer.content_type, "application/problem+json");
    let problem = answer.json()?;
    assert_eq!(problem["error"], "upstream-failed");
    assert!(problem["refusal"].is_null() && problem["detail"].is_null(), "{problem}");
    Ok(())
}

const CLIENT: &str = "URI=spiffe://mtls-demo.local/ns/default/sa/client-service";
