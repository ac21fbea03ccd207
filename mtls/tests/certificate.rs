//! The fields of a certificate: the JSON form of `clientCert` and `serverCert`, compared with
//! what OpenSSL reads.

#![allow(clippy::unwrap_used, reason = "what fails in a helper fails the test")]

mod support;

use authority::{KeyAlgorithm, LeafRequest, Usage};
use mtls::pki::certificate::Certificate;
use mtls::pki::role::Role;
use rcgen::string::Ia5String;
use rcgen::{CertificateParams, DistinguishedName, DnType, Issuer, KeyPair, SanType, SerialNumber};
use serde_json::json;
use time::{Duration, OffsetDateTime};

use self::support::draft::Draft;
use self::support::{ID, TestPki, chain, openssl, trust};

#[test]
fn a_full_leaf_has_exactly_the_promised_fields() {
    let pki = TestPki::new();
    let starts = OffsetDateTime::now_utc() - Duration::HOUR;
    let leaf = LeafRequest::new("api-service").organization("mtls-demo").organizational_unit("api");
    let leaf = leaf.dns("api-service").dns("localhost").ip([127, 0, 0, 1]).spiffe(ID);
    let leaf = leaf.ip([0, 0, 0, 0, 0, 0, 0, 1u16]).email("ops@example.com").usage(Usage::Both);
    let leaf = pki.issue(&leaf.not_before(starts));
    let root = pki.authority.certificate().common_name();

    let verified = trust(&[&pki.authority])
        .verify(&chain(&leaf), Role::Server, OffsetDateTime::now_utc())
        .unwrap();

    let pem = leaf.certificate().pem().as_bytes();
    let field = |what: &str| openssl(&["x509", "-noout", what], pem).trim().to_owned();
    let after = |what: &str| field(what).split_once('=').unwrap().1.to_owned();
    let date = |moment: OffsetDateTime| {
        moment.format(&time::format_description::well_known::Rfc3339).unwrap()
    };
    assert_eq!(
        serde_json::to_value(&verified.certificate).unwrap(),
        json!({
            "subject": {"CN": "api-service", "O": "mtls-demo", "OU": "api"},
            "issuer": {"CN": root, "O": "mtls-demo"},
            "serialNumber": after("-serial").to_lowercase().trim_start_matches("00"),
            "fingerprint256": openssl_fingerprint(pem),
            "validFrom": date(leaf.not_before()),
            "validTo": date(leaf.not_after()),
            "subjectAltNames": {
                "dns": ["api-service", "localhost"],
                "uri": [ID],
                "ip": ["127.0.0.1", "::1"],
                "email": ["ops@example.com"],
            },
            "spiffeId": ID,
            "keyUsage": ["digitalSignature"],
            "extendedKeyUsage": ["serverAuth", "clientAuth"],
            "publicKey": {"algorithm": "EC", "curve": "P-256", "bits": 256},
            "signatureAlgorithm": "ecdsa-with-SHA256",
            "chain": [
                "OU=api,O=mtls-demo,CN=api-service",
                format!("O=mtls-demo,CN={root}"),
            ],
        })
    );
    assert!(date(leaf.not_after()).ends_with('Z'));
}

#[test]
fn every_kind_of_key_is_described_by_its_name_and_size() {
    let pki = TestPki::new();
    for (algorithm, key) in [
        (KeyAlgorithm::EcdsaP256, json!({"algorithm": "EC", "curve": "P-256", "bits": 256})),
        (KeyAlgorithm::EcdsaP384, json!({"algorithm": "EC", "curve": "P-384", "bits": 384})),
        (KeyAlgorithm::Ed25519, json!({"algorithm": "Ed25519", "bits": 256})),
        (KeyAlgorithm::Rsa2048, json!({"algorithm": "RSA", "bits": 2048})),
    ] {
        let leaf = pki.issue(&TestPki::for_client().key(algorithm));

        let certificate = Certificate::read(&chain(&leaf)[0]).unwrap();

        assert_eq!(serde_json::to_value(certificate.public_key).unwrap(), key, "{algorithm}");
    }
}

