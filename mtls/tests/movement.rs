//! The idle timeout ends connections without activity, and no connection on which bytes move.

#![allow(clippy::unwrap_used, reason = "what fails in a helper fails the test")]

mod support;

use std::convert::Infallible;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use axum::response::Response;
use axum::routing::get;
use bytes::Bytes;
use futures_util::{StreamExt, stream};
use http::header::{CONNECTION, UPGRADE};
use http_body_util::BodyExt;
use hyper_util::rt::TokioIo;
use mtls::client::RequestError;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{Instant, interval};
use tokio_rustls::client::TlsStream;

use self::support::{ForeignClient, Server, TestClient, TestPki, quick, within};

#[tokio::test]
async fn a_body_slower_than_the_idle_timeout_arrives_whole() {
    let pki = TestPki::new();
    let server = Server::serving(&pki, quick(), router());

    for protocol in ["http/1.1", "h2"] {
        let began = Instant::now();

        let body = if protocol == "h2" {
            TestClient::new(&pki).fetch(&server.url("/slow")).await.unwrap().0
        } else {
            let foreign_client =
                ForeignClient::new(&pki, Some(&pki.client())).offering(&[protocol]);
            let request = b"GET /slow HTTP/1.0\r\nhost: localhost\r\n\r\n";
            let answer = foreign_client.exchange(server.address, request).await.unwrap();
            String::from_utf8(answer).unwrap().split_once("\r\n\r\n").unwrap().1.to_owned()
        };

        assert_eq!(body, "tick".repeat(TICKS), "{protocol}");
        assert!(began.elapsed() > quick().idle_timeout * 2, "{protocol}");
    }
}

#[tokio::test]
async fn a_response_to_a_slow_reader_arrives_whole_after_the_idle_timeout() {
    let pki = TestPki::new();
    let server = Server::serving(&pki, quick(), router());
    let mut tls = connect(&pki, &server).await;
    let mut pace = interval(Duration::from_millis(25));
    let began = Instant::now();

    tls.write_all(b"GET /big HTTP/1.0\r\nhost: localhost\r\n\r\n").await.unwrap();
    let mut read = 0;
    let mut part = vec![0; BIG / 60];
    loop {
        pace.tick().await;
        match within("a part", tls.read(&mut part)).await.unwrap() {
            0 => break,
            count => read += count,
        }
    }

    assert!(read > BIG, "{read} of {BIG}");
    assert!(began.elapsed() > quick().idle_timeout * 2);
}

#[tokio::test]
async fn a_request_without_activity_is_cut() {
    let pki = TestPki::new();
    let server = Server::serving(&pki, quick(), router());
    let test_client = TestClient::new(&pki);

    let error = test_client.get(&server.url("/never")).await.unwrap_err();

    assert!(matches!(error, RequestError::Broken(_)), "{error:?}");
    server.admits(0).await;
}

#[tokio::test]
async fn a_body_that_stops_is_cut() {
    let pki = TestPki::new();
    let server = Server::serving(&pki, quick(), router());

    let answer = TestClient::new(&pki).get(&server.url("/stops")).await.unwrap();
    let body = within("the end of the body", answer.into_body().collect()).await;

    assert!(body.is_err());
    server.admits(0).await;
}

#[tokio::test]
async fn an_upgraded_connection_is_cut_only_when_no_byte_moves() {
    let pki = TestPki::new();
    let server = Server::serving(&pki, quick(), router());
    let mut tls = connect(&pki, &server).await;
    let head =
        b"GET /echo HTTP/1.1\r\nhost: localhost\r\nconnection: upgrade\r\nupgrade: echo\r\n\r\n";
    tls.write_all(head).await.unwrap();
    let mut answer = Vec::new();
    while !answer.ends_with(b"\r\n\r\n") {
        within("an answer", tls.read_buf(&mut answer)).await.unwrap();
    }
    assert!(answer.starts_with(b"HTTP/1.1 101"), "{}", String::from_utf8_lossy(&answer));

    let mut pace = interval(PACE);
    for _ in 0..TICKS {
        pace.tick().await;
        tls.write_all(b"tick").await.unwrap();
        let mut echo = [0; 4];
        within("an echo", tls.read_exact(&mut echo)).await.unwrap();
        assert_eq!(&echo, b"tick");
    }
    let silent = Instant::now();
    let _ = within("the end", tls.read_to_end(&mut Vec::new())).await;

    assert!(silent.elapsed() >= quick().idle_timeout / 2);
    server.admits(0).await;
}

const BIG: usize = 32 * 1024 * 1024;
const PACE: Duration = Duration::from_millis(100);
const TICKS: usize = 12;

fn router() -> Router {
    let slow = || async { Body::from_stream(ticks().take(TICKS)) };
    let stops = || async { Body::from_stream(ticks().take(1).chain(stream::pending())) };
    Router::new()
        .route("/big", get(|| async { vec![b'x'; BIG] }))
        .route("/echo", get(echo))
        .route("/never", get(std::future::pending::<()>))
        .route("/slow", get(slow))
        .route("/stops", get(stops))
}

/// A tick every hundred milliseconds.
fn ticks() -> impl futures_util::Stream<Item = Result<Bytes, Infallible>> {
    stream::unfold(interval(PACE), |mut pace| async {
        pace.tick().await;
        Some((Ok(Bytes::from_static(b"tick")), pace))
    })
}

async fn echo(mut request: Request) -> Response {
    let upgrade = hyper::upgrade::on(&mut request);
    tokio::spawn(async move {
        let (mut reader, mut writer) = tokio::io::split(TokioIo::new(upgrade.await.unwrap()));
        let _ = tokio::io::copy(&mut reader, &mut writer).await;
    });
    let head =
        Response::builder().status(101).header(CONNECTION, "upgrade").header(UPGRADE, "echo");
    head.body(Body::empty()).unwrap()
}

async fn connect(pki: &TestPki, server: &Server) -> TlsStream<TcpStream> {
    let foreign_client = ForeignClient::new(pki, Some(&pki.client())).offering(&["http/1.1"]);
    foreign_client.connect(server.address).await.unwrap()
}
