//! Limits on the duration and the number of connections: each connection is ended by its own
//! limit, and the others are served meanwhile.

#![allow(clippy::unwrap_used, reason = "what fails in a helper fails the test")]

mod support;

use std::net::SocketAddr;
use std::time::Duration;

use mtls::event::refusal::{Code, Refusal};
use mtls::limits::Limits;
use mtls::pki::role::Role;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio_rustls::client::TlsStream;

use self::support::{ForeignClient, Server, TestClient, TestPki, quick, received_alert, within};

const REQUEST: &[u8] = b"GET / HTTP/1.1\r\nhost: localhost\r\n\r\n";

#[tokio::test]
async fn a_silent_connection_is_closed_by_the_handshake_timeout_while_others_are_served() {
    assert_handshake_times_out(&[]).await;
}

#[tokio::test]
async fn half_a_handshake_is_closed_by_the_handshake_timeout_while_others_are_served() {
    assert_handshake_times_out(&[22, 3, 1, 2, 0, 1, 0, 1, 252, 3, 3]).await;
}

#[tokio::test]
async fn a_head_sent_a_byte_at_a_time_is_closed_by_the_header_timeout() {
    let pki = TestPki::new();
    let server = Server::with_limits(&pki, patient());
    let leaf = pki.client();
    let mut tls = ForeignClient::new(&pki, Some(&leaf)).connect(server.address).await.unwrap();
    let mut pace = tokio::time::interval(Duration::from_millis(20));

    let drip = async {
        for byte in b"GET / HTTP/1.1\r\nx: ".iter().chain(std::iter::repeat(&b'y')) {
            pace.tick().await;
            if tls.write_all(&[*byte]).await.is_err() || tls.flush().await.is_err() {
                break;
            }
        }
    };
    within("the end of the drip", drip).await;

    let refusal = server.refusal().await;
    assert_eq!((refusal.code, refusal.side), (Code::HeaderTimeout, Role::Server));
    assert_eq!(refusal.certificate.unwrap().serial_number, leaf.serial().to_string());
    assert_eq!(TestClient::new(&pki).fetch(&server.url("/")).await.unwrap().0, "hello");
}

#[tokio::test]
async fn an_incomplete_head_is_closed_by_the_header_timeout() {
    let pki = TestPki::new();
    let server = Server::with_limits(&pki, patient());
    let client = pki.client();
    let mut tls = ForeignClient::new(&pki, Some(&client)).connect(server.address).await.unwrap();
    assert_served(&mut tls).await;

    tls.write_all(b"GET / HT").await.unwrap();
    within("the end", tls.read_to_end(&mut Vec::new())).await.unwrap_or_default();

    assert_eq!(server.refusal().await.code, Code::HeaderTimeout);
}

#[tokio::test]
async fn closing_an_idle_connection_is_not_a_refusal() {
    let pki = TestPki::new();
    let server = Server::with_limits(&pki, quick());
    let leaf = pki.client();

    for served_before in [false, true] {
        let mut tls = ForeignClient::new(&pki, Some(&leaf)).connect(server.address).await.unwrap();
        if served_before {
            assert_served(&mut tls).await;
        }
        let _ = within("the end", tls.read_to_end(&mut Vec::new())).await;
        server.admits(0).await;
    }

    assert!(server.events.newest().iter().all(|event| event.refusal.is_none()));
}

#[tokio::test]
async fn an_idle_http_2_connection_is_closed() {
    let pki = TestPki::new();
    let server = Server::with_limits(&pki, quick());

    TestClient::new(&pki).fetch(&server.url("/")).await.unwrap();

    server.admits(0).await;
    assert!(server.events.newest().iter().all(|event| event.refusal.is_none()));
}

#[tokio::test]
async fn connections_over_the_limit_are_refused_and_closed_ones_free_capacity() {
    let pki = TestPki::new();
    let limits = Limits::with(|limits| limits.max_connections = 2);
    let server = Server::with_limits(&pki, limits);
    let stranger = ForeignClient::new(&pki, Some(&pki.client()));
    let mut one = stranger.connect(server.address).await.unwrap();
    let two = stranger.connect(server.address).await.unwrap();

    let refused = stranger.connect(server.address).await.unwrap_err();

    assert_eq!(received_alert(&refused), Some(80));
    assert_too_many(server.refusal().await, "max_connections is 2");
    assert_served(&mut one).await;
    drop(two);
    server.admits(1).await;
    assert_served(&mut stranger.connect(server.address).await.unwrap()).await;
}

