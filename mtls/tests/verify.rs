//! Which chains verify, and the messages for those that do not: issuer, dates, and
//! purpose.

#![allow(clippy::unwrap_used, reason = "what fails in a helper fails the test")]

mod support;

use authority::{Authority, AuthorityRequest, KeyUsage, Leaf, LeafRequest, Usage};
use mtls::event::refusal::{Code, Reason};
use mtls::pki::role::Role;
use mtls::pki::trust::{Trust, VerifiedChain};
use time::{Duration, OffsetDateTime};

use self::support::{TestPki, chain, trust, verify};

#[test]
fn a_leaf_of_a_trusted_authority_is_valid_for_its_role() {
    let pki = TestPki::new();
    let trust = trust(&[&pki.authority]);
    let now = OffsetDateTime::now_utc();

    let client = trust.verify(&chain(&pki.client()), Role::Client, now).unwrap();
    let server = trust.verify(&chain(&pki.server()), Role::Server, now).unwrap();

    assert_eq!(client.certificate.subject.common_name(), Some("client-service"));
    assert_eq!(server.certificate.subject.common_name(), Some("api-service"));
}

#[test]
fn the_chain_is_returned_from_leaf_to_root_with_its_earliest_expiry() {
    let now = whole_seconds(OffsetDateTime::now_utc());
    let pki = TestPki::new();
    let ends = |hours| now + Duration::hours(hours);
    let below = AuthorityRequest::intermediate().common_name("below").not_after(ends(1));
    let below = pki.authority.issue_intermediate(&below).unwrap();
    let leaf = TestPki::for_client().not_after(ends(2)).outliving_its_issuer();
    let leaf = below.issue(&leaf).unwrap();

    let verified = verify(&trust(&[&pki.authority]), &leaf).unwrap();

    let root = format!("O=mtls-demo,CN={}", pki.authority.certificate().common_name());
    let subjects = ["CN=client-service", "O=mtls-demo,CN=below", root.as_str()];
    assert_eq!(verified.certificate.chain, subjects);
    assert_eq!(verified.not_after, ends(1));
    assert_eq!(verified.presented, chain(&leaf));
}

#[test]
fn a_verified_chain_expires_with_its_leaf_if_that_is_first() {
    let pki = TestPki::new();
    let ends = whole_seconds(OffsetDateTime::now_utc()) + Duration::minutes(3);
    let leaf = pki.issue(&TestPki::for_client().not_after(ends));

    let verified = verify(&trust(&[&pki.authority]), &leaf).unwrap();

    assert_eq!(verified.not_after, ends);
}

#[test]
fn a_self_signed_leaf_is_reported_as_such() {
    let pki = TestPki::new();
    let leaf = Leaf::self_signed(&TestPki::for_client()).unwrap();

    assert_refused(&pki, &leaf, Code::SelfSigned);
}

#[test]
fn an_unknown_authority_that_presents_itself_is_self_signed() {
    let pki = TestPki::new();
    let foreign = TestPki::new();
    let trust = trust(&[&pki.authority]);
    let presented = [foreign.authority.certificate().der().to_vec().into()];

    let refused = trust.verify(&presented, Role::Client, OffsetDateTime::now_utc());

    assert!(verify(&trust, &pki.client()).is_ok());
    assert_eq!(code(&refused), Some(Code::SelfSigned));
}

#[test]
fn a_leaf_that_only_claims_to_be_self_issued_has_an_unknown_issuer() {
    let pki = TestPki::new();
    let named = AuthorityRequest::default().common_name("eve");
    let eve = Authority::generate(&named).unwrap();
    let leaf = eve.issue(&LeafRequest::new("eve").organization("mtls-demo")).unwrap();

    assert_refused(&pki, &leaf, Code::UnknownIssuer);
}

#[test]
fn an_authority_of_another_name_is_unknown_and_is_named() {
    let pki = TestPki::new();
    let foreign = TestPki::of(&AuthorityRequest::default().common_name("foreign"));

    let reason = assert_refused(&pki, &foreign.client(), Code::UnknownIssuer);

    let said = "the certificate was issued by an authority that is not trusted here: \
                it names O=mtls-demo,CN=foreign";
    assert_eq!(reason.sentence(), said);
}

#[test]
fn an_authority_of_our_name_with_another_key_is_unknown() {
    let pki = TestPki::new();
    let namesake = TestPki::of(&AuthorityRequest::default().subject_of(&pki.authority));

    assert_refused(&pki, &namesake.client(), Code::UnknownIssuer);
}

