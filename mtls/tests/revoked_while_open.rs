//! A revocation applies at once, whatever the state of the connection; other peers' connections
//! are not affected.

#![allow(clippy::unwrap_used, reason = "what fails in a helper fails the test")]

mod support;

use std::convert::Infallible;
use std::time::{Duration, Instant};

use authority::{Leaf, RevocationListRequest, RevocationReason};
use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use axum::response::Response;
use axum::routing::get;
use bytes::Bytes;
use futures_util::stream;
use http::header::{CONNECTION, UPGRADE};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use mtls::client::RequestError;
use mtls::connection::InFlight;
use mtls::event::refusal::Code;
use mtls::limits::Limits;
use mtls::pki::role::Role;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::client::TlsStream;

use self::support::{
    ForeignClient, IdentityDirectory, Server, TestClient, TestPki, empty_list, eventually, files,
    list, within,
};

/// Twenty-five of each, half of them with a request in flight.
#[tokio::test(flavor = "multi_thread")]
async fn all_connections_of_a_revoked_peer_are_cut_and_no_others() {
    let pki = TestPki::new();
    let directory = IdentityDirectory::with(&files(&pki, &pki.server(), &empty_list(&pki, 1)));
    let server = Server::of_store(directory.store(Role::Server), Limits::default(), router());
    let (bad, good) = (pki.client(), pki.client());
    let mut of_bad = open(&pki, &server, &bad).await;
    let mut of_good = open(&pki, &server, &good).await;
    server.admits(50).await;

    revoke(&pki, &directory, &bad);
    let began = Instant::now();
    for connection in &mut of_bad {
        connection.ends().await;
    }
    let took = began.elapsed();

    assert!(took < Duration::from_secs(1), "{took:?}");
    server.admits(25).await;
    for connection in &mut of_good {
        connection.identities().await;
    }
    let foreign_client = ForeignClient::new(&pki, Some(&bad)).offering(&["http/1.1"]);
    assert!(foreign_client.exchange(server.address, HEAD).await.is_err());
    let refusal = server.refusal().await;
    assert_eq!(refusal.code, Code::Revoked);
    assert!(refusal.sentence.ends_with("keyCompromise"), "{}", refusal.sentence);
    assert_eq!(refusal.alert.unwrap().name, "certificate_revoked");
}

#[tokio::test]
async fn a_client_cuts_its_connection_to_a_server_that_was_revoked() {
    let pki = TestPki::new();
    let shown = pki.server();
    let directory = IdentityDirectory::with(&files(&pki, &pki.client(), &empty_list(&pki, 1)));
    let server = Server::presenting(&shown, pki.roots(), Limits::default(), router());
    let test_client =
        TestClient::of_store(directory.store(Role::Client), Default::default(), &Limits::default());
    let mut answer = test_client.get(&server.url("/stream")).await.unwrap().into_body();
    assert!(within("a part", answer.frame()).await.unwrap().is_ok());

    revoke(&pki, &directory, &shown);
    let end = within("the end", async {
        while let Some(frame) = answer.frame().await {
            frame?;
        }
        Ok::<(), hyper::Error>(())
    })
    .await;

    assert!(end.is_err());
    let refusal = test_client.refused(&server.url("/")).await;
    assert_eq!((refusal.code, refusal.side), (Code::Revoked, Role::Client));
}

/// The root is removed: requests in flight may finish, and no new ones start.
#[tokio::test]
async fn a_connection_whose_root_was_removed_is_drained() {
    let (old, new) = (TestPki::new(), TestPki::new());
    let both = |leaf: &Leaf| {
        let mut set = files(&new, leaf, &empty_list(&new, 1));
        set[2].1 = [new.roots(), old.roots()].concat().into_bytes();
        set
    };
    let leaf = new.server();
    let directory = IdentityDirectory::with(&both(&leaf));
    let server = Server::of_store(directory.store(Role::Server), Limits::default(), router());
    let of_old = TestClient::of_store(
        IdentityDirectory::with(&both(&old.client())).store(Role::Client),
        Default::default(),
        &Limits::default(),
    );
    let mut in_flight = of_old.get(&server.url("/stream")).await.unwrap().into_body();
    assert!(within("a part", in_flight.frame()).await.unwrap().is_ok());

    directory.rename(&files(&new, &leaf, &empty_list(&new, 1)));
    let began = Instant::now();
    eventually("the drained connection to be gone", || {
        (server.connections.admitted() == 0).then_some(())
    })
    .await;

    assert!(began.elapsed() < Duration::from_secs(2), "{:?}", began.elapsed());
    assert_eq!(of_old.refused(&server.url("/")).await.code, Code::RefusedByPeer);
    assert_eq!(server.refusal().await.code, Code::UnknownIssuer);
}

/// One open connection, in one of four states.
enum Open {
    Idle(TlsStream<TcpStream>),
    Multiplexed(TestClient, String),
    Streaming(InFlight<Incoming>),
    Upgraded(TlsStream<TcpStream>),
}

