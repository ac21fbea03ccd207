//! A private key or a certificate's key that cannot be used: each cause has its own message.

#![allow(clippy::unwrap_used, reason = "what fails in a helper fails the test")]

mod support;

use std::fs;
use std::path::Path;

use authority::AuthorityRequest;
use mtls::credentials::{BadFile, load_identity, load_trust};
use mtls::event::refusal::Code;
use mtls::pki::role::Role;
use mtls::pki::trust::Revocation;
use time::OffsetDateTime;

use self::support::draft::{Draft, element, sequence};
use self::support::{TestPki, openssl, openssl_bytes, trust};

#[test]
fn a_named_curve_loads_and_an_explicit_one_is_reported() {
    let curve = "ec_paramgen_curve:prime256v1";
    let named = self_signed(&["-newkey", "ec", "-pkeyopt", curve]);
    let explicit = ["-newkey", "ec", "-pkeyopt", curve, "-pkeyopt", "ec_param_enc:explicit"];
    let explicit = self_signed(&explicit);
    let certificate = fs::read(explicit.path().join("tls.crt")).unwrap();

    assert_eq!(identity(named.path()), None);
    assert_eq!(root(named.path()), None);
    let words = "its EC key does not name its curve, and other parameters are not supported";
    assert_message(identity(explicit.path()), words);
    assert_message(root(explicit.path()), words);
    // The same key in a certificate with a named curve.
    fs::copy(named.path().join("tls.crt"), explicit.path().join("tls.crt")).unwrap();
    let key = "the private key has explicit curve parameters, and only named curves are supported";
    assert_message(identity(explicit.path()), key);
    let sec1 =
        openssl(&["ecparam", "-genkey", "-name", "secp384r1", "-param_enc", "explicit"], b"");
    let (parameters, alone) = sec1.split_at(sec1.find("-----BEGIN EC PRIVATE KEY").unwrap());
    fs::write(explicit.path().join("tls.key"), alone).unwrap();
    assert_message(identity(explicit.path()), key);
    fs::write(explicit.path().join("tls.key"), [parameters, alone].concat()).unwrap();
    assert_message(
        identity(explicit.path()),
        "line 1: explicit curve parameters: only named curves",
    );
    assert!(String::from_utf8(certificate).unwrap().contains("BEGIN CERTIFICATE"));
}

#[test]
fn a_weak_key_or_one_of_an_unsupported_kind_is_reported() {
    let ec = |curve: &str| self_signed(&["-newkey", "ec", "-pkeyopt", curve]);
    for (directory, words) in [
        (self_signed(&["-newkey", "rsa:2048"]), None),
        (self_signed(&["-newkey", "rsa:1024"]), Some("its RSA key has 1024 bits, and 2048 are")),
        (ec("ec_paramgen_curve:secp384r1"), None),
        (ec("ec_paramgen_curve:secp224r1"), Some("its key is on the curve ")),
        (ec("ec_paramgen_curve:secp256k1"), Some("its key is on the curve ")),
        (self_signed(&["-newkey", "ed25519"]), None),
        (self_signed(&["-newkey", "ed448"]), Some("its key is of the algorithm Ed448, which is")),
    ] {
        for message in [identity(directory.path()), root(directory.path())] {
            match words {
                None => assert_eq!(message, None),
                Some(words) => assert_message(message, words),
            }
        }
    }
}

#[test]
fn an_unusable_key_of_a_presented_leaf_is_reported_with_its_cause() {
    let pki = TestPki::new();
    let trust = trust(&[&pki.authority]);
    let verified = |public_key: &[u8]| {
        let draft = Draft { public_key: public_key.to_vec(), ..Draft::client(&pki) };
        let draft = draft.replacing(EXTENDED_KEY_USAGE, &BOTH_ROLES);
        let presented = [draft.signed_by(&pki.authority)];
        [Role::Client, Role::Server]
            .map(|role| trust.verify(&presented, role, OffsetDateTime::now_utc()))
    };
    let on = |curve: &str| format!("its key is on the curve {curve}, which is not verified here");
    let nameless = "its EC key does not name its curve, and other parameters are not supported";
    let explicit = ["prime256v1", "secp384r1", "secp521r1", "secp224r1"];
    let named = [
        ("secp224r1", "P-224"),
        ("prime192v1", "P-192"),
        ("secp256k1", "1.3.132.0.10"),
        ("brainpoolP256r1", "1.3.36.3.3.2.8.1.1.7"),
    ];
    // RFC 5480, section 2.1.1, defines `NULL` (implicitCurve), and forbids it.
    let without_curve = [&[5, 0][..], &[]].map(|parameters| {
        let algorithm = [element(6, &[0x2a, 0x86, 0x48, 0xce, 0x3d, 2, 1]), parameters.to_vec()];
        sequence(&[sequence(&algorithm), element(3, &[&[0, 4][..], &[7; 64]].concat())])
    });
    let unusable = explicit.map(|curve| (ec(curve, "explicit"), nameless.to_owned()));
    let unusable = unusable.into_iter().chain(without_curve.map(|key| (key, nameless.to_owned())));
    let unusable = unusable.chain(named.map(|(curve, name)| (ec(curve, "named_curve"), on(name))));

    for curve in ["prime256v1", "secp384r1", "secp521r1"] {
        assert!(verified(&ec(curve, "named_curve")).iter().all(Result::is_ok), "{curve}");
    }
    for (key, said) in unusable {
        for verdict in verified(&key) {
            let reason = verdict.unwrap_err();

            assert_eq!(reason.code, Code::UnsupportedAlgorithm, "{said}");
            assert!(reason.sentence().ends_with(&said), "{said}: {}", reason.sentence());
            let name = reason.certificate.unwrap().subject.common_name().map(str::to_owned);
            assert_eq!(name.as_deref(), Some("client-service"));
        }
    }
}

