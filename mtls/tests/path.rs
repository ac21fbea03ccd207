//! How a path from a leaf to a root is verified: who may issue, path length, names and keys, and
//! certificates that cannot be parsed.

#![allow(clippy::unwrap_used, reason = "what fails in a helper fails the test")]

mod support;

use authority::{Authority, AuthorityRequest, KeyUsage, LeafRequest};
use aws_lc_rs::signature::{KeyPair as _, ML_DSA_87_SIGNING, PqdsaKeyPair};
use mtls::event::refusal::{Code, Reason};
use mtls::pki::role::Role;
use mtls::pki::trust::{Revocation, Trust, VerifiedChain};
use rcgen::{BasicConstraints, CertificateParams, IsCa, KeyPair};
use rustls::pki_types::CertificateDer;
use time::{Duration, OffsetDateTime};

use self::support::draft::{Draft, element, sequence};
use self::support::{TestPki, chain, openssl, trust, verify};

#[test]
fn an_intermediate_that_must_not_sign_certificates_is_no_authority() {
    let pki = TestPki::new();
    let trust = trust(&[&pki.authority]);
    let request = AuthorityRequest::intermediate();
    let good = pki.authority.issue_intermediate(&request).unwrap();
    let bad = request.key_usages(&[KeyUsage::CrlSign]);
    let bad = pki.authority.issue_intermediate(&bad).unwrap();

    let taken = verify(&trust, &good.issue(&TestPki::for_client()).unwrap());
    let refused = verify(&trust, &bad.issue(&TestPki::for_client()).unwrap());

    assert!(taken.is_ok());
    assert_eq!(code(&refused), Some(Code::IssuerNotAuthority));
}

#[test]
fn a_leaf_issues_nothing() {
    let pki = TestPki::new();
    let leaf = pki.client();
    let usurper = Authority::from_pem(leaf.certificate().pem(), &leaf.key_pem()).unwrap();
    let below = usurper.issue(&TestPki::for_client()).unwrap();
    let presented: Vec<_> = chain(&below).into_iter().chain(chain(&leaf)).collect();

    let refused = verdict(&trust(&[&pki.authority]), &presented);

    assert!(verify(&trust(&[&pki.authority]), &leaf).is_ok());
    assert_eq!(code(&refused), Some(Code::IssuerNotAuthority));
    let concerned = refused.unwrap_err().certificate.unwrap();
    assert_eq!(concerned.serial_number, leaf.serial().to_string());
}

#[test]
fn the_path_length_of_a_root_is_enforced() {
    for (length, expected) in [(1, None), (0, Some(Code::PathTooLong))] {
        let pki = TestPki::of(&AuthorityRequest::default().path_length(length));
        let below = pki.authority.issue_intermediate(&AuthorityRequest::intermediate()).unwrap();

        let verified =
            verify(&trust(&[&pki.authority]), &below.issue(&TestPki::for_client()).unwrap());

        assert_eq!(code(&verified), expected, "path length {length}");
    }
}

#[test]
fn the_path_length_of_an_intermediate_is_enforced() {
    for (length, expected) in [(1, None), (0, Some(Code::PathTooLong))] {
        let pki = TestPki::of(&AuthorityRequest::default().any_path_length());
        let middle = AuthorityRequest::default().path_length(length);
        let middle = pki.authority.issue_intermediate(&middle).unwrap();
        let below = middle.issue_intermediate(&AuthorityRequest::intermediate()).unwrap();

        let verified =
            verify(&trust(&[&pki.authority]), &below.issue(&TestPki::for_client()).unwrap());

        assert_eq!(code(&verified), expected, "path length {length}");
    }
}

#[test]
fn names_outside_of_the_permitted_ones_are_refused() {
    let pki = TestPki::of(&AuthorityRequest::default().permit_dns("example.com"));
    let trust = trust(&[&pki.authority]);
    let named = |name: &str| verify(&trust, &pki.issue(&LeafRequest::new("a").dns(name)));

    assert!(named("a.example.com").is_ok());
    assert_eq!(code(&named("a.example.org")), Some(Code::NameConstraint));
}

#[test]
fn excluded_names_are_refused() {
    let pki = TestPki::of(&AuthorityRequest::default().exclude_dns("bad.example.com"));
    let trust = trust(&[&pki.authority]);
    let named = |name: &str| verify(&trust, &pki.issue(&LeafRequest::new("a").dns(name)));

    assert!(named("good.example.com").is_ok());
    assert_eq!(code(&named("a.bad.example.com")), Some(Code::NameConstraint));
}

#[test]
fn a_constraint_of_uris_fails_closed() {
    // RFC 5280, section 4.2.1.10: permittedSubtrees [0], a GeneralSubtree, the URI [6] of "a.b".
    let permitted = [0x30, 0x09, 0xa0, 0x07, 0x30, 0x05, 0x86, 0x03, b'a', b'.', b'b'];
    let constrained = AuthorityRequest::default().extension(&[2, 5, 29, 30], true, &permitted);
    let pki = TestPki::of(&constrained);
    let trust = trust(&[&pki.authority]);

    let without = verify(&trust, &pki.issue(&LeafRequest::new("a").dns("a")));
    let with = verify(&trust, &pki.issue(&LeafRequest::new("a").uri("https://a.b/c")));

    assert!(without.is_ok());
    assert_eq!(code(&with), Some(Code::NameConstraint));
}

