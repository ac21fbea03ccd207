//! Which certificate of a chain is reported to be at fault: the faulty one, at any position, and
//! never one that has no part in the path.

#![allow(clippy::unwrap_used, reason = "what fails in a helper fails the test")]

mod support;

use authority::{Authority, AuthorityRequest, KeyUsage, LeafRequest, Usage};
use mtls::event::refusal::{Code, Reason};
use mtls::pki::role::Role;
use mtls::pki::trust::{Trust, VerifiedChain};
use rustls::pki_types::CertificateDer;
use time::{Duration, OffsetDateTime};

use self::support::forge::{Algorithm, reissued};
use self::support::{TestPki, chain, openssl, trust, verify};

type Chain = Vec<CertificateDer<'static>>;

/// The faults of an intermediate.
#[derive(Clone, Copy, Debug)]
enum Fault {
    Ended,
    NotBegun,
    NoSigner,
    OtherPurpose,
    Sha1,
    Tampered,
    WeakCurve,
}

impl Fault {
    const ALL: [Self; 7] = [
        Self::Ended,
        Self::NotBegun,
        Self::NoSigner,
        Self::OtherPurpose,
        Self::Sha1,
        Self::Tampered,
        Self::WeakCurve,
    ];

    fn expected(self) -> (Code, &'static str) {
        match self {
            Self::Ended => (Code::Expired, "ended at"),
            Self::NotBegun => (Code::NotYetValid, "begins at"),
            Self::NoSigner => (Code::IssuerNotAuthority, "does not include keyCertSign"),
            Self::OtherPurpose => (Code::WrongPurpose, "is for serverAuth, and clientAuth is"),
            Self::Sha1 => (Code::UnsupportedAlgorithm, "is signed with ecdsa-with-SHA1"),
            Self::Tampered => (Code::BadSignature, "did not sign"),
            Self::WeakCurve => (Code::UnsupportedAlgorithm, "on the curve P-224"),
        }
    }

    fn request(self, name: &str) -> AuthorityRequest {
        let request = AuthorityRequest::default().any_path_length().outliving_its_issuer();
        let (request, now) = (request.common_name(name), OffsetDateTime::now_utc());
        match self {
            Self::Ended => request.not_before(now - Duration::DAY).not_after(now - Duration::HOUR),
            Self::NotBegun => {
                request.not_before(now + Duration::HOUR).not_after(now + Duration::DAY)
            }
            Self::NoSigner => request.key_usages(&[KeyUsage::CrlSign]),
            Self::OtherPurpose => request.extension(&[2, 5, 29, 37], false, &SERVER_AUTH),
            Self::Sha1 | Self::Tampered | Self::WeakCurve => request,
        }
    }

    /// The chain with this fault of its certificate at `index`, which `above` issued.
    fn apply(self, chain: &mut Chain, index: usize, above: &Authority) {
        let key = above.key_pem();
        match self {
            Self::Sha1 => {
                chain[index] = reissued(&chain[index], &[], Algorithm::ECDSA_SHA1, &key);
            }
            Self::Tampered => {
                let mut der = chain[index].to_vec();
                *der.last_mut().unwrap() ^= 1;
                chain[index] = der.into();
            }
            Self::WeakCurve => {
                let own = public_key(&chain[index]);
                let (weak_key, weak) = p224();
                let replaced = [(own.as_slice(), weak.as_slice())];
                chain[index] = reissued(&chain[index], &replaced, Algorithm::ECDSA_SHA256, &key);
                let below = &chain[index - 1];
                chain[index - 1] = reissued(below, &[], Algorithm::ECDSA_SHA256, &weak_key);
            }
            Self::Ended | Self::NotBegun | Self::NoSigner | Self::OtherPurpose => {}
        }
    }
}

/// `SEQUENCE OF KeyPurposeId`: serverAuth.
const SERVER_AUTH: [u8; 12] = [0x30, 10, 6, 8, 0x2b, 6, 1, 5, 5, 7, 3, 1];

#[test]
fn the_faulty_intermediate_is_reported_at_any_position_with_any_extra_certificates() {
    let pki = TestPki::of(&AuthorityRequest::default().any_path_length());
    let trust = trust(&[&pki.authority]);
    let good = AuthorityRequest::default().any_path_length();
    for fault in Fault::ALL {
        for name in ["upper", "lower"] {
            let request = |own: &str| match own == name {
                true => fault.request(own),
                false => good.clone().common_name(own).outliving_its_issuer(),
            };
            let upper = pki.authority.issue_intermediate(&request("upper")).unwrap();
            let lower = upper.issue_intermediate(&request("lower")).unwrap();
            let leaf = lower.issue(&TestPki::for_client().outliving_its_issuer()).unwrap();
            let mut chain = chain(&leaf);
            match name {
                "upper" => fault.apply(&mut chain, 2, &pki.authority),
                _ => fault.apply(&mut chain, 1, &upper),
            }
            for presented in with_unrelated(&chain) {
                let refused = verdict(&trust, &presented).unwrap_err();

                let (code, said) = fault.expected();
                assert_eq!(refused.code, code, "{fault:?} {name}: {}", refused.sentence());
                let sentence = refused.sentence();
                assert!(sentence.contains(said), "{fault:?} {name}: {sentence}");
                let concerned = refused.certificate.unwrap();
                assert_eq!(concerned.subject.common_name(), Some(name), "{fault:?}: {sentence}");
            }
        }
    }
}

