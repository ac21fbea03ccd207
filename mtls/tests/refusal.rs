//! Which clients the server refuses: the exact code in its ring buffer, and the exact alert at
//! the other end.

#![allow(clippy::unwrap_used, reason = "what fails in a helper fails the test")]

mod support;

use authority::{Authority, AuthorityRequest, Leaf, LeafRequest, Usage};
use mtls::client::RequestError;
use mtls::event::refusal::Code;
use mtls::pki::role::Role;
use rustls::version::{TLS12, TLS13};
use time::{Duration, OffsetDateTime};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use self::support::{ForeignClient, Server, TestClient, TestPki, received_alert, s_client, within};

const REQUEST: &[u8] = b"GET / HTTP/1.1\r\nhost: localhost\r\n\r\n";

#[tokio::test]
async fn a_self_signed_client_is_refused() {
    let leaf = Leaf::self_signed(&TestPki::for_client()).unwrap();

    assert_refused(&TestPki::new(), &leaf, Code::SelfSigned, "unknown_ca").await;
}

#[tokio::test]
async fn a_client_from_another_authority_is_refused() {
    let leaf = TestPki::new().client();

    assert_refused(&TestPki::new(), &leaf, Code::UnknownIssuer, "unknown_ca").await;
}

#[tokio::test]
async fn a_client_from_another_authority_of_the_same_name_is_refused() {
    let pki = TestPki::new();
    let namesake = AuthorityRequest::default().subject_of(&pki.authority);
    let leaf = Authority::generate(&namesake).unwrap().issue(&TestPki::for_client()).unwrap();

    assert_refused(&pki, &leaf, Code::UnknownIssuer, "unknown_ca").await;
}

#[tokio::test]
async fn a_client_whose_authority_imitates_ours_is_refused() {
    let pki = TestPki::new();
    let forged = AuthorityRequest::default().subject_of(&pki.authority);
    let forged = forged.key_identifier(pki.authority.certificate().key_identifier());
    let leaf = Authority::generate(&forged).unwrap().issue(&TestPki::for_client()).unwrap();

    assert_refused(&pki, &leaf, Code::BadSignature, "decrypt_error").await;
}

#[tokio::test]
async fn an_expired_client_is_refused() {
    let pki = TestPki::new();
    let now = OffsetDateTime::now_utc();
    let leaf =
        TestPki::for_client().not_before(now - Duration::HOUR).not_after(now - Duration::MINUTE);

    let leaf = pki.issue(&leaf);
    assert_refused(&pki, &leaf, Code::Expired, "certificate_expired").await;
}

#[tokio::test]
async fn a_client_that_is_not_yet_valid_is_refused() {
    let pki = TestPki::new();
    let leaf = TestPki::for_client().not_before(OffsetDateTime::now_utc() + Duration::HOUR);

    let leaf = pki.issue(&leaf);
    assert_refused(&pki, &leaf, Code::NotYetValid, "certificate_expired").await;
}

#[tokio::test]
async fn a_server_certificate_is_refused_as_a_client() {
    let pki = TestPki::new();
    let leaf = pki.server();

    assert_refused(&pki, &leaf, Code::WrongPurpose, "unsupported_certificate").await;
}

#[tokio::test]
async fn a_client_without_extended_key_usage_is_refused() {
    let pki = TestPki::new();
    let leaf = pki.issue(&TestPki::for_client().usage(Usage::Unstated));

    assert_refused(&pki, &leaf, Code::WrongPurpose, "unsupported_certificate").await;
}

#[tokio::test]
async fn an_authority_is_refused_as_a_client() {
    let pki = TestPki::new();
    let below = pki.authority.issue_intermediate(&AuthorityRequest::intermediate()).unwrap();
    let files = tempfile::tempdir().unwrap();
    let (certificate, key) = (files.path().join("crt"), files.path().join("key"));
    std::fs::write(&certificate, below.certificate().pem()).unwrap();
    std::fs::write(&key, below.key_pem()).unwrap();
    let server = Server::open(&pki);

    let arguments = ["-cert", certificate.to_str().unwrap(), "-key", key.to_str().unwrap()];
    s_client(&server, &arguments).await;

    let refusal = server.refusal().await;
    assert_eq!(refusal.code, Code::NotALeaf);
    assert_eq!(refusal.alert.unwrap().name, "certificate_unknown");
}

#[tokio::test]
async fn a_client_with_an_unknown_critical_extension_is_refused() {
    let pki = TestPki::new();
    let leaf = TestPki::for_client().extension(&[1, 3, 6, 1, 4, 1, 99999, 1], true, &[5, 0]);

    let leaf = pki.issue(&leaf);
    assert_refused(&pki, &leaf, Code::UnknownExtension, "bad_certificate").await;
}

#[tokio::test]
async fn a_client_with_a_name_its_issuer_must_not_certify_is_refused() {
    let pki = TestPki::of(&AuthorityRequest::default().exclude_dns("bad"));
    let leaf = pki.issue(&LeafRequest::new("a").dns("bad"));

    assert_refused(&pki, &leaf, Code::NameConstraint, "certificate_unknown").await;
}

#[tokio::test]
async fn a_client_without_a_certificate_is_refused() {
    let pki = TestPki::new();
    for version in [&TLS13, &TLS12] {
        let server = Server::open(&pki);
        let good = ForeignClient::speaking(&pki, Some(&pki.client()), &[version]);
        assert!(good.connect(server.address).await.is_ok());

        let refused = ForeignClient::speaking(&pki, None, &[version]);
        let error = refused.exchange(server.address, REQUEST).await.unwrap_err();

        assert_eq!(received_alert(&error), Some(116));
        let refusal = server.refusal().await;
        assert_eq!((refusal.code, refusal.side), (Code::NoCertificate, Role::Server));
        assert!(refusal.certificate.is_none());
        assert_eq!(refusal.alert.unwrap().name, "certificate_required");
    }
}