impl Open {
    /// Waits until it is closed.
    async fn ends(&mut self) {
        let what = "the end of a connection";
        match self {
            Self::Idle(tls) | Self::Upgraded(tls) => {
                let _ = within(what, tls.read_to_end(&mut Vec::new())).await;
            }
            Self::Multiplexed(test_client, url) => {
                // A request may complete before the cut, or be cut itself.
                let refused = async {
                    loop {
                        if let Err(RequestError::Refused { refusal, .. }) =
                            test_client.get(url).await
                        {
                            break refusal.code;
                        }
                    }
                };
                assert_eq!(within(what, refused).await, Code::RefusedByPeer);
            }
            Self::Streaming(body) => {
                let end = within(what, async {
                    while let Some(frame) = body.frame().await {
                        frame?;
                    }
                    Ok::<(), hyper::Error>(())
                });
                assert!(end.await.is_err());
            }
        }
    }

    /// Waits until data arrives on it.
    async fn identities(&mut self) {
        match self {
            Self::Idle(tls) => {
                tls.write_all(HEAD).await.unwrap();
                assert_eq!(&head(tls).await[..15], b"HTTP/1.1 200 OK");
            }
            Self::Multiplexed(test_client, url) => {
                let answer = test_client.get(url).await.unwrap();
                answer.into_body().collect().await.unwrap();
            }
            Self::Streaming(body) => {
                assert!(within("a part", body.frame()).await.unwrap().is_ok());
            }
            Self::Upgraded(tls) => {
                tls.write_all(b"ping").await.unwrap();
                let mut echo = [0; 4];
                within("an echo", tls.read_exact(&mut echo)).await.unwrap();
                assert_eq!(&echo, b"ping");
            }
        }
    }
}

/// Twenty-five connections of one peer.
async fn open(pki: &TestPki, server: &Server, leaf: &Leaf) -> Vec<Open> {
    let mut all = Vec::new();
    for number in 0..25 {
        let foreign_client = ForeignClient::new(pki, Some(leaf)).offering(&["http/1.1"]);
        all.push(match number % 4 {
            0 => {
                let mut tls = foreign_client.connect(server.address).await.unwrap();
                tls.write_all(HEAD).await.unwrap();
                head(&mut tls).await;
                Open::Idle(tls)
            }
            1 => {
                let mut tls = foreign_client.connect(server.address).await.unwrap();
                tls.write_all(UPGRADE_HEAD).await.unwrap();
                assert!(head(&mut tls).await.starts_with(b"HTTP/1.1 101"));
                Open::Upgraded(tls)
            }
            2 => {
                let test_client = TestClient::presenting(leaf, pki.roots());
                let url = server.url("/");
                test_client.fetch(&url).await.unwrap();
                Open::Multiplexed(test_client, url)
            }
            _ => {
                let test_client = TestClient::presenting(leaf, pki.roots());
                Open::Streaming(test_client.get(&server.url("/stream")).await.unwrap().into_body())
            }
        });
    }
    all
}

fn revoke(pki: &TestPki, directory: &IdentityDirectory, leaf: &Leaf) {
    let request = RevocationListRequest::new(2);
    let request = request.revoke(leaf.serial(), RevocationReason::KeyCompromise);
    let list = list(&pki.authority, &request).pem().as_bytes().to_vec();
    directory.rename(&vec![("ca.crl", list)]);
}

/// One HTTP/1.1 response whose body has the length of `hello`, or none.
async fn head(tls: &mut TlsStream<TcpStream>) -> Vec<u8> {
    let mut answer = Vec::new();
    loop {
        let read = within("an answer", tls.read_buf(&mut answer)).await.unwrap();
        assert!(read > 0, "the connection ended");
        if answer.ends_with(b"hello") || answer.ends_with(b"\r\n\r\n") && answer[9] == b'1' {
            return answer;
        }
    }
}

fn router() -> Router {
    Router::new()
        .route("/", get(|| async { "hello" }))
        .route("/stream", get(|| async { Body::from_stream(ticks()) }))
        .route("/echo", get(echo))
}

fn ticks() -> impl futures_util::Stream<Item = Result<Bytes, Infallible>> {
    stream::unfold((), |()| async {
        tokio::time::sleep(Duration::from_millis(20)).await;
        Some((Ok(Bytes::from_static(b"tick")), ()))
    })
}

async fn echo(mut request: Request) -> Response {
    let upgrade = hyper::upgrade::on(&mut request);
    tokio::spawn(async move {
        let stream = upgrade.await.expect("the upgrade must succeed");
        let (mut read, mut write) = tokio::io::split(hyper_util::rt::TokioIo::new(stream));
        let _ = tokio::io::copy(&mut read, &mut write).await;
    });
    Response::builder()
        .status(101)
        .header(CONNECTION, "upgrade")
        .header(UPGRADE, "echo")
        .body(Body::empty())
        .unwrap()
}

const HEAD: &[u8] = b"GET / HTTP/1.1\r\nhost: localhost\r\n\r\n";
const UPGRADE_HEAD: &[u8] =
    b"GET /echo HTTP/1.1\r\nhost: localhost\r\nconnection: upgrade\r\nupgrade: echo\r\n\r\n";