#[test]
fn an_authority_that_claims_our_name_and_our_key_is_a_bad_signature() {
    let pki = TestPki::new();
    let ours = pki.authority.certificate().key_identifier();
    let claims = AuthorityRequest::default().subject_of(&pki.authority).key_identifier(ours);
    let impostor = TestPki::of(&claims);

    assert_refused(&pki, &impostor.client(), Code::BadSignature);
}

#[test]
fn a_leaf_that_was_tampered_with_is_a_bad_signature() {
    let pki = TestPki::new();
    let trust = trust(&[&pki.authority]);
    let mut der = pki.client().certificate().der().to_vec();
    *der.last_mut().unwrap() ^= 1;

    let refused = trust.verify(&[der.into()], Role::Client, OffsetDateTime::now_utc());

    assert_eq!(code(&refused), Some(Code::BadSignature));
}

#[test]
fn an_intermediate_that_nobody_signed_is_a_bad_signature() {
    let pki = TestPki::new();
    let below = pki.authority.issue_intermediate(&AuthorityRequest::intermediate()).unwrap();
    let leaf = below.issue(&TestPki::for_client()).unwrap();
    let trust = trust(&[&pki.authority]);
    let mut presented = chain(&leaf);
    let mut tampered = presented[1].to_vec();
    *tampered.last_mut().unwrap() ^= 1;
    presented[1] = tampered.into();

    let refused = trust.verify(&presented, Role::Client, OffsetDateTime::now_utc());

    assert!(verify(&trust, &leaf).is_ok());
    assert_eq!(code(&refused), Some(Code::BadSignature));
}

#[test]
fn a_missing_intermediate_is_an_unknown_issuer() {
    let pki = TestPki::new();
    let below = pki.authority.issue_intermediate(&AuthorityRequest::intermediate()).unwrap();
    let leaf = below.issue(&TestPki::for_client()).unwrap();
    let trust = trust(&[&pki.authority]);

    let refused = trust.verify(&chain(&leaf)[..1], Role::Client, OffsetDateTime::now_utc());

    assert!(verify(&trust, &leaf).is_ok());
    assert_eq!(code(&refused), Some(Code::UnknownIssuer));
}

#[test]
fn a_missing_certificate_is_reported_as_such() {
    let pki = TestPki::new();

    let refused = trust(&[&pki.authority]).verify(&[], Role::Client, OffsetDateTime::now_utc());

    assert_eq!(code(&refused), Some(Code::NoCertificate));
}

#[test]
fn each_certificate_of_a_chain_is_accepted_within_its_validity_only() {
    let now = whole_seconds(OffsetDateTime::now_utc());
    let long = (now - Duration::days(9), now + Duration::days(9));
    let short = (now - Duration::days(1), now + Duration::days(1));

    for (which, name) in ["root", "below", "client-service"].into_iter().enumerate() {
        let dates = |index| if index == which { short } else { long };
        let (trust, leaf) = dated(dates(0), dates(1), dates(2));
        let at = |moment| trust.verify(&chain(&leaf), Role::Client, moment);

        for moment in [now, short.0, short.1] {
            assert!(at(moment).is_ok(), "{name} at {moment}");
        }
        let (early, late) = (at(short.0 - Duration::SECOND), at(short.1 + Duration::SECOND));
        assert_eq!(code(&early), Some(Code::NotYetValid), "{name}");
        assert_eq!(code(&late), Some(Code::Expired), "{name}");
        for refused in [early, late] {
            let reason = refused.unwrap_err();
            assert!(reason.sentence().contains(name), "{}", reason.sentence());
            assert_eq!(reason.certificate.unwrap().subject.common_name(), Some(name));
        }
    }
}

#[test]
fn the_expiry_of_a_certificate_is_reported_as_in_rfc_3339() {
    let pki = TestPki::new();
    let trust = trust(&[&pki.authority]);
    let ends = OffsetDateTime::from_unix_timestamp(1_700_000_000).unwrap();
    let expired = TestPki::for_client().not_before(ends - Duration::HOUR).not_after(ends);

    let reason = verify(&trust, &pki.issue(&expired)).unwrap_err();

    let said = "the certificate has expired: client-service ended at 2023-11-14T22:13:20Z";
    assert_eq!(reason.sentence(), said);
}

