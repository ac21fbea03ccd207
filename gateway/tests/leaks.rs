//! What a stranger learns of what stands behind: nothing. The log has it, under the trace ID that
//! the stranger is given.

#![allow(clippy::unwrap_used, reason = "what fails in a helper fails the test")]

mod support;

use std::collections::BTreeSet;

use serde_json::Value;
use support::{Gateway, Message, PLAIN, TestClient, TestPki, Upstream, Visit, plain_gateway};

#[tokio::test]
async fn a_failed_upstream_is_not_described_to_the_client() {
    let gone = Upstream::good().await;
    let gone_url = gone.url();
    drop(gone);
    let closes = answering("").await;
    let rubbish = answering("SSH-2.0-OpenSSH_9.2 internal-host\r\n\r\n").await;
    let switches =
        answering("HTTP/1.1 101 Switching Protocols\r\nupgrade: x\r\nconnection: upgrade\r\n\r\n")
            .await;
    let silent = Upstream::scripted(|mut visit: Visit| async move {
        visit.request().await;
        visit.request().await;
    })
    .await;
    for (url, status, error, why) in [
        (gone_url, 502, "upstream-failed", "cannot connect"),
        (closes.url(), 502, "upstream-failed", "the connection ended"),
        (rubbish.url(), 502, "upstream-failed", "the connection ended"),
        (switches.url(), 502, "upstream-failed", "switched protocols"),
        (silent.url(), 504, "upstream-timeout", "did not answer in time"),
    ] {
        let route = format!(
            "[[route]]\nanonymous = true\nupstreams = [{url:?}]\n\
             timeouts = {{ first_byte = \"300ms\" }}\n"
        );
        let gateway = Gateway::start(&format!("{PLAIN}{route}")).await;

        let answer = ask(&gateway, "GET /x HTTP/1.1\r\nhost: shop.example\r\n\r\n").await;

        assert_reveals_nothing(&gateway, &answer, status, error, &url, why).await;
    }
}

#[tokio::test]
async fn neither_certificates_nor_alerts_of_an_upstream_reach_the_client() {
    let (ours, theirs) = (TestPki::new(), TestPki::new());
    let service = Upstream::good().await;
    let upstream = Gateway::start(&format!(
        "{}[[route]]\nupstreams = [{:?}]\n",
        theirs.listener("required"),
        service.url()
    ))
    .await;
    let url = format!("https://{}", upstream.address("secure"));
    let route = |identity: &TestPki, server_name: &str| {
        let identity = identity.of("gateway");
        format!(
            "{PLAIN}[[route]]\nanonymous = true\nlends_identity = true\nupstreams = [{url:?}]\n\
             upstream_tls = {{ identity = {identity:?}, server_name = {server_name:?} }}\n"
        )
    };
    let request = "GET /x HTTP/1.1\r\nhost: shop.example\r\n\r\n";
    let good = Gateway::start(&route(&theirs, "localhost")).await;
    assert_eq!(ask(&good, request).await.status(), 200);

    for (gateway, why) in [
        (Gateway::start(&route(&ours, "localhost")).await, "unknown-issuer"),
        (Gateway::start(&route(&theirs, "elsewhere")).await, "wrong-name"),
    ] {
        let answer = ask(&gateway, request).await;

        assert_reveals_nothing(&gateway, &answer, 502, "upstream-failed", &url, why).await;
    }
}

#[tokio::test]
async fn a_failed_upgrade_is_not_described_to_the_client() {
    let upstream = answering("").await;
    let gateway = plain_gateway(&[&upstream], "").await;

    let answer = ask(
        &gateway,
        "GET /x HTTP/1.1\r\nhost: a\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n",
    )
    .await;

    let url = upstream.url();
    assert_reveals_nothing(&gateway, &answer, 502, "upstream-failed", &url, "ended").await;
}

#[tokio::test]
async fn a_redirect_to_the_upstreams_own_address_leads_to_ours() {
    let upstream = Upstream::scripted(|mut visit: Visit| async move {
        let own = visit.talk.stream.local_addr().unwrap();
        while visit.request().await.is_some() {
            visit
                .send(format!(
                    "HTTP/1.1 302 Found\r\nlocation: http://{own}/login?a=b#c\r\n\
                     content-location: //{own}/x\r\ncontent-length: 0\r\n\r\n"
                ))
                .await;
        }
    })
    .await;
    let gateway = plain_gateway(&[&upstream], "").await;

    let answer = ask(&gateway, "GET / HTTP/1.1\r\nhost: shop.example:81\r\n\r\n").await;

    assert_eq!(answer.field("location"), Some("http://shop.example:81/login?a=b#c"));
    assert_eq!(answer.field("content-location"), Some("http://shop.example:81/x"));
}

#[tokio::test]
async fn every_problem_has_a_code_and_the_trace_id_of_its_line() {
    let upstream = Upstream::good().await;
    let gateway = Gateway::start(&format!(
        "{PLAIN}[[route]]\nhost = \"a\"\nanonymous = true\nupstreams = [{:?}]\n",
        upstream.url()
    ))
    .await;
    let trace = "4bf92f3577b34da6a3ce929d0e0e4736";
    for (head, status, error) in [
        ("GET /x HTTP/1.1\r\nhost: b\r\n", 404, "no-route"),
        ("GET /a/../x HTTP/1.1\r\nhost: a\r\n", 400, "bad-request"),
        ("TRACE /x HTTP/1.1\r\nhost: a\r\n", 405, "bad-request"),
    ] {
        let traced = format!("traceparent: 00-{trace}-00f067aa0ba902b7-01\r\n\r\n");

        let answer = ask(&gateway, &format!("{head}{traced}")).await;

        let problem: Value = serde_json::from_slice(&answer.body).unwrap();
        assert_eq!(answer.status(), status, "{problem}");
        assert_eq!((&problem["error"], &problem["traceId"]), (&error.into(), &trace.into()));
        assert!(problem["detail"].is_string(), "{problem}");
    }
}

/// The answer is a problem that says nothing of the upstream, and the log says why under its ID.
async fn assert_reveals_nothing(
    gateway: &Gateway,
    answer: &Message,
    status: u16,
    error: &str,
    url: &str,
    why: &str,
) {
    let shown = format!("{}\n{}", answer.head.join("\n"), answer.text());
    let problem: Value = serde_json::from_slice(&answer.body).unwrap();
    assert_eq!(answer.status(), status, "{shown}");
    let members: BTreeSet<&str> = problem.as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(members, BTreeSet::from(["error", "status", "title", "traceId", "type"]), "{shown}");
    assert_eq!(problem["error"], error);
    let address = url.split_once("://").unwrap().1;
    for secret in [address, address.split(':').next_back().unwrap(), "127.0.0.1", "://", "CN="] {
        assert!(!shown.contains(secret), "{secret}: {shown}");
    }
    let line = gateway.request("/x").await;
    assert_eq!(line["trace_id"], problem["traceId"], "{line}");
    assert_eq!(line["upstream"], url, "{line}");
    assert!(line["why"].as_str().unwrap().contains(why), "{why}: {line}");
}

async fn ask(gateway: &Gateway, request: &str) -> Message {
    TestClient::exchange(gateway.address("plain"), request).await.unwrap()
}

async fn answering(bytes: &'static str) -> Upstream {
    Upstream::scripted(move |mut visit: Visit| async move {
        visit.request().await;
        visit.send(bytes).await;
    })
    .await
}