#[test]
fn the_signature_algorithm_is_that_of_the_issuer() {
    use authority::AuthorityRequest;
    for (algorithm, name) in [
        (KeyAlgorithm::EcdsaP256, "ecdsa-with-SHA256"),
        (KeyAlgorithm::EcdsaP384, "ecdsa-with-SHA384"),
        (KeyAlgorithm::Ed25519, "Ed25519"),
        (KeyAlgorithm::Rsa2048, "sha256WithRSAEncryption"),
    ] {
        let pki = TestPki::of(&AuthorityRequest::default().key(algorithm));
        let leaf = pki.client();

        let certificate = Certificate::read(&chain(&leaf)[0]).unwrap();

        assert_eq!(certificate.signature_algorithm, name);
        assert!(support::verify(&trust(&[&pki.authority]), &leaf).is_ok(), "{algorithm}");
    }
}

#[test]
fn two_uris_are_no_spiffe_id() {
    let pki = TestPki::new();
    let read = |request: &LeafRequest| Certificate::read(&chain(&pki.issue(request))[0]).unwrap();
    let one = LeafRequest::new("a").spiffe(ID);

    assert_eq!(read(&one).spiffe_id.unwrap().as_str(), ID);
    let two = read(&one.spiffe("spiffe://other/b"));
    assert_eq!(serde_json::to_value(&two).unwrap()["spiffeId"], json!(null));
    assert_eq!(two.subject_alt_names.uri, [ID, "spiffe://other/b"]);
    assert_eq!(read(&LeafRequest::new("a").uri("https://a/b")).spiffe_id, None);
}

#[test]
fn a_repeated_attribute_becomes_an_array_and_an_absent_one_is_omitted() {
    let (pem, certificate) = named("/CN=a/OU=one/O=b/OU=two");

    assert_eq!(
        serde_json::to_value(&certificate.subject).unwrap(),
        json!({"CN": "a", "OU": ["one", "two"], "O": "b"})
    );
    assert_eq!(certificate.subject.to_string(), openssl_subject(pem.as_bytes()));
}

#[test]
fn names_are_formatted_as_in_rfc_4514_and_by_openssl() {
    for subject in [
        "/CN=plain",
        "/C=DE/ST=Berlin/L=Berlin/O=mtls-demo/OU=a/CN=b",
        "/DC=org/DC=example/CN=c",
        "/CN=comma, plus\\+semi;quote\" backslash\\\\ angle<>",
        "/CN=#hash",
        "/CN= space before",
        "/CN=space behind ",
        "/CN= ",
        "/CN=a=b",
        "/emailAddress=ops@example.com/CN=d",
        "/UID=u/CN=e",
        "/serialNumber=12/CN=f",
        "/CN=tab\there",
    ] {
        let (pem, certificate) = named(subject);

        assert_eq!(certificate.subject.to_string(), openssl_subject(pem.as_bytes()));
    }
}

#[test]
fn the_values_of_one_rdn_are_joined_by_a_plus() {
    // RFC 4514, section 2.2, leaves their order open: this is the order in the certificate.
    assert_eq!(named("/O=one+CN=two/C=DE").1.subject.to_string(), "C=DE,CN=two+O=one");
}

#[test]
fn letters_beyond_ascii_stay_as_they_are() {
    let (_, certificate) = named("/CN=Jürgen 東京");

    assert_eq!(certificate.subject.to_string(), "CN=Jürgen 東京");
    assert_eq!(certificate.subject.common_name(), Some("Jürgen 東京"));
}