#[tokio::test]
async fn a_refusal_in_tls_12_has_the_same_code_and_alert() {
    let pki = TestPki::new();
    let server = Server::open(&pki);
    let foreign_client = ForeignClient::speaking(&pki, Some(&TestPki::new().client()), &[&TLS12]);

    let error = foreign_client.connect(server.address).await.unwrap_err();

    assert_eq!(received_alert(&error), Some(48));
    let refusal = server.refusal().await;
    assert_eq!((refusal.code, refusal.side), (Code::UnknownIssuer, Role::Server));
    assert_eq!(refusal.alert.unwrap().number, 48);
}

#[tokio::test]
async fn tls_11_is_refused_and_tls_12_is_not() {
    let pki = TestPki::new();
    let server = Server::open(&pki);
    let good = ForeignClient::speaking(&pki, Some(&pki.client()), &[&TLS12]);
    assert!(good.connect(server.address).await.is_ok());

    s_client(&server, &["-tls1_1", "-cipher", "ALL:@SECLEVEL=0"]).await;

    let refusal = server.refusal().await;
    assert_eq!((refusal.code, refusal.side), (Code::UnsupportedVersion, Role::Server));
    assert!([40, 70].contains(&refusal.alert.unwrap().number));
}

#[tokio::test]
async fn a_client_whose_suites_are_all_too_weak_is_refused() {
    let server = Server::open(&TestPki::new());

    s_client(&server, &["-tls1_2", "-cipher", "AES128-SHA:@SECLEVEL=0"]).await;

    let refusal = server.refusal().await;
    assert_eq!(refusal.code, Code::UnsupportedAlgorithm);
    assert_eq!(refusal.alert.unwrap().name, "handshake_failure");
}

#[tokio::test]
async fn bytes_that_are_not_tls_are_reported_as_such() {
    let pki = TestPki::new();

    for bytes in [REQUEST, b"\0\0\0\0garbage and more of it", b"SSH-2.0-x\r\n", b"\x16GARBAGE"] {
        let server = Server::open(&pki);
        let mut tcp = TcpStream::connect(server.address).await.unwrap();
        tcp.write_all(bytes).await.unwrap();
        let mut answer = Vec::new();
        // A reset ends it too.
        let _ = within("the end", tcp.read_to_end(&mut answer)).await;

        let refusal = server.refusal().await;
        assert_eq!((refusal.code, refusal.side), (Code::NotTls, Role::Server));
        // The response is an alert or nothing, never HTTP.
        assert!(answer.is_empty() || answer[0] == 21, "{answer:?}");
    }
}

#[tokio::test]
async fn garbage_in_a_tls_record_is_a_protocol_error() {
    let server = Server::open(&TestPki::new());
    let mut tcp = TcpStream::connect(server.address).await.unwrap();

    tcp.write_all(&[22, 3, 1, 0, 5, 1, 0, 0, 1, 0]).await.unwrap();
    let mut answer = Vec::new();
    within("the end", tcp.read_to_end(&mut answer)).await.unwrap();

    let refusal = server.refusal().await;
    assert_eq!(refusal.code, Code::ProtocolError);
    assert_eq!(answer, [21, 3, 3, 0, 2, 2, refusal.alert.unwrap().number]);
}

#[tokio::test]
async fn a_client_that_disconnects_in_the_handshake_is_a_lost_connection() {
    let server = Server::open(&TestPki::new());
    let mut tcp = TcpStream::connect(server.address).await.unwrap();

    tcp.write_all(&[22, 3, 1, 2, 0, 1]).await.unwrap();
    tcp.shutdown().await.unwrap();

    let refusal = server.refusal().await;
    assert_eq!((refusal.code, refusal.side), (Code::ConnectionLost, Role::Server));
    assert_eq!(refusal.alert, None);
}

/// The good client is served; then a client with `leaf` learns at its request that it is refused,
/// by the alert `alert`, and the server has recorded `code`.
async fn assert_refused(pki: &TestPki, leaf: &Leaf, code: Code, alert: &str) {
    let server = Server::open(pki);
    assert_eq!(TestClient::new(pki).fetch(&server.url("/")).await.unwrap().0, "hello");
    let test_client = TestClient::presenting(leaf, pki.roots());

    let error = test_client.get(&server.url("/")).await.unwrap_err();

    let RequestError::Refused { refusal: ours, session } = error else {
        unreachable!("a refusal was expected, and there is {error:?}");
    };
    assert_eq!((ours.code, ours.side), (Code::RefusedByPeer, Role::Server));
    assert_eq!(ours.alert.unwrap().name, alert);
    assert_eq!(session.unwrap().version, "TLSv1.3");
    let recorded = test_client.events.newest().remove(0).refusal.clone().unwrap();
    assert_eq!(recorded.code, Code::RefusedByPeer);
    let theirs = server.refusal().await;
    assert_eq!((theirs.code, theirs.side), (code, Role::Server), "{}", theirs.sentence);
    assert_eq!(theirs.alert, ours.alert);
    let certificate = theirs.certificate.unwrap();
    assert_eq!(certificate.serial_number, leaf.serial().to_string());
    assert_eq!(server.accepted(), 1);
}
