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

use self::support::{Caller, Papers, Server, Stranger, received_alert};

const TIMES: usize = 300;

#[tokio::test(flavor = "multi_thread")]
async fn over_http_2_our_client_always_learns_of_its_refusal() {
    let papers = Papers::new();
    let server = Server::open(&papers);
    let url = server.url("/");
    assert_eq!(Caller::new(&papers).fetch(&url).await.unwrap().0, "hello");

    let caller = Caller::showing(&Papers::new().client(), papers.roots());
    for _ in 0..TIMES {
        assert_refused(&caller, &url, "h2").await;
    }

    let newest = server.events.newest();
    let refused =
        |code| newest.iter().filter_map(|event| event.refusal.as_ref()).all(|r| r.code == code);
    assert!(refused(Code::UnknownIssuer));
}

#[tokio::test(flavor = "multi_thread")]
async fn over_http_11_our_client_always_learns_of_its_refusal_by_a_foreign_server() {
    let papers = Papers::new();
    let port = foreign_server(&papers, "http/1.1").await;
    let url = format!("https://localhost:{port}/");

    let caller = Caller::showing(&Papers::new().client(), papers.roots());
    for _ in 0..TIMES {
        assert_refused(&caller, &url, "http/1.1").await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn over_http_2_our_client_always_learns_of_its_refusal_by_a_foreign_server() {
    let papers = Papers::new();
    let port = foreign_server(&papers, "h2").await;
    let url = format!("https://localhost:{port}/");

    let caller = Caller::showing(&Papers::new().client(), papers.roots());
    for _ in 0..TIMES {
        assert_refused(&caller, &url, "h2").await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn over_http_11_a_foreign_client_always_learns_of_its_refusal() {
    let papers = Papers::new();
    let server = Server::open(&papers);
    let with = |leaf: &Leaf| Stranger::new(&papers, Some(leaf)).offering(&["http/1.1"]);
    let request = b"GET / HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n";
    let answer = with(&papers.client()).exchange(server.address, request).await.unwrap();
    assert!(answer.ends_with(b"hello"));

    let refused = with(&Papers::new().client());
    for _ in 0..TIMES {
        let error = refused.exchange(server.address, request).await.unwrap_err();
        assert_eq!(received_alert(&error), Some(48), "{error}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn many_requests_at_once_all_learn_of_their_refusal() {
    let papers = Papers::new();
    let server = Server::open(&papers);
    let url = server.url("/");
    let caller = Arc::new(Caller::showing(&Papers::new().client(), papers.roots()));

    let tasks: Vec<_> = (0..50)
        .map(|_| {
            let (caller, url) = (Arc::clone(&caller), url.clone());
            tokio::spawn(async move { assert_refused(&caller, &url, "h2").await })
        })
        .collect();

    for task in tasks {
        task.await.unwrap();
    }
}

async fn assert_refused(caller: &Caller, url: &str, protocol: &str) {
    let error = caller.get(url).await.unwrap_err();

    let RequestError::Refused { refusal, session } = error else {
        unreachable!("a refusal was expected, and there is {error:?}");
    };
    assert_eq!((refusal.code, refusal.side), (Code::RefusedByPeer, Role::Server));
    assert_eq!(refusal.alert.unwrap().number, 48);
    assert_eq!(session.unwrap().alpn.as_deref(), Some(protocol));
}

/// A plain rustls server that accepts no client of another authority, and sends no response.
async fn foreign_server(papers: &Papers, protocol: &str) -> u16 {
    let provider = Arc::new(aws_lc_rs::default_provider());
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from(papers.authority.root().der().to_vec())).unwrap();
    let verifier = WebPkiClientVerifier::builder_with_provider(roots.into(), provider.clone());
    let leaf = papers.server();
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
