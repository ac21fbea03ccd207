//! Which servers the client refuses, and how it distinguishes a server that refuses from one that
//! is unreachable, too slow, or broken.

#![allow(clippy::unwrap_used, reason = "what fails in a helper fails the test")]

mod support;

use std::net::Ipv4Addr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration as StdDuration;

use authority::{Leaf, LeafRequest, Usage};
use axum::Router;
use axum::body::Body;
use axum::routing::get;
use bytes::Bytes;
use futures_util::{StreamExt, stream};
use http_body_util::BodyExt;
use mtls::client::{ExpectedServer, RequestError};
use mtls::event::refusal::Code;
use mtls::limits::Limits;
use mtls::pki::role::Role;
use time::{Duration, OffsetDateTime};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpListener;

use self::support::{ID, Server, TestClient, TestPki, hello, quick, within};

#[tokio::test]
async fn a_server_of_another_authority_is_refused() {
    let leaf = TestPki::new().server();

    assert_refused(&TestPki::new(), &leaf, Code::UnknownIssuer, "unknown_ca").await;
}

#[tokio::test]
async fn a_self_signed_server_is_refused() {
    let leaf = Leaf::self_signed(&TestPki::for_server()).unwrap();

    assert_refused(&TestPki::new(), &leaf, Code::SelfSigned, "unknown_ca").await;
}

#[tokio::test]
async fn an_expired_server_is_refused() {
    let pki = TestPki::new();
    let now = OffsetDateTime::now_utc();
    let leaf = TestPki::for_server().not_before(now - Duration::HOUR);

    let leaf = pki.issue(&leaf.not_after(now - Duration::MINUTE));
    assert_refused(&pki, &leaf, Code::Expired, "certificate_expired").await;
}

#[tokio::test]
async fn a_server_that_is_not_yet_valid_is_refused() {
    let pki = TestPki::new();
    let leaf = TestPki::for_server().not_before(OffsetDateTime::now_utc() + Duration::HOUR);

    let leaf = pki.issue(&leaf);
    assert_refused(&pki, &leaf, Code::NotYetValid, "certificate_expired").await;
}

#[tokio::test]
async fn a_client_certificate_is_refused_as_a_server() {
    let pki = TestPki::new();
    let leaf = LeafRequest::new("a").dns("localhost").spiffe(ID).usage(Usage::Client);

    let leaf = pki.issue(&leaf);
    assert_refused(&pki, &leaf, Code::WrongPurpose, "unsupported_certificate").await;
}

#[tokio::test]
async fn a_server_of_another_name_is_refused_with_both_names() {
    let pki = TestPki::new();
    let leaf = LeafRequest::new("localhost").dns("elsewhere").ip([10, 0, 0, 1]).spiffe(ID);
    let leaf = pki.issue(&leaf.usage(Usage::Server));

    let sentence = assert_refused(&pki, &leaf, Code::WrongName, "bad_certificate").await;

    let said = "the certificate belongs to another name: \
                localhost was dialled, and it has elsewhere, 10.0.0.1";
    assert_eq!(sentence, said);
}

#[tokio::test]
async fn a_server_of_another_spiffe_id_is_refused_with_both_ids() {
    let pki = TestPki::new();
    let other = "spiffe://mtls-demo.local/ns/default/sa/other";
    let leaf = LeafRequest::new("a").dns("localhost").spiffe(other).usage(Usage::Server);

    let leaf = pki.issue(&leaf);
    let sentence = assert_refused(&pki, &leaf, Code::WrongName, "bad_certificate").await;

    let said =
        format!("the certificate belongs to another name: {ID} was expected, and it has {other}");
    assert_eq!(sentence, said);
}

#[tokio::test]
async fn a_server_without_a_spiffe_id_is_refused_where_one_is_expected() {
    let pki = TestPki::new();
    let leaf = pki.issue(&LeafRequest::new("a").dns("localhost").usage(Usage::Server));

    let sentence = assert_refused(&pki, &leaf, Code::WrongName, "bad_certificate").await;

    assert!(sentence.ends_with("it has no SPIFFE ID"), "{sentence}");
}

#[tokio::test]
async fn a_server_can_be_connected_to_by_its_address() {
    let pki = TestPki::new();
    let server = Server::open(&pki);

    let url = format!("https://127.0.0.1:{}/", server.address.port());
    let (body, _) = TestClient::new(&pki).fetch(&url).await.unwrap();

    assert_eq!(body, "hello");
}