#[tokio::test]
async fn our_client_reports_too_many_connections() {
    let pki = TestPki::new();
    let limits = Limits::with(|limits| limits.max_connections = 0);
    let server = Server::with_limits(&pki, limits);

    let refusal = TestClient::new(&pki).refused(&server.url("/")).await;

    assert_eq!((refusal.code, refusal.side), (Code::RefusedByPeer, Role::Server));
    assert_eq!(refusal.alert.unwrap().name, "internal_error");
}

#[tokio::test]
async fn one_address_gets_no_more_than_its_share() {
    let pki = TestPki::new();
    let limits = Limits::with(|limits| limits.max_connections_per_address = 1);
    let server = Server::with_limits(&pki, limits);
    let stranger = ForeignClient::new(&pki, Some(&pki.client()));
    let mut first = stranger.connect(server.address).await.unwrap();

    let refused = stranger.connect(server.address).await.unwrap_err();
    let tcp = connect_from([127, 0, 0, 2], server.address).await;
    let mut elsewhere = stranger.connect_over(tcp).await.unwrap();

    assert_eq!(received_alert(&refused), Some(80));
    assert_too_many(server.refusal().await, "max_connections_per_address is 1");
    assert_served(&mut first).await;
    assert_served(&mut elsewhere).await;
    drop(first);
    server.admits(1).await;
    assert_served(&mut stranger.connect(server.address).await.unwrap()).await;
}

#[tokio::test]
async fn of_200_connections_100_are_accepted_and_accepted_ones_are_served() {
    let pki = TestPki::new();
    let handshake_timeout = Duration::from_secs(2);
    let limits = Limits::with(|limits| {
        (limits.max_connections, limits.handshake_timeout) = (100, handshake_timeout);
    });
    let server = Server::with_limits(&pki, limits);
    let stranger = ForeignClient::new(&pki, Some(&pki.client()));
    let mut inside = stranger.connect(server.address).await.unwrap();

    let mut crowd = Vec::new();
    for _ in 0..200 {
        crowd.push(TcpStream::connect(server.address).await.unwrap());
    }

    let refusals = server.refusals(101).await;
    assert!(refusals.iter().all(|refusal| refusal.code == Code::TooManyConnections));
    assert_eq!(server.connections.admitted(), 100);
    assert_served(&mut inside).await;
    let refusals = server.refusals(200).await;
    let late = refusals.iter().filter(|refusal| refusal.code == Code::HandshakeTimeout);
    assert_eq!(late.count(), 99);
    server.admits(1).await;
    assert_served(&mut inside).await;
    assert_served(&mut stranger.connect(server.address).await.unwrap()).await;
}

async fn assert_handshake_times_out(bytes: &[u8]) {
    let pki = TestPki::new();
    let server = Server::with_limits(&pki, quick());
    let mut tcp = TcpStream::connect(server.address).await.unwrap();
    tcp.write_all(bytes).await.unwrap();

    let served = TestClient::new(&pki).fetch(&server.url("/")).await.unwrap();
    let _ = within("the end", tcp.read_to_end(&mut Vec::new())).await;

    assert_eq!(served.0, "hello");
    let refusal = server.refusal().await;
    assert_eq!((refusal.code, refusal.side), (Code::HandshakeTimeout, Role::Server));
    assert_eq!((refusal.alert, refusal.peer), (None, tcp.local_addr().unwrap()));
}

fn assert_too_many(refusal: Refusal, detail: &str) {
    assert_eq!((refusal.code, refusal.side), (Code::TooManyConnections, Role::Server));
    assert!(refusal.sentence.ends_with(detail), "{}", refusal.sentence);
    assert_eq!(refusal.alert.unwrap().name, "internal_error");
}

async fn assert_served(tls: &mut TlsStream<TcpStream>) {
    tls.write_all(REQUEST).await.unwrap();
    let mut answer = Vec::new();
    while !answer.ends_with(b"hello") {
        let count = within("an answer", tls.read_buf(&mut answer)).await.unwrap();
        assert!(count > 0, "the connection was closed");
    }
}

async fn connect_from(source: [u8; 4], server: SocketAddr) -> TcpStream {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind((source, 0).into()).unwrap();
    socket.connect(server).await.unwrap()
}

const HOUR: Duration = Duration::from_secs(3600);

/// Short limits, but for idle connections.
fn patient() -> Limits {
    let mut limits = quick();
    limits.idle_timeout = HOUR;
    limits
}