#[test]
fn a_leaf_that_issues_is_reported_as_no_authority_at_any_position() {
    let pki = TestPki::of(&AuthorityRequest::default().any_path_length());
    let trust = trust(&[&pki.authority]);
    let usurper = pki.client();
    let usurper = Authority::from_pem(usurper.certificate().pem(), &usurper.key_pem()).unwrap();
    let below = usurper.issue_intermediate(&AuthorityRequest::default()).unwrap();
    let presented: Chain = [
        below.issue(&LeafRequest::new("leaf")).unwrap().certificate().der(),
        below.certificate().der(),
        usurper.certificate().der(),
    ]
    .map(|der| CertificateDer::from(der.to_vec()))
    .to_vec();

    let refused = verdict(&trust, &presented).unwrap_err();

    assert!(verify(&trust, &pki.client()).is_ok());
    assert_eq!(refused.code, Code::IssuerNotAuthority);
    let said = "the intermediate client-service is not an authority's";
    assert!(refused.sentence().contains(said), "{}", refused.sentence());
    assert_eq!(refused.certificate.unwrap().subject.common_name(), Some("client-service"));
}

#[test]
fn certificates_that_have_no_part_in_the_path_do_not_matter() {
    let pki = TestPki::new();
    let trust = trust(&[&pki.authority]);
    let below = AuthorityRequest::intermediate().common_name("below");
    let below = pki.authority.issue_intermediate(&below).unwrap();
    let straight = chain(&pki.client());
    let by_way = chain(&below.issue(&TestPki::for_client()).unwrap());
    let ended = OffsetDateTime::now_utc() - Duration::HOUR;
    let expired = TestPki::for_client().not_before(ended - Duration::DAY).not_after(ended);
    let expired = chain(&pki.issue(&expired));
    let other_purpose = TestPki::for_client().dns("localhost").usage(Usage::Server);
    let other_purpose = chain(&pki.issue(&other_purpose));

    for (chain, expected) in [
        (straight, None),
        (by_way, None),
        (expired, Some(Code::Expired)),
        (other_purpose, Some(Code::WrongPurpose)),
    ] {
        for presented in with_unrelated(&chain) {
            let verified = verdict(&trust, &presented);

            assert_eq!(code(&verified), expected);
            if let Err(reason) = verified {
                let concerned = reason.certificate.unwrap();
                assert_eq!(concerned.subject.common_name(), Some("client-service"));
            }
        }
    }
}

/// The intermediate was renewed with the same key, and the peer presents both certificates.
#[test]
fn an_expired_edition_of_an_intermediate_does_not_matter() {
    let pki = TestPki::new();
    let trust = trust(&[&pki.authority]);
    let below = AuthorityRequest::intermediate().common_name("below");
    let below = pki.authority.issue_intermediate(&below).unwrap();
    let leaf = chain(&below.issue(&TestPki::for_client()).unwrap());
    let now = OffsetDateTime::now_utc();
    let old = Fault::Ended.request("below");
    let old = pki.authority.issue_intermediate(&old.not_before(now - Duration::DAY)).unwrap();
    let own = public_key(old.certificate().der());
    let (key, name) = (public_key(&leaf[1]), pki.authority.key_pem());
    let identifier = |authority: &Authority| authority.certificate().key_identifier().to_vec();
    let old = reissued(
        old.certificate().der(),
        &[(&own, &key), (&identifier(&old), &identifier(&below))],
        Algorithm::ECDSA_SHA256,
        &name,
    );
    let mut tampered = leaf[0].to_vec();
    *tampered.last_mut().unwrap() ^= 1;
    let tampered = CertificateDer::from(tampered);

    let only_old = verdict(&trust, &[leaf[0].clone(), old.clone()]).unwrap_err();
    assert_eq!(only_old.code, Code::Expired);
    for editions in [[old.clone(), leaf[1].clone()], [leaf[1].clone(), old]] {
        let verified = |leaf: &CertificateDer<'static>| {
            let [first, second] = editions.clone();
            verdict(&trust, &[leaf.clone(), first, second])
        };

        assert_eq!(code(&verified(&leaf[0])), None);
        let refused = verified(&tampered).unwrap_err();
        assert_eq!(refused.code, Code::BadSignature, "{}", refused.sentence());
        let concerned = refused.certificate.unwrap();
        assert_eq!(concerned.subject.common_name(), Some("client-service"));
    }
}