#[tokio::test]
async fn a_server_that_speaks_no_tls_is_reported_as_such() {
    let pki = TestPki::new();
    let port = raw_server(b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n").await;

    let refusal = TestClient::new(&pki).refused(&format!("https://localhost:{port}/")).await;

    assert_eq!((refusal.code, refusal.side), (Code::NotTls, Role::Client));
}

#[tokio::test]
async fn a_port_without_a_listener_is_unreachable() {
    let caller = TestClient::new(&TestPki::new());
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    drop(listener);

    let error = caller.get(&format!("https://localhost:{port}/")).await.unwrap_err();

    assert!(matches!(error, RequestError::Unreachable(_)), "{error:?}");
    assert!(error.to_string().contains("refused"), "{error}");
}

#[tokio::test]
async fn a_name_that_does_not_resolve_and_a_url_that_is_not_https_are_unreachable() {
    let caller = TestClient::new(&TestPki::new());

    for url in ["https://nowhere.invalid/", "http://localhost/"] {
        let error = caller.get(url).await.unwrap_err();

        assert!(matches!(error, RequestError::Unreachable(_)), "{url}: {error:?}");
    }
}

#[tokio::test]
async fn a_server_that_never_completes_the_handshake_is_a_timeout() {
    let pki = TestPki::new();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let caller =
        TestClient::expecting(&pki.client(), pki.roots(), ExpectedServer::default(), &quick());

    let error = caller.get(&format!("https://localhost:{port}/")).await.unwrap_err();

    assert!(matches!(error, RequestError::Timeout(_)), "{error:?}");
    let recorded = caller.events.newest().remove(0).refusal.clone().unwrap();
    assert_eq!((recorded.code, recorded.side), (Code::HandshakeTimeout, Role::Client));
}

#[tokio::test]
async fn a_server_that_closes_in_the_handshake_is_broken() {
    let pki = TestPki::new();
    let port = raw_server(b"").await;

    let caller = TestClient::new(&pki);
    let error = caller.get(&format!("https://localhost:{port}/")).await.unwrap_err();

    assert!(matches!(error, RequestError::Broken(_)), "{error:?}");
    let recorded = caller.events.newest().remove(0).refusal.clone().unwrap();
    assert_eq!(recorded.code, Code::ConnectionLost);
}

#[tokio::test]
async fn a_truncated_response_is_an_error_and_the_next_request_works() {
    let pki = TestPki::new();
    let broken = || async {
        let parts = stream::iter([Ok(Bytes::from("half"))]);
        Body::from_stream(parts.chain(stream::once(async { Err("the end of the world") })))
    };
    let server = Server::serving(&pki, Limits::default(), hello().route("/broken", get(broken)));
    let caller = TestClient::new(&pki);

    match caller.get(&server.url("/broken")).await {
        Ok(answer) => assert!(within("a body", answer.into_body().collect()).await.is_err()),
        // The end may come together with the head.
        Err(error) => assert!(matches!(error, RequestError::Broken(_)), "{error:?}"),
    }
    let next = caller.fetch(&server.url("/")).await.unwrap();

    assert_eq!(next.0, "hello");
}

#[tokio::test]
async fn a_handler_that_panics_is_broken_and_the_next_request_works() {
    let pki = TestPki::new();
    let dies = AtomicBool::new(true);
    let dies = Arc::new(dies);
    let handler = move || {
        let dies = Arc::clone(&dies);
        async move {
            assert!(!dies.swap(false, Ordering::AcqRel), "this one dies");
            "alive"
        }
    };
    let server = Server::serving(&pki, Limits::default(), Router::new().route("/", get(handler)));
    let caller = TestClient::new(&pki);

    let error = caller.get(&server.url("/")).await.unwrap_err();
    let next = caller.fetch(&server.url("/")).await.unwrap();

    assert!(matches!(error, RequestError::Broken(_)), "{error:?}");
    assert_eq!(next.0, "alive");
}

#[tokio::test]
async fn a_pooled_connection_that_the_server_closed_is_not_used_again() {
    let pki = TestPki::new();
    let server = Server::with_limits(&pki, quick());
    let caller = TestClient::new(&pki);
    assert_eq!(caller.fetch(&server.url("/")).await.unwrap().0, "hello");

    server.admits(0).await;
    let next = caller.fetch(&server.url("/")).await.unwrap();

    assert_eq!(next.0, "hello");
    assert_eq!(server.accepted(), 2);
}

/// Connects to the good server; then the one that presents `leaf` is refused for `code`, and
/// records the alert. Returns the sentence.
async fn assert_refused(pki: &TestPki, leaf: &Leaf, code: Code, alert: &str) -> String {
    let mut expected = ExpectedServer::default();
    expected.spiffe_id = Some(ID.parse().unwrap());
    let caller = TestClient::expecting(&pki.client(), pki.roots(), expected, &Limits::default());
    let good = Server::open(pki);
    assert_eq!(caller.fetch(&good.url("/")).await.unwrap().0, "hello");
    let server = Server::presenting(leaf, pki.roots(), Limits::default(), hello());

    let ours = caller.refused(&server.url("/")).await;

    assert_eq!((ours.code, ours.side), (code, Role::Client), "{}", ours.sentence);
    assert_eq!(ours.alert.unwrap().name, alert);
    let certificate = ours.certificate.as_ref().unwrap();
    assert_eq!(certificate.serial_number, leaf.serial().to_string());
    let recorded = caller.events.newest().remove(0).refusal.clone().unwrap();
    assert_eq!(recorded.code, code);
    let theirs = server.refusal().await;
    assert_eq!((theirs.code, theirs.side), (Code::RefusedByPeer, Role::Client));
    assert_eq!(theirs.alert, ours.alert);
    assert_eq!(server.accepted(), 0);
    ours.sentence
}

/// A server that sends these bytes on each connection after its first read, and closes.
async fn raw_server(bytes: &'static [u8]) -> u16 {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((mut tcp, _)) = listener.accept().await {
            let mut heard = [0; 4096];
            let hear = tokio::io::AsyncReadExt::read(&mut tcp, &mut heard);
            let _ = tokio::time::timeout(StdDuration::from_secs(5), hear).await;
            let _ = tcp.write_all(bytes).await;
            let _ = tcp.shutdown().await;
        }
    });
    port
}