#[test]
fn an_unknown_extension_is_refused_where_it_is_critical() {
    let pki = TestPki::new();
    let trust = trust(&[&pki.authority]);
    let extended = |critical| {
        let extension = [1, 3, 6, 1, 4, 1, 99999, 1];
        let leaf = TestPki::for_client().extension(&extension, critical, &[5, 0]);
        verify(&trust, &pki.issue(&leaf))
    };

    assert!(extended(false).is_ok());
    assert_eq!(code(&extended(true)), Some(Code::UnknownExtension));
}

#[test]
fn an_rsa_key_of_1024_bits_is_too_weak() {
    let pki = TestPki::new();
    let trust = trust(&[&pki.authority]);
    let with_bits = |bits: u32| {
        let bits = format!("rsa_keygen_bits:{bits}");
        let key = openssl(&["genpkey", "-algorithm", "RSA", "-pkeyopt", &bits], &[]);
        let public_key = openssl(&["pkey", "-pubout"], key.as_bytes());
        let leaf = pki.authority.issue_for(&public_key, &TestPki::for_client()).unwrap();
        verdict(&trust, &[leaf.der().to_vec().into()])
    };

    let taken = with_bits(2048);
    let refused = with_bits(1024);

    assert!(taken.is_ok());
    assert_eq!(code(&refused), Some(Code::UnsupportedAlgorithm));
    let said = "an algorithm or a key is too weak or unknown: \
                its RSA key has 1024 bits, and 2048 are the least";
    assert_eq!(refused.unwrap_err().sentence(), said);
}

#[test]
fn nine_certificates_are_too_many() {
    let pki = TestPki::new();
    let trust = trust(&[&pki.authority]);
    let padded = |length| {
        let leaf = pki.client();
        let presented: Vec<_> = chain(&leaf).into_iter().cycle().take(length).collect();
        verdict(&trust, &presented)
    };

    assert!(padded(8).is_ok());
    assert_eq!(code(&padded(9)), Some(Code::ChainTooComplex));
}

/// FIPS 204, table 2: a public key has 2592 octets, and a signature 4627.
#[test]
fn a_chain_of_four_ml_dsa_87_certificates_fits_the_limits_and_is_good() {
    let pki = TestPki::of(&AuthorityRequest::default().any_path_length());
    let request = |name| AuthorityRequest::default().any_path_length().common_name(name);
    let upper = pki.authority.issue_intermediate(&request("upper")).unwrap();
    let middle = upper.issue_intermediate(&request("middle")).unwrap();
    let lower = middle.issue_intermediate(&request("lower")).unwrap();
    let mut presented = chain(&lower.issue(&TestPki::for_client()).unwrap());
    presented.push(pki.authority.root().der().to_vec().into());
    let keys: [_; 5] = std::array::from_fn(|_| PqdsaKeyPair::generate(&ML_DSA_87_SIGNING).unwrap());
    // The leaf first and the root last: the next one's key signs each, and the root's its own.
    for (index, certificate) in presented.iter_mut().enumerate() {
        *certificate = ml_dsa_87(certificate, &keys[index], &keys[(index + 1).min(4)]);
    }
    let root = presented.pop().unwrap();
    let now = OffsetDateTime::now_utc();
    let trust = Trust::new(vec![root], &[], Revocation::Checked, now).unwrap();

    let verified = verdict(&trust, &presented).unwrap();

    assert_eq!(presented.len(), 4);
    assert!(presented.iter().all(|der| der.len() > 2592 + 4627));
    assert_eq!(verified.certificate.public_key.algorithm, "ML-DSA-87");
    assert_eq!(verified.certificate.signature_algorithm, "id-ml-dsa-87");
    assert_eq!(verified.certificate.chain.len(), 5);
}

/// A certificate with this ML-DSA-87 key in place of its own, signed by another one (RFC 9881).
fn ml_dsa_87(der: &[u8], key: &PqdsaKeyPair, signer: &PqdsaKeyPair) -> CertificateDer<'static> {
    let algorithm = sequence(&[element(6, &[0x60, 0x86, 0x48, 1, 0x65, 3, 4, 3, 19])]);
    let own = element(3, &[&[0][..], key.public_key().as_ref()].concat());
    let draft = Draft { public_key: sequence(&[algorithm.clone(), own]), ..Draft::of(der) };
    draft.signed_as(algorithm, |message| {
        let mut signature = vec![0; 4627];
        assert_eq!(signer.sign(message, &mut signature).unwrap(), 4627);
        signature
    })
}