#[test]
fn a_leaf_is_accepted_for_its_purpose_only() {
    let pki = TestPki::new();
    let trust = trust(&[&pki.authority]);
    let verified = |usage, role| {
        let leaf = pki.issue(&LeafRequest::new("a").dns("a").usage(usage));
        trust.verify(&chain(&leaf), role, OffsetDateTime::now_utc())
    };

    for (usage, client, server) in [
        (Usage::Both, None, None),
        (Usage::Client, None, Some(Code::WrongPurpose)),
        (Usage::Server, Some(Code::WrongPurpose), None),
        (Usage::Unstated, Some(Code::WrongPurpose), Some(Code::WrongPurpose)),
    ] {
        assert_eq!(code(&verified(usage, Role::Client)), client, "{usage} as client");
        assert_eq!(code(&verified(usage, Role::Server)), server, "{usage} as server");
    }
}

#[test]
fn the_purpose_of_a_leaf_and_the_needed_one_are_reported() {
    let pki = TestPki::new();
    let trust = trust(&[&pki.authority]);
    let sentence = |leaf: LeafRequest| verify(&trust, &pki.issue(&leaf)).unwrap_err().sentence();
    let purpose = "the certificate was not issued for this purpose";

    let server = sentence(LeafRequest::new("a").dns("a").usage(Usage::Server));
    let unstated = sentence(LeafRequest::new("a").usage(Usage::Unstated));
    let signs = sentence(LeafRequest::new("a").key_usages(&[KeyUsage::CrlSign]));

    assert_eq!(server, format!("{purpose}: it is for serverAuth, and clientAuth is needed"));
    let needed = "it has no extended key usage, and clientAuth is needed";
    assert_eq!(unstated, format!("{purpose}: {needed}"));
    assert_eq!(signs, format!("{purpose}: its key usage is cRLSign without digitalSignature"));
}

#[test]
fn a_key_usage_includes_digital_signature_or_is_absent() {
    let pki = TestPki::new();
    let trust = trust(&[&pki.authority]);
    let verified =
        |usages: &[KeyUsage]| verify(&trust, &pki.issue(&TestPki::for_client().key_usages(usages)));

    let absent = verified(&[]);
    let with = verified(&[KeyUsage::DigitalSignature, KeyUsage::KeyAgreement]);
    let without = verified(&[KeyUsage::KeyAgreement]);

    assert!(absent.is_ok());
    assert!(with.is_ok());
    assert_eq!(code(&without), Some(Code::WrongPurpose));
}

#[test]
fn our_own_root_is_not_accepted_as_a_leaf() {
    let pki = TestPki::new();
    let trust = trust(&[&pki.authority]);
    let below = pki.authority.issue_intermediate(&AuthorityRequest::intermediate()).unwrap();
    let presented = [below.certificate().der().to_vec().into()];

    let refused = trust.verify(&presented, Role::Client, OffsetDateTime::now_utc());

    assert_eq!(code(&refused), Some(Code::NotALeaf));
}

/// The good client is accepted first; then `leaf` is refused for `expected`.
fn assert_refused(pki: &TestPki, leaf: &Leaf, expected: Code) -> Reason {
    let trust = trust(&[&pki.authority]);

    assert!(verify(&trust, &pki.client()).is_ok());
    let reason = verify(&trust, leaf).unwrap_err();
    assert_eq!(reason.code, expected, "{}", reason.sentence());
    reason
}

fn code(verdict: &Result<VerifiedChain, Reason>) -> Option<Code> {
    verdict.as_ref().err().map(|reason| reason.code)
}

type Dates = (OffsetDateTime, OffsetDateTime);

/// A root, an intermediate and a leaf with these dates.
fn dated(root: Dates, below: Dates, leaf: Dates) -> (Trust, Leaf) {
    let root = AuthorityRequest::default().common_name("root").not_before(root.0).not_after(root.1);
    let root = Authority::generate(&root).unwrap();
    let request = AuthorityRequest::intermediate().common_name("below").outliving_its_issuer();
    let below = request.not_before(below.0).not_after(below.1);
    let below = root.issue_intermediate(&below).unwrap();
    let request = TestPki::for_client().outliving_its_issuer();
    let leaf = below.issue(&request.not_before(leaf.0).not_after(leaf.1)).unwrap();
    (trust(&[&root]), leaf)
}

fn whole_seconds(moment: OffsetDateTime) -> OffsetDateTime {
    moment.replace_nanosecond(0).unwrap()
}
