//! In TLS 1.3 a client learns of its refusal only after its own handshake is done. It must
//! report it as a refusal, every time, in either HTTP version.

#![allow(clippy::unwrap_used, reason = "what fails in a helper fails the test")]

mod support;

use std::sync::Arc;

use authority::Leaf;
use mtls::client::RequestError;
use mtls::event::refusal::Code;
use mtls::pki::role::Role;
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

use self::support::{ForeignClient, Server, TestClient, TestPki, received_alert};

const TIMES: usize = 300;

#[tokio::test(flavor = "multi_thread")]
async fn over_http_2_our_client_always_learns_of_its_refusal() {
    let pki = TestPki::new();
    let server = Server::open(&pki);
    let url = server.url("/");
    assert_eq!(TestClient::new(&pki).fetch(&url).await.unwrap().0, "hello");

    let test_client = TestClient::presenting(&TestPki::new().client(), pki.roots());
    for _ in 0..TIMES {
        assert_refused(&test_client, &url, "h2").await;
    }

    let newest = server.events.newest();
    let refused =
        |code| newest.iter().filter_map(|event| event.refusal.as_ref()).all(|r| r.code == code);
    assert!(refused(Code::UnknownIssuer));
}

#[tokio::test(flavor = "multi_thread")]
async fn over_http_11_our_client_always_learns_of_its_refusal_by_a_foreign_server() {
    let pki = TestPki::new();
    let port = foreign_server(&pki, "http/1.1").await;
    let url = format!("https://localhost:{port}/");

    let test_client = TestClient::presenting(&TestPki::new().client(), pki.roots());
    for _ in 0..TIMES {
        assert_refused(&test_client, &url, "http/1.1").await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn over_http_2_our_client_always_learns_of_its_refusal_by_a_foreign_server() {
    let pki = TestPki::new();
    let port = foreign_server(&pki, "h2").await;
    let url = format!("https://localhost:{port}/");

    let test_client = TestClient::presenting(&TestPki::new().client(), pki.roots());
    for _ in 0..TIMES {
        assert_refused(&test_client, &url, "h2").await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn over_http_11_a_foreign_client_always_learns_of_its_refusal() {
    let pki = TestPki::new();
    let server = Server::open(&pki);
    let with = |leaf: &Leaf| ForeignClient::new(&pki, Some(leaf)).offering(&["http/1.1"]);
    let request = b"GET / HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n";
    let answer = with(&pki.client()).exchange(server.address, request).await.unwrap();
    assert!(answer.ends_with(b"hello"));

    let refused = with(&TestPki::new().client());
    for _ in 0..TIMES {
        let error = refused.exchange(server.address, request).await.unwrap_err();
        assert_eq!(received_alert(&error), Some(48), "{error}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn many_requests_at_once_all_learn_of_their_refusal() {
    let pki = TestPki::new();
    let server = Server::open(&pki);
    let url = server.url("/");
    let test_client = Arc::new(TestClient::presenting(&TestPki::new().client(), pki.roots()));

    let tasks: Vec<_> = (0..50)
        .map(|_| {
            let (test_client, url) = (Arc::clone(&test_client), url.clone());
            tokio::spawn(async move { assert_refused(&test_client, &url, "h2").await })
        })
        .collect();

    for task in tasks {
        task.await.unwrap();
    }
}

async fn assert_refused(test_client: &TestClient, url: &str, protocol: &str) {
    let error = test_client.get(url).await.unwrap_err();

    let RequestError::Refused { refusal, session } = error else {
        unreachable!("a refusal was expected, and there is {error:?}");
    };
    assert_eq!((refusal.code, refusal.side), (Code::RefusedByPeer, Role::Server));
    assert_eq!(refusal.alert.unwrap().number, 48);
    assert_eq!(session.unwrap().alpn.as_deref(), Some(protocol));
}

/// A plain rustls server that accepts no client of another authority, and sends no response.
async fn foreign_server(pki: &TestPki, protocol: &str) -> u16 {
    let provider = Arc::new(aws_lc_rs::default_provider());
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from(pki.authority.root().der().to_vec())).unwrap();
    let verifier = WebPkiClientVerifier::builder_with_provider(roots.into(), provider.clone());
    let leaf = pki.server();
    let key = PrivateKeyDer::from_pem_slice(leaf.key_pem().as_bytes()).unwrap();
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_client_cert_verifier(verifier.build().unwrap())
        .with_single_cert(support::chain(&leaf), key)
        .unwrap();
    config.alpn_protocols = vec![protocol.as_bytes().to_vec()];

    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((tcp, _)) = listener.accept().await {
            let handshake = acceptor.accept(tcp).into_fallible();
            // Like our server, it waits for the other end to close: otherwise a reset may overtake
            // the alert.
            tokio::spawn(async move {
                if let Err((_, mut tcp)) = handshake.await {
                    let _ = tokio::io::copy(&mut tcp, &mut tokio::io::sink()).await;
                }
            });
        }
    });
    port
}
