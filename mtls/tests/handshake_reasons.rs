//! Handshake failures that do not concern certificates are reported with their own reasons.

#![allow(clippy::unwrap_used, reason = "what fails in a helper fails the test")]

mod support;

use std::io::{Read, Write};
use std::net::TcpListener;
use std::sync::Arc;

use mtls::client::RequestError;
use mtls::event::refusal::{Code, Refusal};
use mtls::pki::role::Role;
use rustls::crypto::aws_lc_rs::{self, sign::any_supported_type};
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer, ServerName};
use rustls::server::WebPkiClientVerifier;
use rustls::sign::{Signer, SigningKey};
use rustls::{
    ClientConnection, Error, RootCertStore, ServerConfig, ServerConnection, SignatureAlgorithm,
    SignatureScheme, SupportedProtocolVersion,
};

use self::support::draft::{Draft, SUBJECT_ALT_NAME, general_names};
use self::support::{ForeignClient, Server, TestClient, TestPki, chain, s_client, within};

/// A key that announces a signature scheme of its choice, and signs something else.
#[derive(Debug)]
struct OddKey {
    key: Arc<dyn SigningKey>,
    scheme: SignatureScheme,
    spoils: bool,
}

#[derive(Debug)]
struct OddSigner {
    scheme: SignatureScheme,
    signer: Box<dyn Signer>,
    spoils: bool,
}

impl SigningKey for OddKey {
    fn choose_scheme(&self, offered: &[SignatureScheme]) -> Option<Box<dyn Signer>> {
        let signer = self.key.choose_scheme(offered)?;
        Some(Box::new(OddSigner { scheme: self.scheme, signer, spoils: self.spoils }))
    }

    fn algorithm(&self) -> SignatureAlgorithm {
        self.key.algorithm()
    }
}

impl Signer for OddSigner {
    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, Error> {
        let message = if self.spoils { b"something else" } else { message };
        self.signer.sign(message)
    }

    fn scheme(&self) -> SignatureScheme {
        self.scheme
    }
}

#[tokio::test]
async fn a_protocol_error_in_certificate_verify_is_not_a_bad_signature() {
    let pki = TestPki::new();
    let fitting = SignatureScheme::ECDSA_NISTP256_SHA256;
    let refused = async |scheme, spoils| {
        let server = Server::open(&pki);
        let leaf = pki.client();
        let key = OddKey { key: key(&leaf.key_der()), scheme, spoils };
        let foreign_client = ForeignClient::presenting(&pki, chain(&leaf), Arc::new(key));
        let answer = foreign_client.exchange(server.address, b"GET / HTTP/1.0\r\n\r\n").await;
        if answer.is_ok_and(|answer| answer.ends_with(b"hello")) {
            return None;
        }
        Some(server.refusal().await)
    };

    assert!(refused(fitting, false).await.is_none());
    let unproven = refused(fitting, true).await.unwrap();
    let unoffered = refused(SignatureScheme::RSA_PKCS1_SHA256, false).await.unwrap();
    let unfitting = refused(SignatureScheme::ECDSA_NISTP384_SHA384, false).await.unwrap();

    assert_eq!(unproven.code, Code::BadSignature);
    assert_eq!(
        unproven.sentence,
        "a signature does not verify: possession of the private key was not proven"
    );
    assert_eq!(unproven.certificate.unwrap().name(), "client-service");
    assert_eq!(unoffered.code, Code::ProtocolError);
    assert_eq!(
        unoffered.sentence,
        "the other side broke the TLS protocol: \
         it signed the handshake with an algorithm that it was not offered"
    );
    assert_eq!(unoffered.alert.unwrap().name, "illegal_parameter");
    assert_eq!(unfitting.code, Code::ProtocolError);
    assert_eq!(
        unfitting.sentence,
        "the other side broke the TLS protocol: \
         it signed the handshake with an algorithm that does not fit its key"
    );
}

#[tokio::test]
async fn a_negotiation_failure_is_reported_without_advice_about_certificates() {
    let refused = async |arguments: &[&str]| {
        let server = Server::open(&TestPki::new());
        s_client(&server, arguments).await;
        server.refusal().await
    };

    let suites = refused(&["-tls1_2", "-cipher", "ECDHE-ECDSA-AES128-SHA:@SECLEVEL=0"]).await;
    let groups = refused(&["-tls1_3", "-groups", "P-521"]).await;
    let neither = refused(&["-tls1_2", "-cipher", "AES128-SHA:@SECLEVEL=0"]).await;

    let group = "key exchange group and suite for it";
    for (refusal, what) in [(suites, "cipher suite"), (groups, group), (neither, group)] {
        let said = format!(
            "an algorithm or a key is too weak or unknown: both sides have no {what} in common"
        );
        assert_eq!((refusal.code, refusal.sentence), (Code::UnsupportedAlgorithm, said));
        assert!(refusal.remedy.starts_with("have the other side offer"), "{}", refusal.remedy);
    }
}

#[tokio::test]
async fn a_fragmented_hello_is_handled_by_its_content() {
    let pki = TestPki::new();

    for length in [1, 4, 5, 6, 40] {
        let server = Server::open(&pki);
        let config = Arc::new(ForeignClient::new(&pki, None).config().clone());
        let address = server.address;
        let pieces = tokio::task::spawn_blocking(move || {
            let name = ServerName::try_from("localhost").unwrap();
            let mut client = ClientConnection::new(config, name).unwrap();
            let mut hello = Vec::new();
            client.write_tls(&mut hello).unwrap();
            let mut tcp = std::net::TcpStream::connect(address).unwrap();
            tcp.set_nodelay(true).unwrap();
            for byte in in_records_of(length, &hello[5..]) {
                tcp.write_all(&[byte]).unwrap();
            }
            while client.complete_io(&mut tcp).is_ok_and(|moved| moved != (0, 0)) {}
            let _ = tcp.read(&mut [0; 64]);
        });
        within("the end of a client", pieces).await.unwrap();

        assert_eq!(server.refusal().await.code, Code::NoCertificate, "{length}");
    }
}