#[test]
fn a_leaf_that_is_not_the_first_certificate_is_reported_with_its_position() {
    let pki = TestPki::new();
    let below = pki.authority.issue_intermediate(&AuthorityRequest::intermediate()).unwrap();
    let leaf = below.issue(&TestPki::for_server()).unwrap();
    let chain = leaf.chain_pem();
    let (first, above) = chain.split_at(chain.rfind("-----BEGIN").unwrap());
    let reversed = [above, first].concat();
    let directory = tempfile::tempdir().unwrap();
    let write = |chain: &str, key: &str| {
        fs::write(directory.path().join("tls.crt"), chain).unwrap();
        fs::write(directory.path().join("tls.key"), key).unwrap();
    };

    write(&chain, &leaf.key_pem());
    assert_eq!(identity(directory.path()), None);

    write(&reversed, &leaf.key_pem());
    assert_message(
        identity(directory.path()),
        "tls.crt: the private key belongs to certificate 2 of 2: put the leaf first",
    );
    write(&reversed, &pki.server().key_pem());
    assert_message(
        identity(directory.path()),
        "tls.crt: the private key does not belong to the certificate;",
    );
}

#[test]
fn a_certificate_that_is_too_large_is_reported_with_its_size() {
    let names = |count: usize| {
        (0..count).map(|index| format!("host-{index}.example.org")).collect::<Vec<_>>()
    };
    let san = |count: usize| {
        let names: Vec<String> = names(count).iter().map(|name| format!("DNS:{name}")).collect();
        format!("subjectAltName={}", names.join(","))
    };
    let good = self_signed(&["-newkey", "ed25519", "-addext", &san(1000)]);
    let large = self_signed(&["-newkey", "ed25519", "-addext", &san(3000)]);

    assert_eq!(identity(good.path()), None);
    assert_message(identity(large.path()), "the chain cannot be presented: ");
    assert_message(identity(large.path()), " bytes, and 49152 are the most");
}

/// A directory with a self-signed certificate as its own root, and its key.
fn self_signed(arguments: &[&str]) -> tempfile::TempDir {
    let directory = tempfile::tempdir().unwrap();
    let [certificate, key] =
        ["tls.crt", "tls.key"].map(|name| directory.path().join(name).display().to_string());
    let command = ["req", "-x509", "-nodes", "-subj", "/CN=a", "-days", "2"];
    openssl(&[&command, arguments, &["-keyout", &key, "-out", &certificate]].concat(), b"");
    fs::copy(&certificate, directory.path().join("ca.crt")).unwrap();
    directory
}

/// A new public key on a curve, by its `SubjectPublicKeyInfo`.
fn ec(curve: &str, encoding: &str) -> Vec<u8> {
    let options = [format!("ec_paramgen_curve:{curve}"), format!("ec_param_enc:{encoding}")];
    let [curve, encoding] = &options;
    let key =
        openssl(&["genpkey", "-algorithm", "EC", "-pkeyopt", curve, "-pkeyopt", encoding], &[]);
    openssl_bytes(&["pkey", "-pubout", "-outform", "DER"], key.as_bytes())
}

fn identity(directory: &Path) -> Option<String> {
    load_identity(directory).err().map(|problems| words(&problems))
}

fn root(directory: &Path) -> Option<String> {
    let trust = load_trust(directory, Revocation::Checked, OffsetDateTime::now_utc());
    trust.err().map(|problems| words(&problems))
}

fn words(problems: &[BadFile]) -> String {
    assert_eq!(problems.len(), 1, "{problems:?}");
    problems[0].to_string()
}

fn assert_message(message: Option<String>, words: &str) {
    assert!(
        message.as_ref().is_some_and(|message| message.contains(words)),
        "{words}: {message:?}"
    );
}

const EXTENDED_KEY_USAGE: &[u8] = &[0x55, 0x1d, 37];

/// `SEQUENCE OF KeyPurposeId`: serverAuth and clientAuth.
const BOTH_ROLES: [u8; 22] =
    [0x30, 20, 6, 8, 0x2b, 6, 1, 5, 5, 7, 3, 1, 6, 8, 0x2b, 6, 1, 5, 5, 7, 3, 2];