#[test]
fn bytes_that_are_not_a_certificate_are_bad_encoding_at_any_position() {
    let pki = TestPki::new();
    let trust = trust(&[&pki.authority]);
    let good = pki.client().certificate().der().to_vec();
    let garbage = b"garbage".to_vec();
    let trailing = [good.as_slice(), &[0]].concat();

    assert!(verdict(&trust, &[good.clone().into()]).is_ok());
    for presented in [vec![garbage.clone()], vec![trailing], vec![good, garbage], vec![vec![]]] {
        let presented: Vec<_> = presented.into_iter().map(CertificateDer::from).collect();
        assert_eq!(code(&verdict(&trust, &presented)), Some(Code::BadEncoding));
    }
}

#[test]
fn an_expired_root_beside_a_good_one_does_no_harm() {
    let (good, other) = (TestPki::new(), expired());
    let both = trust(&[&other, &good.authority]);
    let stale = other.issue(&TestPki::for_client().outliving_its_issuer()).unwrap();

    assert!(verify(&both, &good.client()).is_ok());
    assert_eq!(code(&verify(&both, &stale)), Some(Code::Expired));
}

#[test]
fn a_root_renewed_with_its_key_works_beside_its_expired_certificate() {
    let key = KeyPair::generate().unwrap();
    let root = |days| {
        let mut parameters = CertificateParams::default();
        parameters.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        parameters.not_before = OffsetDateTime::now_utc() - Duration::days(9);
        parameters.not_after = OffsetDateTime::now_utc() + Duration::days(days);
        let root = parameters.self_signed(&key).unwrap();
        Authority::from_pem(&root.pem(), &key.serialize_pem()).unwrap()
    };
    let (old, renewed) = (root(-1), root(9));

    let leaf = old.issue(&TestPki::for_client().outliving_its_issuer()).unwrap();

    assert_eq!(code(&verify(&trust(&[&old]), &leaf)), Some(Code::Expired));
    assert!(verify(&trust(&[&old, &renewed]), &leaf).is_ok());
    assert!(verify(&trust(&[&renewed, &old]), &leaf).is_ok());
}

#[test]
fn of_two_roots_with_one_name_each_leaf_finds_its_own() {
    let one = TestPki::new();
    let two = TestPki::of(&AuthorityRequest::default().subject_of(&one.authority));
    let three = TestPki::of(&AuthorityRequest::default().subject_of(&one.authority));
    let trust = trust(&[&one.authority, &two.authority]);

    assert!(verify(&trust, &one.client()).is_ok());
    assert!(verify(&trust, &two.client()).is_ok());
    assert_eq!(code(&verify(&trust, &three.client())), Some(Code::UnknownIssuer));
}

/// An intermediate was issued anew under its name with another key, and the chain has both.
#[test]
fn a_leaf_that_names_no_key_finds_its_issuer_among_genuine_namesakes() {
    let pki = TestPki::new();
    let trust = trust(&[&pki.authority]);
    let request = AuthorityRequest::intermediate().common_name("below");
    let [one, two] = [(); 2].map(|()| pki.authority.issue_intermediate(&request).unwrap());
    let named = chain(&one.issue(&TestPki::for_client()).unwrap());
    let leaf = Draft::of(&named[0]).without(&[0x55, 0x1d, 35]);
    let [first, second] = [&one, &two].map(|below| below.certificate().der().to_vec().into());
    let behind = |leaf: CertificateDer<'static>| {
        verdict(&trust, &[leaf, CertificateDer::clone(&first), CertificateDer::clone(&second)])
    };

    for issuer in [&one, &two] {
        assert_eq!(code(&behind(leaf.signed_by(issuer))), None);
    }
    assert_eq!(code(&behind(leaf.forged())), Some(Code::BadSignature));
}

#[test]
fn certificates_in_any_order_after_the_leaf_are_sorted() {
    let pki = TestPki::of(&AuthorityRequest::default().any_path_length());
    let middle = pki.authority.issue_intermediate(&AuthorityRequest::default()).unwrap();
    let below = middle.issue_intermediate(&AuthorityRequest::intermediate()).unwrap();
    let leaf = below.issue(&TestPki::for_client()).unwrap();
    let trust = trust(&[&pki.authority]);
    let mut presented = chain(&leaf);

    let expected = verdict(&trust, &presented).unwrap();
    presented[1..].reverse();
    let reversed = verdict(&trust, &presented).unwrap();

    assert_eq!(reversed.certificate.chain, expected.certificate.chain);
    assert_eq!(expected.certificate.chain.len(), 4);
}

/// A root that expired a day ago.
fn expired() -> Authority {
    let now = OffsetDateTime::now_utc();
    let request = AuthorityRequest::default().not_before(now - Duration::days(9));
    Authority::generate(&request.not_after(now - Duration::days(1))).unwrap()
}

fn verdict(trust: &Trust, presented: &[CertificateDer<'_>]) -> Result<VerifiedChain, Reason> {
    trust.verify(presented, Role::Client, OffsetDateTime::now_utc())
}

fn code(verdict: &Result<VerifiedChain, Reason>) -> Option<Code> {
    verdict.as_ref().err().map(|reason| reason.code)
}
