//! A connection that reaches its age ends with its last response, and loses no request.

#![allow(clippy::unwrap_used, reason = "what fails in a helper fails the test")]

mod support;

use std::net::{SocketAddr, TcpListener};
use std::time::{Duration, Instant};

use axum::Router;
use axum::routing::get;
use mtls::Mtls;
use mtls::limits::Limits;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::sleep;
use tokio_rustls::client::TlsStream;

use self::support::{ForeignClient, Http2, IdentityDirectory, TestPki, empty_list, files, within};

#[tokio::test]
async fn the_response_in_flight_is_the_last_over_http1() {
    let (pki, _files, address) = server(AGE, DRAIN);
    let mut tls = connect(&pki, address).await;

    tls.write_all(GET_SLOW).await.unwrap();
    let response = rest(&mut tls).await;

    assert!(response.starts_with("HTTP/1.1 200"), "{response}");
    assert!(response.contains("connection: close") && response.ends_with("slow"), "{response}");
}

#[tokio::test]
async fn the_response_in_flight_is_the_last_over_http2() {
    let (pki, _files, address) = server(AGE, DRAIN);
    let mut connection = open_http2(&pki, address).await;

    connection.get(1).await;
    let mut kinds = Vec::new();
    while let Some((kind, ..)) = connection.frame().await {
        kinds.push(kind);
    }

    let at = |kind| kinds.iter().position(|&its| its == kind);
    let (goaway, data) = (at(GOAWAY).expect("GOAWAY"), at(Http2::DATA).expect("the response"));
    assert!(goaway < data, "{kinds:?}");
}

#[tokio::test]
async fn an_idle_connection_is_closed() {
    let (pki, _files, address) = server(AGE, DRAIN);
    let (mut http1, mut http2) = (connect(&pki, address).await, open_http2(&pki, address).await);
    let began = Instant::now();

    assert_eq!(rest(&mut http1).await, "");
    // A client that does not acknowledge the PING with it stays for the drain timeout.
    assert!(http2.receives(GOAWAY, 0).await);

    let took = began.elapsed();
    assert!(took > AGE / 2 && took < AGE * 2 + Duration::from_secs(2), "{took:?}");
}

#[tokio::test]
async fn the_request_after_the_age_is_answered_with_connection_close() {
    let (pki, _files, address) = server(AGE, DRAIN);
    let mut tls = connect(&pki, address).await;

    // Within the second in which a client may still send one.
    sleep(AGE * 6 / 5 + Duration::from_millis(400)).await;
    tls.write_all(GET).await.unwrap();
    let response = rest(&mut tls).await;

    assert!(response.contains("connection: close") && response.ends_with("hello"), "{response}");
}

#[tokio::test]
async fn what_does_not_finish_is_cut_after_the_drain_timeout() {
    let (pki, _files, address) = server(AGE, Duration::from_millis(100));
    let began = Instant::now();
    let (mut http1, mut http2) = (connect(&pki, address).await, open_http2(&pki, address).await);

    http1.write_all(GET_SLOW).await.unwrap();
    http2.get(1).await;
    let response = rest(&mut http1).await;
    let responded = http2.receives(Http2::DATA, 1).await;

    assert_eq!((response.as_str(), responded), ("", false));
    assert!(began.elapsed() < SLOW, "{:?}", began.elapsed());
}

#[tokio::test]
async fn an_age_of_zero_is_none_and_a_huge_one_is_no_fault() {
    for age in [Duration::ZERO, Duration::MAX] {
        let (pki, _files, address) = server(age, DRAIN);
        let mut tls = connect(&pki, address).await;

        sleep(Duration::from_millis(300)).await;
        tls.write_all(GET).await.unwrap();
        let mut response = [0; 512];
        let length = within("a response", tls.read(&mut response)).await.unwrap();

        let response = String::from_utf8_lossy(&response[..length]);
        assert!(response.starts_with("HTTP/1.1 200"), "{response}");
        assert!(!response.contains("connection: close"), "{response}");
    }
}

/// A server whose connections have this age; its files are read until the test ends.
fn server(age: Duration, drain_timeout: Duration) -> (TestPki, IdentityDirectory, SocketAddr) {
    let pki = TestPki::new();
    let files = files(&pki, &pki.server(), &empty_list(&pki, 1));
    let directory = IdentityDirectory::with(&files);
    let limits = Limits::with(|limits| limits.max_connection_age = age);
    let mtls = Mtls::builder().directory(directory.path()).limits(limits).build().unwrap();
    let slow = async || {
        sleep(SLOW).await;
        "slow"
    };
    let app = Router::new().route("/", get(slow)).route("/hello", get("hello"));
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(mtls.serve(listener, app).drain_timeout(drain_timeout).into_future());
    (pki, directory, address)
}

async fn connect(pki: &TestPki, address: SocketAddr) -> TlsStream<TcpStream> {
    let client = ForeignClient::new(pki, Some(&pki.client())).offering(&["http/1.1"]);
    within("a handshake", client.connect(address)).await.unwrap()
}

async fn open_http2(pki: &TestPki, address: SocketAddr) -> Http2 {
    let client = ForeignClient::new(pki, Some(&pki.client()));
    within("a handshake", Http2::open(client, address, 65_535)).await
}

/// All that arrives until the server closes the connection.
async fn rest(tls: &mut TlsStream<TcpStream>) -> String {
    let mut bytes = Vec::new();
    let _ = within("the end", tls.read_to_end(&mut bytes)).await;
    String::from_utf8(bytes).unwrap()
}

const AGE: Duration = Duration::from_millis(500);
const DRAIN: Duration = Duration::from_secs(10);
/// How long the slow response takes: longer than any connection's age.
const SLOW: Duration = Duration::from_secs(2);

const GET: &[u8] = b"GET /hello HTTP/1.1\r\nhost: localhost\r\n\r\n";
const GET_SLOW: &[u8] = b"GET / HTTP/1.1\r\nhost: localhost\r\n\r\n";
const GOAWAY: u8 = 7;
