//! Which clients are accepted, over real TLS, and what both ends negotiate.

#![allow(clippy::unwrap_used, reason = "what fails in a helper fails the test")]

mod support;

use std::io::Write;
use std::process::{Command, Stdio};

use authority::Leaf;
use axum::routing::get;
use axum::{Extension, Router};
use mtls::event::Outcome;
use mtls::event::refusal::Code;
use mtls::limits::Limits;
use mtls::peer::Peer;
use mtls::pki::role::Role;
use rustls::version::{TLS12, TLS13};

use self::support::{ForeignClient, Server, TestClient, TestPki, received_alert, within};

const REQUEST: &[u8] = b"GET / HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n";

#[tokio::test]
async fn our_client_and_server_negotiate_tls_13_hybrid_key_exchange_and_http_2() {
    let pki = TestPki::new();
    let server = Server::open(&pki);
    let caller = TestClient::new(&pki);

    let (body, connection) = caller.fetch(&server.url("/")).await.unwrap();

    assert_eq!(body, "hello");
    let connection = connection.unwrap();
    let ours = connection.session().unwrap();
    assert_eq!(ours.version, "TLSv1.3");
    assert_eq!(ours.cipher_suite, "TLS_AES_256_GCM_SHA384");
    assert_eq!(ours.key_exchange, "X25519MLKEM768");
    assert_eq!(ours.alpn.as_deref(), Some("h2"));
    assert_eq!(ours.server_name.as_deref(), Some("localhost"));
    assert_eq!(connection.peer().unwrap().common_name(), Some("api-service"));
    let theirs = server.newest_of(1).await;
    assert_eq!((theirs.side, theirs.kind.outcome()), (Role::Server, Outcome::Accepted));
    assert_eq!(theirs.tls.as_ref(), Some(ours));
    let certificate = theirs.client_cert.as_ref().unwrap();
    assert_eq!(certificate.subject.common_name(), Some("client-service"));
    assert!(theirs.server_cert.is_none() && theirs.refusal.is_none());
    let ours = caller.events.newest().remove(0);
    assert_eq!((ours.side, ours.kind.outcome()), (Role::Client, Outcome::Accepted));
    assert!(ours.client_cert.is_none() && ours.server_cert.is_some());
}

#[tokio::test]
async fn a_handler_can_read_its_peer() {
    let pki = TestPki::new();
    let name = |Extension(peer): Extension<Peer>| async move {
        format!("{} {}", peer.common_name().unwrap(), peer.spiffe_id().unwrap())
    };
    let router = Router::new().route("/", get(name));
    let server = Server::serving(&pki, Limits::default(), router);

    let (body, _) = TestClient::new(&pki).fetch(&server.url("/")).await.unwrap();

    assert_eq!(body, "client-service spiffe://mtls-demo.local/ns/default/sa/client-service");
}

#[tokio::test]
async fn one_connection_serves_many_requests() {
    let pki = TestPki::new();
    let server = Server::open(&pki);
    let caller = TestClient::new(&pki);

    for _ in 0..10 {
        assert_eq!(caller.fetch(&server.url("/")).await.unwrap().0, "hello");
    }

    assert_eq!(server.accepted(), 1);
}

#[tokio::test]
async fn foreign_clients_are_accepted_over_tls_13_and_tls_12() {
    let pki = TestPki::new();
    let server = Server::open(&pki);

    for (version, name) in [(&TLS13, "TLSv1.3"), (&TLS12, "TLSv1.2")] {
        let stranger = ForeignClient::speaking(&pki, Some(&pki.client()), &[version]);

        let answer = stranger.exchange(server.address, REQUEST).await.unwrap();

        assert!(answer.ends_with(b"hello"));
        let tls = server.events.newest()[0].tls.clone().unwrap();
        assert_eq!(tls.version, name);
        assert_eq!(tls.alpn, None);
    }
}