#[test]
fn a_serial_number_has_no_leading_zero_octet_and_no_separators() {
    for (octets, written) in [
        (vec![1], "01"),
        (vec![0x0f, 0xab], "0fab"),
        (vec![0x80, 0x00], "8000"),
        (vec![0xff; 16], "ffffffffffffffffffffffffffffffff"),
    ] {
        let mut parameters = CertificateParams::default();
        parameters.serial_number = Some(SerialNumber::from_slice(&octets));
        let certificate = parameters.self_signed(&KeyPair::generate().unwrap()).unwrap();

        assert_eq!(Certificate::read(certificate.der()).unwrap().serial_number, written);
    }
}

#[test]
fn a_name_that_is_not_text_is_shown_and_breaks_nothing() {
    let mut parameters = CertificateParams::default();
    parameters.distinguished_name = DistinguishedName::new();
    parameters.distinguished_name.push(DnType::CustomDnType(vec![1, 3, 9999, 1]), "odd");
    let name = Ia5String::try_from("a\u{1b}[2J\nb").unwrap();
    parameters.subject_alt_names = vec![SanType::DnsName(name)];
    let key = KeyPair::generate().unwrap();
    let certificate = parameters.signed_by(&key, &Issuer::from_params(&parameters, &key)).unwrap();

    let read = Certificate::read(certificate.der()).unwrap();

    assert_eq!(read.subject.to_string(), "1.3.9999.1=odd");
    assert_eq!(read.subject_alt_names.dns, ["a\u{1b}[2J\nb"]);
    assert_eq!(read.name(), "a\u{1b}[2J\nb");
}

#[test]
fn remaining_days_are_whole_and_become_negative() {
    let pki = TestPki::new();
    let leaf = pki.client();
    let certificate = Certificate::read(&chain(&leaf)[0]).unwrap();
    let ends = leaf.not_after();

    assert_eq!(certificate.days_left(ends - Duration::DAY * 2), 2);
    assert_eq!(certificate.days_left(ends - Duration::DAY * 2 + Duration::SECOND), 1);
    assert_eq!(certificate.days_left(ends), 0);
    assert_eq!(certificate.days_left(ends + Duration::SECOND), -1);
}

#[test]
fn a_refused_certificate_over_16_kib_has_no_fingerprint() {
    let pki = TestPki::new();
    let trust = trust(&[&pki.authority]);
    let leaf = Draft::client(&pki);
    for (octets, is_large) in [(15 * 1024, false), (16 * 1024, true)] {
        let padded = leaf.clone().with(&[0x2a, 3, 4], &vec![0; octets]);
        let verify = |der| trust.verify(&[der], Role::Client, OffsetDateTime::now_utc());

        let verified = verify(padded.signed_by(&pki.authority)).unwrap().certificate;
        let refused = verify(padded.forged()).unwrap_err().certificate.unwrap();

        assert_eq!(verified.fingerprint256.len(), 95);
        assert_eq!(refused.fingerprint256.is_empty(), is_large, "{octets}");
    }
}

/// A certificate of this subject, as OpenSSL writes it.
fn named(subject: &str) -> (String, Certificate) {
    let key = openssl(&["genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256"], &[]);
    let arguments = ["-new", "-x509", "-utf8", "-multivalue-rdn", "-subj", subject];
    let pem = openssl(&[&["req", "-key", "/dev/stdin"], &arguments[..]].concat(), key.as_bytes());
    let der = authority::Certificate::read_all(&pem).unwrap()[0].der().to_vec();
    (pem, Certificate::read(&der.into()).unwrap())
}

fn openssl_subject(pem: &[u8]) -> String {
    let subject = openssl(&["x509", "-noout", "-subject", "-nameopt", "RFC2253"], pem);
    subject.trim_end_matches('\n').strip_prefix("subject=").unwrap().to_owned()
}

fn openssl_fingerprint(pem: &[u8]) -> String {
    let fingerprint = openssl(&["x509", "-noout", "-fingerprint", "-sha256"], pem);
    fingerprint.trim().split_once('=').unwrap().1.to_owned()
}
