//! A connection never outlives the certificate of its peer, whatever happens on it; other
//! connections are not affected.

#![allow(clippy::unwrap_used, reason = "what fails in a helper fails the test")]

mod support;

use std::convert::Infallible;
use std::sync::Arc;

use authority::Leaf;
use axum::Router;
use axum::body::Body;
use axum::routing::get;
use bytes::Bytes;
use futures_util::stream;
use http_body_util::BodyExt;
use mtls::event::refusal::Code;
use mtls::limits::Limits;
use mtls::pki::role::Role;
use time::{Duration, OffsetDateTime};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::Notify;
use tokio_rustls::client::TlsStream;

use self::support::{ForeignClient, Server, TestClient, TestPki, eventually, hello, within};

#[tokio::test]
async fn an_idle_http_11_connection_is_closed_when_its_client_certificate_expires() {
    let pki = TestPki::new();
    let server = Server::open(&pki);
    let leaf = short_lived(&pki);
    let mut tls = connect(&pki, &server, &leaf).await;
    let others = TestClient::new(&pki);
    assert_eq!(others.fetch(&server.url("/")).await.unwrap().0, "hello");

    let _ = within("the end", tls.read_to_end(&mut Vec::new())).await;

    assert_ended_with(&leaf);
    assert_eq!(others.fetch(&server.url("/")).await.unwrap().0, "hello");
    assert_eq!((server.accepted(), server.connections.admitted()), (2, 1));
}

#[tokio::test]
async fn an_idle_http_2_connection_is_closed_when_its_client_certificate_expires() {
    let pki = TestPki::new();
    let server = Server::open(&pki);
    let leaf = short_lived(&pki);
    let test_client = TestClient::presenting(&leaf, pki.roots());
    assert_eq!(test_client.fetch(&server.url("/")).await.unwrap().0, "hello");

    server.admits(0).await;

    assert_ended_with(&leaf);
    let refusal = test_client.refused(&server.url("/")).await;
    assert_eq!(refusal.code, Code::RefusedByPeer);
    assert_eq!(server.refusal().await.code, Code::Expired);
}

#[tokio::test]
async fn requests_are_served_until_the_certificate_expires() {
    let pki = TestPki::new();
    let server = Server::open(&pki);
    let leaf = short_lived(&pki);
    let test_client = TestClient::presenting(&leaf, pki.roots());

    // A response that arrives after a time was requested before it.
    let mut answered_after = OffsetDateTime::UNIX_EPOCH;
    loop {
        let asked = OffsetDateTime::now_utc();
        if test_client.fetch(&server.url("/")).await.is_err() {
            break;
        }
        answered_after = asked;
    }

    let end = leaf.not_after() + Duration::SECOND;
    assert!(answered_after > end - Duration::milliseconds(500));
    assert!(answered_after < end + GRACE);
    assert_eq!(server.accepted(), 1);
}

#[tokio::test]
async fn a_streaming_response_over_http_2_ends_when_its_client_certificate_expires() {
    let pki = TestPki::new();
    let server = Server::serving(&pki, Limits::default(), router(&Arc::default()));
    let leaf = short_lived(&pki);
    let others = TestClient::new(&pki);
    let mut untouched = others.get(&server.url("/stream")).await.unwrap().into_body();

    let answer =
        TestClient::presenting(&leaf, pki.roots()).get(&server.url("/stream")).await.unwrap();
    let body = within("the end of the stream", answer.into_body().collect()).await;

    assert!(body.is_err());
    assert_ended_with(&leaf);
    for _ in 0..20 {
        assert!(within("a frame", untouched.frame()).await.unwrap().is_ok());
    }
}

#[tokio::test]
async fn a_streaming_response_over_http_11_ends_when_its_client_certificate_expires() {
    let pki = TestPki::new();
    let server = Server::serving(&pki, Limits::default(), router(&Arc::default()));
    let leaf = short_lived(&pki);
    let mut tls = connect(&pki, &server, &leaf).await;

    tls.write_all(b"GET /stream HTTP/1.1\r\nhost: localhost\r\n\r\n").await.unwrap();
    let mut answer = Vec::new();
    let _ = within("the end of the stream", tls.read_to_end(&mut answer)).await;

    assert!(answer.starts_with(b"HTTP/1.1 200"));
    assert!(!answer.ends_with(b"0\r\n\r\n"), "it was not to end by itself");
    assert_ended_with(&leaf);
}

