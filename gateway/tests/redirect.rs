//! Where a listener that redirects to HTTPS leads to, over raw sockets.

#![allow(clippy::unwrap_used, reason = "what fails in a helper fails the test")]

mod support;

use support::{Gateway, TestClient, TestPki, Upstream};

const REDIRECT: &str = "[[listener]]\nname = \"redirect\"\nlisten = \"127.0.0.1:0\"\n\
                        redirect_to_https = 8443\n";

#[tokio::test]
async fn a_redirect_leads_only_to_hosts_that_routes_or_the_certificate_name() {
    let (upstream, pki) = (Upstream::good().await, TestPki::new());
    let route = |more: &str| {
        let url = upstream.url();
        format!("[[route]]\nlisteners = [\"secure\"]\nupstreams = [{url:?}]\n{more}\n")
    };
    let gateway = Gateway::start(&format!(
        "{}{REDIRECT}{}{}{}",
        pki.listener("required"),
        route("host = \"api.example\""),
        route("host = \"*.shop.example\""),
        route("")
    ))
    .await;
    let ask = async |host: &str, path: &str| {
        let request = format!("GET {path} HTTP/1.1\r\nHost: {host}\r\n\r\n");
        TestClient::exchange(gateway.address("redirect"), request).await.unwrap()
    };

    for host in
        ["api.example", "API.example", "a.shop.example", "localhost", "gateway", "127.0.0.1"]
    {
        let answer = ask(&format!("{host}:8080"), "/a?b=c").await;
        assert_eq!(answer.status(), 308, "{host}");
        let expected = format!("https://{host}:8443/a?b=c");
        assert_eq!(answer.field("location"), Some(&*expected));
    }
    for host in [
        "evil.example",
        "shop.example",
        "a.b.shop.example",
        "api.example.evil.example",
        "xapi.example",
        "127.0.0.2",
        "[::1]",
        "127.0.0.1.evil.example",
    ] {
        let answer = ask(host, "/a").await;
        assert_eq!(answer.status(), 421, "{host}");
        assert_eq!(answer.field("location"), None, "{host}");
        assert!(answer.text().contains("is not served here"), "{host}");
    }
    // A path that would name another host in a redirect is no path.
    assert_eq!(ask("localhost", "//evil.example").await.status(), 400);
    assert_eq!(ask("localhost@evil.example", "/").await.status(), 400);
}

#[tokio::test]
async fn a_renewed_certificate_names_other_hosts_to_redirect_to() {
    let (upstream, pki) = (Upstream::good().await, TestPki::new());
    let gateway = Gateway::start(&format!(
        "{}{REDIRECT}[[route]]\nlisteners = [\"secure\"]\nupstreams = [{:?}]\n",
        pki.listener("required"),
        upstream.url()
    ))
    .await;
    let ask = async |host: &str| {
        let request = format!("GET / HTTP/1.1\r\nHost: {host}\r\n\r\n");
        TestClient::exchange(gateway.address("redirect"), request).await.unwrap().status()
    };
    assert_eq!(ask("new.example").await, 421);

    let leaf = authority::LeafRequest::new("gateway").dns("new.example").dns("*.wild.example");
    pki.write("gateway", &pki.authority.issue(&leaf.usage(authority::Usage::Both)).unwrap());

    gateway
        .logged("the renewal", |line| line["message"].as_str().unwrap().contains("reloaded"))
        .await;
    assert_eq!(ask("new.example").await, 308);
    assert_eq!(ask("a.wild.example").await, 308);
    assert_eq!(ask("localhost").await, 421);
}