#[tokio::test]
async fn the_client_chooses_the_application_protocol_among_the_offered() {
    let pki = TestPki::new();
    let server = Server::open(&pki);
    let leaf = pki.client();
    let with = |protocols: &[&str]| ForeignClient::new(&pki, Some(&leaf)).offering(protocols);

    for (offered, chosen) in
        [(&["http/1.1", "h2"][..], &b"h2"[..]), (&["spdy/3", "http/1.1"], b"http/1.1")]
    {
        let tls = with(offered).connect(server.address).await.unwrap();
        assert_eq!(tls.get_ref().1.alpn_protocol(), Some(chosen));
    }

    let refused = with(&["spdy/3"]).connect(server.address).await.unwrap_err();
    assert_eq!(received_alert(&refused), Some(120));
    let refusal = server.refusal().await;
    assert_eq!((refusal.code, refusal.side), (Code::NoCommonProtocol, Role::Server));
    assert_eq!(refusal.alert.unwrap().name, "no_application_protocol");
}

#[tokio::test]
async fn bytes_of_another_http_version_than_alpn_selected_end_the_connection() {
    let pki = TestPki::new();
    let server = Server::open(&pki);
    let leaf = pki.client();
    let offering = |protocol| ForeignClient::new(&pki, Some(&leaf)).offering(&[protocol]);
    let preface = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0";

    let http1 = offering("http/1.1").exchange(server.address, REQUEST).await.unwrap();
    let http1_on_h2 = offering("h2").exchange(server.address, REQUEST).await;
    let h2_on_http1 = offering("http/1.1").exchange(server.address, preface).await;

    assert!(http1.ends_with(b"hello"));
    // A reset ends it too.
    assert!(http1_on_h2.unwrap_or_default().is_empty());
    assert!(h2_on_http1.unwrap_or_default().is_empty());
}

#[tokio::test]
async fn no_session_is_resumed_and_no_ticket_is_offered() {
    let pki = TestPki::new();
    let server = Server::open(&pki);
    let directory = tempfile::tempdir().unwrap();
    let session = directory.path().join("session").to_string_lossy().into_owned();
    let leaf = pki.client();

    for version in ["-tls1_2", "-tls1_3"] {
        let first = s_client(&pki, &leaf, &server, &[version, "-sess_out", &session]).await;
        assert!(first.contains("\nNew, TLSv1."), "{first}");
        assert!(first.contains("hello"), "{first}");
        assert!(!first.contains("TLS session ticket"), "{first}");

        // Without a ticket TLS 1.3 has no session to resume, and in TLS 1.2 the session has no ID.
        if std::path::Path::new(&session).exists() {
            let arguments = [version, "-sess_in", &session];
            let second = s_client(&pki, &leaf, &server, &arguments).await;
            assert!(second.contains("\nNew, TLSv1."), "{second}");
            assert!(!second.contains("Reused,"), "{second}");
        }
    }
}

#[tokio::test]
async fn a_plain_openssl_client_receives_the_names_of_the_accepted_authorities() {
    let pki = TestPki::new();
    let server = Server::open(&pki);

    let said = s_client(&pki, &pki.client(), &server, &[]).await;

    let root = pki.authority.certificate().common_name();
    assert!(said.contains("Acceptable client certificate CA names"), "{said}");
    assert!(said.contains(&format!("CN = {root}")), "{said}");
}

/// All that `openssl s_client` prints of one request with this leaf.
async fn s_client(pki: &TestPki, leaf: &Leaf, server: &Server, arguments: &[&str]) -> String {
    let directory = tempfile::tempdir().unwrap();
    let file = |name: &str, content: &str| {
        let path = directory.path().join(name);
        std::fs::write(&path, content).unwrap();
        path.to_string_lossy().into_owned()
    };
    let (certificate, key) = (file("crt", &leaf.chain_pem()), file("key", &leaf.key_pem()));
    let (roots, address) = (file("ca", pki.roots()), server.address.to_string());
    let mut command = Command::new("openssl");
    command.args(["s_client", "-connect", &address, "-servername", "localhost", "-CAfile", &roots]);
    command.args(["-cert", &certificate, "-key", &key, "-ign_eof"]).args(arguments);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());

    let run = tokio::task::spawn_blocking(move || {
        let mut child = command.spawn().unwrap();
        child.stdin.take().unwrap().write_all(REQUEST).unwrap();
        child.wait_with_output().unwrap()
    });
    let output = within("openssl", run).await.unwrap();
    String::from_utf8_lossy(&output.stdout).into_owned()
}