#[test]
fn more_paths_than_are_tried_are_too_complex() {
    let pki = TestPki::of(&AuthorityRequest::default().any_path_length());
    let trust = trust(&[&pki.authority]);
    let foreign_client =
        Authority::generate(&AuthorityRequest::default().subject_of(&pki.authority));
    let foreign_client = foreign_client.unwrap();
    // All have the root's name and no key identifier, so that each may have issued each.
    let mut presented = chain(&foreign_client.issue(&TestPki::for_client()).unwrap());
    presented.truncate(1);
    for _ in 0..7 {
        let request = AuthorityRequest::default().subject_of(&pki.authority);
        let other = Authority::generate(&request).unwrap();
        presented.push(other.root().der().to_vec().into());
    }
    let presented: Chain = presented.iter().map(|der| without_key_identifiers(der)).collect();

    let refused = verdict(&trust, &presented);

    assert!(verify(&trust, &pki.client()).is_ok());
    assert_eq!(code(&refused), Some(Code::ChainTooComplex));
}

/// Intermediates with the same name that may have issued each other, in front of the real one:
/// webpki by itself verifies a hundred signatures.
#[test]
fn same_name_intermediates_are_tolerated_up_to_a_limit() {
    let pki = TestPki::of(&AuthorityRequest::default().any_path_length());
    let trust = trust(&[&pki.authority]);
    let below = AuthorityRequest::default().any_path_length().common_name("below");
    let below = pki.authority.issue_intermediate(&below).unwrap();
    let namesake = || {
        let request = AuthorityRequest::default().subject_of(&below).any_path_length();
        without_key_identifiers(Authority::generate(&request).unwrap().root().der())
    };
    let leaf = chain(&below.issue(&TestPki::for_client()).unwrap());
    let foreign_client = AuthorityRequest::default().subject_of(&below);
    let foreign_client = Authority::generate(&foreign_client).unwrap();
    let forged = foreign_client.issue(&TestPki::for_client()).unwrap();
    let forged = without_key_identifiers(forged.certificate().der());
    let behind = |leaf: CertificateDer<'static>, namesakes: usize| {
        let mut presented = vec![leaf];
        presented.extend((0..namesakes).map(|_| namesake()));
        presented.push(leaf_issuer(&below));
        verdict(&trust, &presented)
    };

    assert_eq!(code(&behind(leaf[0].clone(), 2)), None);
    assert_eq!(code(&behind(forged.clone(), 0)), Some(Code::BadSignature));
    assert_eq!(code(&behind(forged, 6)), Some(Code::ChainTooComplex));
}

fn leaf_issuer(authority: &Authority) -> CertificateDer<'static> {
    authority.certificate().der().to_vec().into()
}

/// The chain alone, and with bad certificates of others in front of its intermediates, behind
/// them, or both.
fn with_unrelated(chain: &Chain) -> [Chain; 4] {
    let eve = TestPki::of(&AuthorityRequest::default().common_name("eve"));
    let ended = OffsetDateTime::now_utc() - Duration::HOUR;
    let expired = TestPki::for_client().not_before(ended - Duration::DAY).not_after(ended);
    let expired = eve.issue(&expired).certificate().der().to_vec();
    let key = openssl(&["genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:1024"], &[]);
    let key = openssl(&["pkey", "-pubout"], key.as_bytes());
    let weak = eve.authority.issue_for(&key, &TestPki::for_client()).unwrap();
    let root = eve.authority.root().der();
    let sha1 = reissued(root, &[], Algorithm::ECDSA_SHA1, &eve.authority.key_pem());
    let front = [CertificateDer::from(expired), weak.der().to_vec().into()];
    let (leaf, above) = chain.split_at(1);
    let joined = |parts: &[&[CertificateDer<'static>]]| parts.concat();
    [
        chain.clone(),
        joined(&[leaf, &front, above]),
        joined(&[leaf, above, std::slice::from_ref(&sha1)]),
        joined(&[leaf, &front, above, &[sha1]]),
    ]
}

/// A private key on P-224 in PEM, and its public key.
fn p224() -> (String, Vec<u8>) {
    let curve = ["-pkeyopt", "ec_paramgen_curve:P-224", "-pkeyopt", "ec_param_enc:named_curve"];
    let key = openssl(&[&["genpkey", "-algorithm", "EC"], &curve[..]].concat(), &[]);
    let public = support::openssl_bytes(&["pkey", "-pubout", "-outform", "DER"], key.as_bytes());
    (key, public)
}

fn public_key(certificate: &[u8]) -> Vec<u8> {
    use x509_parser::prelude::{FromDer, X509Certificate};
    X509Certificate::from_der(certificate).unwrap().1.public_key().raw.to_vec()
}

/// A certificate whose two extensions with key identifiers have an unknown OID.
fn without_key_identifiers(certificate: &[u8]) -> CertificateDer<'static> {
    let mut der = certificate.to_vec();
    for (number, other) in [(14, 98), (35, 99)] {
        let identifier = [6, 3, 0x55, 0x1d, number];
        let mut from = 0;
        while let Some(at) = der[from..].windows(5).position(|window| window == identifier) {
            der[from + at + 4] = other;
            from += at + 5;
        }
    }
    der.into()
}

fn verdict(trust: &Trust, presented: &[CertificateDer<'_>]) -> Result<VerifiedChain, Reason> {
    trust.verify(presented, Role::Client, OffsetDateTime::now_utc())
}

fn code(verdict: &Result<VerifiedChain, Reason>) -> Option<Code> {
    verdict.as_ref().err().map(|reason| reason.code)
}