#[tokio::test]
async fn a_request_in_flight_is_answered_with_connection_close() {
    let pki = TestPki::new();
    let go_on = Arc::new(Notify::new());
    let server = Server::serving(&pki, Limits::default(), router(&go_on));
    let leaf = short_lived(&pki);
    let mut tls = connect(&pki, &server, &leaf).await;

    tls.write_all(b"GET /waits HTTP/1.1\r\nhost: localhost\r\n\r\n").await.unwrap();
    eventually("the certificate's end", || {
        let drained = leaf.not_after() + Duration::milliseconds(1300);
        (OffsetDateTime::now_utc() > drained).then_some(())
    })
    .await;
    go_on.notify_one();
    let mut answer = Vec::new();
    let _ = within("the end", tls.read_to_end(&mut answer)).await;

    let answer = String::from_utf8(answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    assert!(answer.contains("\r\nconnection: close\r\n"), "{answer}");
    assert!(answer.ends_with("waited"), "{answer}");
    assert_ended_with(&leaf);
}

#[tokio::test]
async fn a_request_that_takes_too_long_is_cut() {
    let pki = TestPki::new();
    let server = Server::serving(&pki, Limits::default(), router(&Arc::default()));
    let leaf = short_lived(&pki);
    let mut tls = connect(&pki, &server, &leaf).await;

    tls.write_all(b"GET /waits HTTP/1.1\r\nhost: localhost\r\n\r\n").await.unwrap();
    let mut answer = Vec::new();
    let _ = within("the end", tls.read_to_end(&mut answer)).await;

    assert!(answer.is_empty());
    assert_ended_with(&leaf);
}

#[tokio::test]
async fn a_pooled_connection_is_closed_when_its_server_certificate_expires() {
    let pki = TestPki::new();
    let ends = OffsetDateTime::now_utc() + LIFETIME;
    let leaf = pki.issue(&TestPki::for_server().not_after(ends));
    let server = Server::presenting(&leaf, pki.roots(), Limits::default(), hello());
    let test_client = TestClient::new(&pki);
    assert_eq!(test_client.fetch(&server.url("/")).await.unwrap().0, "hello");

    server.admits(0).await;

    assert_ended_with(&leaf);
    let refusal = test_client.refused(&server.url("/")).await;
    assert_eq!((refusal.code, refusal.side), (Code::Expired, Role::Client));
}

#[tokio::test]
async fn a_response_ends_when_its_server_certificate_expires() {
    let pki = TestPki::new();
    let ends = OffsetDateTime::now_utc() + LIFETIME;
    let leaf = pki.issue(&TestPki::for_server().not_after(ends));
    let router = router(&Arc::default());
    let server = Server::presenting(&leaf, pki.roots(), Limits::default(), router);

    let answer = TestClient::new(&pki).get(&server.url("/stream")).await.unwrap();
    let body = within("the end of the stream", answer.into_body().collect()).await;

    assert!(body.is_err());
    assert_ended_with(&leaf);
}

/// Long enough for a handshake and a request on a busy machine.
const LIFETIME: Duration = Duration::seconds(2);

/// The clock's resolution, the second that a request in flight is given, and some slack.
const GRACE: Duration = Duration::milliseconds(1500);

fn short_lived(pki: &TestPki) -> Leaf {
    pki.issue(&TestPki::for_client().not_after(OffsetDateTime::now_utc() + LIFETIME))
}

/// The connection ended with the certificate: not before its expiry, and soon after.
fn assert_ended_with(leaf: &Leaf) {
    // RFC 5280, section 4.1.2.5: it is valid through its last second.
    let after = OffsetDateTime::now_utc() - (leaf.not_after() + Duration::SECOND);
    assert!(after >= Duration::ZERO, "it ended {} before the certificate", -after);
    assert!(after <= GRACE, "it ended {after} after the certificate");
}

fn router(go_on: &Arc<Notify>) -> Router {
    let go_on = Arc::clone(go_on);
    let waits = || async move {
        go_on.notified().await;
        "waited"
    };
    let stream = || async {
        let pace = tokio::time::interval(std::time::Duration::from_millis(50));
        Body::from_stream(stream::unfold(pace, |mut pace| async {
            pace.tick().await;
            Some((Ok::<_, Infallible>(Bytes::from_static(b"tick")), pace))
        }))
    };
    hello().route("/stream", get(stream)).route("/waits", get(waits))
}

async fn connect(pki: &TestPki, server: &Server, leaf: &Leaf) -> TlsStream<TcpStream> {
    let foreign_client = ForeignClient::new(pki, Some(leaf)).offering(&["http/1.1"]);
    foreign_client.connect(server.address).await.unwrap()
}
