//! A private key or a certificate's key that cannot be used: each cause has its own sentence.

#![allow(clippy::unwrap_used, reason = "what fails in a helper fails the test")]

mod house;

use std::fs;
use std::path::Path;

use authority::AuthorityRequest;
use mtls::live::{BadFile, load_identity, load_trust};
use mtls::trust::Revocation;
use time::OffsetDateTime;

use self::house::{Papers, openssl};

#[test]
fn a_named_curve_loads_and_an_explicit_one_is_told() {
    let curve = "ec_paramgen_curve:prime256v1";
    let named = self_signed(&["-newkey", "ec", "-pkeyopt", curve]);
    let explicit = ["-newkey", "ec", "-pkeyopt", curve, "-pkeyopt", "ec_param_enc:explicit"];
    let explicit = self_signed(&explicit);
    let certificate = fs::read(explicit.path().join("tls.crt")).unwrap();

    assert_eq!(identity(named.path()), None);
    assert_eq!(root(named.path()), None);
    let words = "its EC key has explicit curve parameters instead of a named curve";
    assert_told(identity(explicit.path()), words);
    assert_told(root(explicit.path()), words);
    // The same key in a certificate that names its curve.
    fs::copy(named.path().join("tls.crt"), explicit.path().join("tls.crt")).unwrap();
    let key = "the private key has explicit curve parameters, and only named curves are supported";
    assert_told(identity(explicit.path()), key);
    let sec1 =
        openssl(&["ecparam", "-genkey", "-name", "secp384r1", "-param_enc", "explicit"], b"");
    let (parameters, alone) = sec1.split_at(sec1.find("-----BEGIN EC PRIVATE KEY").unwrap());
    fs::write(explicit.path().join("tls.key"), alone).unwrap();
    assert_told(identity(explicit.path()), key);
    fs::write(explicit.path().join("tls.key"), [parameters, alone].concat()).unwrap();
    assert_told(identity(explicit.path()), "line 1: explicit curve parameters: only named curves");
    assert!(String::from_utf8(certificate).unwrap().contains("BEGIN CERTIFICATE"));
}

#[test]
fn a_key_that_is_too_weak_or_of_an_unsupported_kind_is_told() {
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
        for told in [identity(directory.path()), root(directory.path())] {
            match words {
                None => assert_eq!(told, None),
                Some(words) => assert_told(told, words),
            }
        }
    }
}

#[test]
fn a_leaf_that_is_not_the_first_certificate_is_told_with_its_place() {
    let house = Papers::new();
    let below = house.authority.issue_intermediate(&AuthorityRequest::intermediate()).unwrap();
    let leaf = below.issue(&Papers::for_server()).unwrap();
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
    assert_told(
        identity(directory.path()),
        "do not fit together: the private key belongs to certificate 2 of 2: put the leaf first",
    );
    write(&reversed, &house.server().key_pem());
    assert_told(
        identity(directory.path()),
        "do not fit together: the private key does not belong to the certificate;",
    );
}

#[test]
fn a_certificate_that_is_too_large_is_told_with_its_size() {
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
    assert_told(identity(large.path()), "the chain cannot be presented: ");
    assert_told(identity(large.path()), " bytes, and 49152 are the most");
}

/// A directory with a certificate that is its own root, and its key.
fn self_signed(arguments: &[&str]) -> tempfile::TempDir {
    let directory = tempfile::tempdir().unwrap();
    let [certificate, key] =
        ["tls.crt", "tls.key"].map(|name| directory.path().join(name).display().to_string());
    let command = ["req", "-x509", "-nodes", "-subj", "/CN=a", "-days", "2"];
    openssl(&[&command, arguments, &["-keyout", &key, "-out", &certificate]].concat(), b"");
    fs::copy(&certificate, directory.path().join("ca.crt")).unwrap();
    directory
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

fn assert_told(told: Option<String>, words: &str) {
    assert!(told.as_ref().is_some_and(|told| told.contains(words)), "{words}: {told:?}");
}
