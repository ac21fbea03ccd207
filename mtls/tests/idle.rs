//! What counts as activity: requests and responses do, bytes alone do not.

#![allow(clippy::unwrap_used, reason = "what fails in a helper fails the test")]

mod support;

use std::time::{Duration, Instant};

use axum::Router;
use axum::routing::get;
use mtls::limits::Limits;

use self::support::{ForeignClient, Http2, Server, TestPki, quick, within};

#[tokio::test]
async fn frames_without_a_request_do_not_keep_a_connection_open() {
    let kinds: [(&str, u8, u32, &[u8]); 6] = [
        ("PING", 6, 0, &[0; 8]),
        ("SETTINGS", 4, 0, &[]),
        ("SETTINGS with a value", 4, 0, &[0, 4, 0, 0, 255, 255]),
        ("WINDOW_UPDATE", 8, 0, &[0, 0, 0, 1]),
        ("PRIORITY", 2, 3, &[0, 0, 0, 0, 1]),
        ("a kind that nobody knows", 0xfa, 0, b"noise"),
    ];
    for (name, kind, stream, payload) in kinds {
        for served_before in [true, false] {
            let pki = TestPki::new();
            let server = Server::with_limits(&pki, quick());
            let client = ForeignClient::new(&pki, Some(&pki.client()));
            let mut connection = Http2::open(client, server.address, 65_535).await;
            if served_before {
                connection.get(1).await;
                assert!(connection.receives(Http2::DATA, 1).await);
            }

            let began = Instant::now();
            let noise = async {
                while server.connections.admitted() > 0 {
                    let _ = connection.send(kind, 0, stream, payload).await;
                    let pause = Duration::from_millis(20);
                    while let Ok(Some(_)) = tokio::time::timeout(pause, connection.frame()).await {}
                }
            };
            within(name, noise).await;

            let took = began.elapsed();
            assert!(took > Duration::from_millis(300), "{name} is refused: {took:?}");
        }
    }
}

#[tokio::test]
async fn a_response_that_is_not_read_ends_its_connection_whatever_else_is_sent() {
    // The initial window of the stream, and its increment each time.
    for (window, step) in [(0, 0_u32), (1, 0), (1, 1), (60_000, 1)] {
        let pki = TestPki::new();
        let server = Server::serving(&pki, quick(), large());
        let foreign_client = || ForeignClient::new(&pki, Some(&pki.client()));
        let mut good = Http2::open(foreign_client(), server.address, 2_000_000).await;
        good.send(8, 0, 0, &2_000_000_u32.to_be_bytes()).await.unwrap();
        good.get(1).await;
        let mut received = 0;
        while received < LARGE {
            let (kind, _, length) = good.frame().await.unwrap();
            received += if kind == Http2::DATA { length } else { 0 };
        }
        drop(good);
        server.admits(0).await;

        let mut stalled = Http2::open(foreign_client(), server.address, window).await;
        stalled.get(1).await;
        let noise = async {
            while server.connections.admitted() > 0 {
                let _ = stalled.send(6, 0, 0, &[0; 8]).await;
                if step > 0 {
                    let _ = stalled.send(8, 0, 1, &step.to_be_bytes()).await;
                }
                let pause = Duration::from_millis(20);
                while let Ok(Some(_)) = tokio::time::timeout(pause, stalled.frame()).await {}
            }
        };

        within("its end", noise).await;
    }
}

#[tokio::test]
async fn a_request_being_handled_is_not_idle_while_its_client_is_connected() {
    let pki = TestPki::new();
    let router = Router::new().route(
        "/",
        get(async || {
            tokio::time::sleep(Duration::from_millis(1200)).await;
            "late"
        }),
    );
    let server = Server::serving(&pki, quick(), router);
    let client = ForeignClient::new(&pki, Some(&pki.client()));
    let mut connection = Http2::open(client, server.address, 65_535).await;
    connection.get(1).await;

    let mut answered = false;
    while !answered {
        connection.send(PING, 0, 0, &[0; 8]).await.unwrap();
        let mut kind = Http2::DATA;
        while kind != PING {
            kind = connection.frame().await.expect("it must stay open").0;
            answered |= kind == Http2::DATA;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test]
async fn a_connection_without_a_byte_is_not_a_refused_handshake() {
    let pki = TestPki::new();
    let server = Server::with_limits(&pki, Limits::default());
    let probe = async |bytes: &[u8], reset: bool| {
        use tokio::io::AsyncWriteExt;
        let mut tcp = tokio::net::TcpStream::connect(server.address).await.unwrap();
        tcp.write_all(bytes).await.unwrap();
        if reset {
            tcp.set_zero_linger().unwrap();
        }
        drop(tcp);
        server.admits(0).await;
    };

    for reset in [false, true] {
        for _ in 0..3 {
            probe(&[], reset).await;
        }
        // One byte starts a handshake.
        probe(&[22], reset).await;
    }

    let refusals = server.refusals(2).await;
    let codes: Vec<&str> = refusals.iter().map(|refusal| refusal.code.as_str()).collect();
    assert_eq!(codes, ["connection-lost"; 2]);
    assert_eq!(server.events.newest().len(), 2);
}

fn large() -> Router {
    Router::new().route("/", get(async || vec![b'x'; LARGE]))
}

const PING: u8 = 6;
const LARGE: usize = 1024 * 1024;
