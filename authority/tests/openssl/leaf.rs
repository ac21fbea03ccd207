//! Leaves, valid and invalid, as OpenSSL reads and verifies them.

use std::net::Ipv6Addr;

use time::{Duration, OffsetDateTime};

use authority::{Authority, AuthorityRequest, KeyAlgorithm, Leaf, LeafRequest, Lifetime, Usage};

use crate::Files;

#[test]
fn openssl_accepts_a_leaf_of_every_key_algorithm() {
    let authority = Authority::generate(&AuthorityRequest::default()).unwrap();

    for algorithm in [
        KeyAlgorithm::EcdsaP256,
        KeyAlgorithm::EcdsaP384,
        KeyAlgorithm::Ed25519,
        KeyAlgorithm::Rsa2048,
        KeyAlgorithm::Rsa4096,
    ] {
        let request = LeafRequest::new("a").dns("a").usage(Usage::Both).key(algorithm);
        let files = Files::new(&authority, &authority.issue(&request).unwrap());

        assert_eq!(files.verify("sslserver"), "leaf.pem: OK\n", "{algorithm}");
        assert_eq!(files.verify("sslclient"), "leaf.pem: OK\n", "{algorithm}");
        let public = files.openssl(&["x509", "-in", "leaf.pem", "-noout", "-pubkey"]);
        let own = files.openssl(&["pkey", "-in", "leaf.key", "-pubout"]);
        assert_eq!(public, own, "{algorithm}");
    }
}

#[test]
fn a_usage_allows_its_purpose_only() {
    let authority = Authority::generate(&AuthorityRequest::default()).unwrap();
    let client = LeafRequest::new("a").usage(Usage::Client);
    let server = LeafRequest::new("a").dns("a").usage(Usage::Server);

    let client = Files::new(&authority, &authority.issue(&client).unwrap());
    let server = Files::new(&authority, &authority.issue(&server).unwrap());

    assert_eq!(client.verify("sslclient"), "leaf.pem: OK\n");
    assert!(client.verify("sslserver").contains("error 26"));
    assert_eq!(server.verify("sslserver"), "leaf.pem: OK\n");
    assert!(server.verify("sslclient").contains("error 26"));
}

#[test]
fn a_leaf_contains_what_was_requested_and_nothing_else() {
    let authority = Authority::generate(&AuthorityRequest::default()).unwrap();
    let request = LeafRequest::new("api-service")
        .organization("mtls-demo")
        .organizational_unit("backend")
        .dns("api-service")
        .ip([127, 0, 0, 1])
        .ip(Ipv6Addr::LOCALHOST)
        .spiffe("spiffe://mtls-demo.local/ns/default/sa/api-service")
        .email("ops@example.com")
        .usage(Usage::Server);

    let leaf = authority.issue(&request).unwrap();

    let text = Files::new(&authority, &leaf).text();
    let extensions: Vec<&str> = text
        .lines()
        .map(str::trim)
        .skip_while(|line| !line.starts_with("X509v3 extensions"))
        .take_while(|line| !line.starts_with("Signature Algorithm"))
        .filter(|line| line.starts_with("X509v3") && !line.ends_with("extensions:"))
        .collect();
    assert_eq!(
        extensions,
        [
            "X509v3 Authority Key Identifier:",
            "X509v3 Subject Alternative Name:",
            "X509v3 Key Usage: critical",
            "X509v3 Extended Key Usage:",
            "X509v3 Subject Key Identifier:",
            "X509v3 Basic Constraints: critical",
        ]
    );
    for line in [
        "Subject: CN = api-service, O = mtls-demo, OU = backend",
        "DNS:api-service, IP Address:127.0.0.1, IP Address:0:0:0:0:0:0:0:1, \
         URI:spiffe://mtls-demo.local/ns/default/sa/api-service, email:ops@example.com",
        "Digital Signature",
        "TLS Web Server Authentication",
        "CA:FALSE",
    ] {
        assert!(text.lines().any(|found| found.trim() == line), "{line} in {text}");
    }
}

#[test]
fn a_leaf_outside_its_validity_is_refused_and_one_inside_is_not() {
    let now = OffsetDateTime::now_utc();
    let authority = Authority::generate(&AuthorityRequest::default()).unwrap();
    let request = LeafRequest::new("a");
    let expired = request.clone().not_before(now - Duration::days(2)).lifetime(Lifetime::days(1));
    let early = request.clone().not_before(now + Duration::days(1));

    let good = Files::new(&authority, &authority.issue(&request).unwrap());
    let expired = Files::new(&authority, &authority.issue(&expired).unwrap());
    let early = Files::new(&authority, &authority.issue(&early).unwrap());

    assert_eq!(good.verify("sslclient"), "leaf.pem: OK\n");
    assert!(expired.verify("sslclient").contains("error 10"));
    assert!(early.verify("sslclient").contains("error 9"));
}

#[test]
fn a_leaf_never_outlives_its_authority_unless_requested() {
    let week = AuthorityRequest::default().lifetime(Lifetime::days(7));
    let authority = Authority::generate(&week).unwrap();

    let capped = authority.issue(&LeafRequest::new("a")).unwrap();
    let outliving = authority.issue(&LeafRequest::new("a").outliving_its_issuer()).unwrap();

    assert!(capped.is_capped());
    assert_eq!(capped.not_after(), authority.certificate().not_after());
    assert!(!outliving.is_capped());
    assert!(outliving.not_after() > authority.certificate().not_after());
}

#[test]
fn a_self_signed_leaf_is_its_own_issuer() {
    let authority = Authority::generate(&AuthorityRequest::default()).unwrap();
    let leaf = Leaf::self_signed(&LeafRequest::new("a")).unwrap();

    assert!(leaf.certificate().signed(leaf.certificate()));
    let verdict = Files::new(&authority, &leaf).verify("sslclient");
    assert!(verdict.contains("error 18"), "{verdict}");
}

#[test]
fn an_external_key_is_certified_whatever_its_size() {
    let authority = Authority::generate(&AuthorityRequest::default()).unwrap();
    let files = Files::new(&authority, &authority.issue(&LeafRequest::new("a")).unwrap());
    files.openssl(&["genrsa", "-out", "small.key", "1024"]);
    let public = files.openssl(&["pkey", "-in", "small.key", "-pubout"]);

    let certificate = authority.issue_for(&public, &LeafRequest::new("a")).unwrap();

    files.write("leaf.pem", certificate.pem());
    assert!(files.text().contains("Public-Key: (1024 bit)"));
    assert_eq!(files.verify("sslclient"), "leaf.pem: OK\n");
}