#[tokio::test]
async fn a_server_without_our_signature_schemes_is_distinguished_from_one_that_refuses_us() {
    let pki = TestPki::new();

    for version in rustls::ALL_VERSIONS {
        let url = rsa_server(&pki, version, true);
        assert_eq!(TestClient::new(&pki).fetch(&url).await.unwrap().0, "hello");

        let url = rsa_server(&pki, version, false);
        let error = TestClient::new(&pki).get(&url).await.unwrap_err();

        let RequestError::Refused { refusal, .. } = error else {
            unreachable!("a refusal was expected, and there is {error:?}");
        };
        let why = "it accepts no signature that the key of our certificate can make";
        assert!(refusal.sentence.ends_with(why), "{}", refusal.sentence);
        let (code, side) = match version.version {
            rustls::ProtocolVersion::TLSv1_3 => (Code::UnsupportedAlgorithm, Role::Client),
            _ => (Code::RefusedByPeer, Role::Server),
        };
        assert_eq!((refusal.code, refusal.side), (code, side));
    }
}

#[tokio::test]
async fn certificates_over_the_limits_are_refused_by_their_size() {
    let pki = TestPki::new();

    let one = refused_for_size(&pki, &[50_000]).await;
    let all = refused_for_size(&pki, &[30_000, 32_000]).await;
    let message = refused_for_size(&pki, &[40_000, 40_000]).await;

    for (refusal, said) in [
        (one, "and 49152 are the most"),
        (all, "and 61440 are the most"),
        (message, "its certificates have more than 64 KiB"),
    ] {
        assert_eq!(refusal.code, Code::ChainTooComplex);
        assert!(refusal.sentence.ends_with(said), "{}", refusal.sentence);
        assert!(refusal.certificate.is_none());
    }
}

/// The refusal of a good leaf whose chain has certificates of about these sizes.
async fn refused_for_size(pki: &TestPki, sizes: &[usize]) -> Refusal {
    let server = Server::open(pki);
    let leaf = pki.client();
    let large = |size: &usize| {
        let name = vec![b'a'; *size];
        let names = general_names(&[(0x82, &name)]);
        Draft::of(&chain(&leaf)[0]).replacing(SUBJECT_ALT_NAME, &names).signed_by(&pki.authority)
    };
    let foreign_client = |chain| ForeignClient::presenting(pki, chain, key(&leaf.key_der()));
    let request = b"GET / HTTP/1.0\r\n\r\n";

    let good = foreign_client(chain(&leaf)).exchange(server.address, request).await.unwrap();
    assert!(good.ends_with(b"hello"));
    let _ =
        foreign_client(sizes.iter().map(large).collect()).exchange(server.address, request).await;
    server.refusal().await
}

fn key(der: &[u8]) -> Arc<dyn SigningKey> {
    any_supported_type(&PrivateKeyDer::from(PrivatePkcs8KeyDer::from(der))).unwrap()
}

fn in_records_of(length: usize, message: &[u8]) -> Vec<u8> {
    let record = |content: &[u8]| {
        let length = u16::try_from(content.len()).unwrap().to_be_bytes();
        [&[22, 3, 1], &length[..], content].concat()
    };
    // The rest in one record: only a limited number of small records is accepted.
    let (first, rest) = message.split_at(4 * length);
    first.chunks(length).chain([rest]).flat_map(record).collect()
}

/// A plain server that requires a certificate, and verifies RSA signatures, or `all`.
fn rsa_server(pki: &TestPki, version: &'static SupportedProtocolVersion, all: bool) -> String {
    let mut provider = aws_lc_rs::default_provider();
    let schemes = provider.signature_verification_algorithms.mapping.iter().copied();
    let is_rsa = |scheme: SignatureScheme| scheme.as_str().is_some_and(|s| s.starts_with("RSA"));
    let schemes: Vec<_> = schemes.filter(|(scheme, _)| all || is_rsa(*scheme)).collect();
    provider.signature_verification_algorithms.mapping = schemes.leak();
    let provider = Arc::new(provider);

    let mut roots = RootCertStore::empty();
    roots.add(pki.authority.root().der().to_vec().into()).unwrap();
    let verifier = WebPkiClientVerifier::builder_with_provider(roots.into(), provider.clone());
    let leaf = pki.server();
    let own = PrivatePkcs8KeyDer::from(leaf.key_der()).into();
    let config = ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(&[version])
        .unwrap()
        .with_client_cert_verifier(verifier.build().unwrap())
        .with_single_cert(chain(&leaf), own)
        .unwrap();

    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        let (mut tcp, _) = listener.accept().unwrap();
        let mut server = ServerConnection::new(Arc::new(config)).unwrap();
        let mut tls = rustls::Stream::new(&mut server, &mut tcp);
        if tls.read(&mut [0; 1024]).is_ok() {
            let answer = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: close\r\n\r\nhello";
            let _ = tls.write_all(answer);
            let _ = tls.flush();
        }
        let _ = server.write_tls(&mut tcp);
        let _ = tcp.read(&mut [0; 64]);
    });
    format!("https://localhost:{}/", address.port())
}
