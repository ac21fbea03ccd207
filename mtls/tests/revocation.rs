//! Which lists revoke which certificates, and how stale, missing or forged lists are handled.

#![allow(clippy::unwrap_used, reason = "what fails in a helper fails the test")]

mod support;

use authority::{
    Authority, AuthorityRequest, Leaf, Revocation as Entry, RevocationListRequest, RevocationReason,
};
use mtls::event::refusal::{Code, Reason};
use mtls::pki::role::Role;
use mtls::pki::trust::{BadTrust, Revocation, Trust, VerifiedChain};
use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, IsCa, Issuer, KeyPair,
};
use rustls::pki_types::CertificateDer;
use time::{Duration, OffsetDateTime};

use self::support::{TestPki, list, trust, trust_with, verify};

#[test]
fn a_revoked_leaf_is_refused_with_date_and_reason() {
    let pki = TestPki::new();
    let leaf = pki.client();
    let at = OffsetDateTime::from_unix_timestamp(1_700_000_000).unwrap();
    let reason = RevocationReason::KeyCompromise;
    let entry = Entry { at, reason, serial: leaf.serial().clone() };
    let list = list(&pki.authority, &RevocationListRequest::new(1).revocation(entry));
    let trust = trust_with(&[&pki.authority], &[list], Revocation::Checked);

    let refused = verify(&trust, &leaf).unwrap_err();

    assert!(verify(&trust, &pki.client()).is_ok());
    assert_eq!(refused.code, Code::Revoked);
    let said = "the certificate has been revoked: at 2023-11-14T22:13:20Z, keyCompromise";
    assert_eq!(refused.sentence(), said);
    assert_eq!(refused.certificate.unwrap().serial_number, leaf.serial().to_string());
}

#[test]
fn every_reason_is_reported_as_in_rfc_5280() {
    for (reason, name) in [
        (RevocationReason::AffiliationChanged, "affiliationChanged"),
        (RevocationReason::CessationOfOperation, "cessationOfOperation"),
        (RevocationReason::KeyCompromise, "keyCompromise"),
        (RevocationReason::PrivilegeWithdrawn, "privilegeWithdrawn"),
        (RevocationReason::Superseded, "superseded"),
    ] {
        let pki = TestPki::new();
        let leaf = pki.client();
        let list = RevocationListRequest::new(1).revoke(leaf.serial(), reason);
        let list = self::list(&pki.authority, &list);
        let trust = trust_with(&[&pki.authority], &[list], Revocation::Checked);

        let sentence = verify(&trust, &leaf).unwrap_err().sentence();

        assert!(sentence.ends_with(&format!("Z, {name}")), "{sentence}");
    }
}

/// OpenSSL's clients send the root along. webpki then finds a second path, through the root as if
/// it were an intermediate, and intermediates need no list.
#[test]
fn a_revoked_leaf_that_presents_its_root_is_refused() {
    let (pki, leaf, list) = revoked();
    let trust = trust_with(&[&pki.authority], &[list], Revocation::Checked);
    let with_root = |leaf: &Leaf| -> Vec<CertificateDer<'static>> {
        let mut chain = self::support::chain(leaf);
        chain.push(pki.authority.root().der().to_vec().into());
        chain
    };
    let now = OffsetDateTime::now_utc();

    let taken = trust.verify(&with_root(&pki.client()), Role::Client, now);
    let refused = trust.verify(&with_root(&leaf), Role::Client, now);

    assert!(taken.is_ok());
    assert_eq!(code(&refused), Some(Code::Revoked));
}

/// A cross-certificate has the same name and key as the original, and so the same list.
#[test]
fn a_revoked_leaf_is_refused_on_the_path_to_another_root_too() {
    let (pki, leaf, list) = revoked();
    let other = TestPki::new();
    let cross = cross_certificate(&other.authority, &pki.authority);
    let trust = trust_with(&[&other.authority, &pki.authority], &[list], Revocation::Checked);
    let by_way = |leaf: &Leaf| -> Vec<CertificateDer<'static>> {
        let mut chain = self::support::chain(leaf);
        chain.push(cross.clone());
        chain
    };
    let now = OffsetDateTime::now_utc();

    let taken = trust.verify(&by_way(&pki.client()), Role::Client, now);
    let refused = trust.verify(&by_way(&leaf), Role::Client, now);

    assert!(taken.is_ok());
    assert_eq!(code(&refused), Some(Code::Revoked));
}

#[test]
fn lists_are_ignored_where_revocation_is_off() {
    let (pki, leaf, list) = revoked();

    let trust = trust_with(&[&pki.authority], &[list], Revocation::Off);

    assert!(verify(&trust, &leaf).is_ok());
    assert!(trust.lists().is_empty());
}

#[test]
fn the_leaves_of_a_revoked_intermediate_are_refused() {
    let (pki, below) = with_intermediate();
    let leaf = below.issue(&TestPki::for_client()).unwrap();
    let request = RevocationListRequest::new(1);
    let list = request.revoke(below.certificate().serial(), RevocationReason::Superseded);
    let list = self::list(&pki.authority, &list);

    let taken = verify(&trust(&[&pki.authority]), &leaf);
    let refused = verify(&trust_with(&[&pki.authority], &[list], Revocation::Checked), &leaf);

    assert!(taken.is_ok());
    assert_eq!(code(&refused), Some(Code::Revoked));
    let concerned = refused.unwrap_err().certificate.unwrap();
    assert_eq!(concerned.serial_number, below.certificate().serial().to_string());
}

#[test]
fn an_intermediate_revokes_its_own_leaves() {
    let (pki, below) = with_intermediate();
    let leaf = below.issue(&TestPki::for_client()).unwrap();
    let request = RevocationListRequest::new(1);
    let own = list(&below, &request.clone().revoke(leaf.serial(), RevocationReason::Superseded));
    let lists = [list(&pki.authority, &request), own];

    for revocation in [Revocation::Checked, Revocation::Required] {
        let trust = trust_with(&[&pki.authority], &lists, revocation);

        assert!(verify(&trust, &below.issue(&TestPki::for_client()).unwrap()).is_ok());
        assert_eq!(code(&verify(&trust, &leaf)), Some(Code::Revoked));
    }
}

#[test]
fn the_list_of_an_intermediate_covers_its_own_leaves_only() {
    let (pki, below) = with_intermediate();
    let leaf = pki.client();
    let request = RevocationListRequest::new(1);
    let list = list(&below, &request.revoke(leaf.serial(), RevocationReason::KeyCompromise));

    let trust = trust_with(&[&pki.authority], &[list], Revocation::Checked);

    assert!(verify(&trust, &leaf).is_ok());
}

#[test]
fn a_forged_list_in_the_name_of_an_intermediate_leaves_revocation_unknown() {
    let (pki, below) = with_intermediate();
    let leaf = below.issue(&TestPki::for_client()).unwrap();
    let namesake = AuthorityRequest::default().subject_of(&below);
    let forged = list(&Authority::generate(&namesake).unwrap(), &RevocationListRequest::new(1));

    let trust = trust_with(&[&pki.authority], &[forged], Revocation::Checked);

    assert!(verify(&trust, &pki.client()).is_ok());
    assert_eq!(code(&verify(&trust, &leaf)), Some(Code::RevocationUnknown));
}

#[test]
fn a_missing_intermediate_list_is_unknown_only_where_lists_are_required() {
    let (pki, below) = with_intermediate();
    let leaf = below.issue(&TestPki::for_client()).unwrap();
    let lists = [list(&pki.authority, &RevocationListRequest::new(1))];
    let verified = |revocation| verify(&trust_with(&[&pki.authority], &lists, revocation), &leaf);

    assert_eq!(code(&verified(Revocation::Checked)), None);
    assert_eq!(code(&verified(Revocation::Off)), None);
    assert_eq!(code(&verified(Revocation::Required)), Some(Code::RevocationUnknown));
}

#[test]
fn a_stale_list_still_counts_and_refuses_all_where_lists_are_required() {
    let pki = TestPki::new();
    let (good, bad) = (pki.client(), pki.client());
    let now = OffsetDateTime::now_utc();
    let request = RevocationListRequest::new(1).next_update(now + Duration::HOUR);
    let list = request.revoke(bad.serial(), RevocationReason::Unspecified);
    let lists = [self::list(&pki.authority, &list)];
    let verified = |revocation, leaf, later| {
        let trust = trust_with(&[&pki.authority], &lists, revocation);
        let role = mtls::pki::role::Role::Client;
        code(&trust.verify(&support::chain(leaf), role, now + later))
    };
    let later = Duration::HOUR * 2;

    assert_eq!(verified(Revocation::Required, &good, Duration::ZERO), None);
    assert_eq!(verified(Revocation::Required, &good, later), Some(Code::RevocationListStale));
    assert_eq!(verified(Revocation::Checked, &good, later), None);
    assert_eq!(verified(Revocation::Checked, &bad, later), Some(Code::Revoked));
    assert_eq!(verified(Revocation::Required, &bad, later), Some(Code::Revoked));
    assert_eq!(verified(Revocation::Off, &bad, later), None);
}

#[test]
fn a_stale_list_is_not_loaded_where_lists_are_required() {
    let pki = TestPki::new();
    let due = OffsetDateTime::from_unix_timestamp(1_700_000_000).unwrap();
    let stale = RevocationListRequest::new(1).this_update(due - Duration::DAY).next_update(due);
    let lists = [list(&pki.authority, &stale)];

    let problems = problems(&[&pki.authority], &lists, Revocation::Required);

    let issuer = name(&pki.authority);
    let said = format!(
        "the revocation list of {issuer} is stale since 2023-11-14T22:13:20Z, \
         and a fresh one is required"
    );
    assert_eq!(problems, [said]);
    trust_with(&[&pki.authority], &lists, Revocation::Checked);
}

#[test]
fn all_problems_of_roots_and_lists_are_reported_at_once() {
    let (one, two) = (TestPki::new(), TestPki::new());
    let namesake = AuthorityRequest::default().subject_of(&two.authority);
    let forged = list(&Authority::generate(&namesake).unwrap(), &RevocationListRequest::new(1));
    let later = OffsetDateTime::from_unix_timestamp(4_000_000_000).unwrap();
    let early = RevocationListRequest::new(1).this_update(later).next_update(later + Duration::DAY);
    let early = list(&one.authority, &early);

    let lists = [early, forged];
    let problems = problems(&[&one.authority, &two.authority], &lists, Revocation::Required);

    let (one, two) = (name(&one.authority), name(&two.authority));
    assert_eq!(
        problems,
        [
            format!(
                "a revocation list cannot be used: that of {one} is from the future \
                 (2096-10-02T07:06:40Z): check the clocks"
            ),
            format!("the revocation list of {two} is not signed by that root's key"),
            format!("no revocation list of {one}, and one is required"),
            format!("no revocation list of {two}, and one is required"),
        ]
    );
}

#[test]
fn two_roots_with_one_name_have_separate_lists() {
    let one = TestPki::new();
    let two = TestPki::of(&AuthorityRequest::default().subject_of(&one.authority));
    let (left, right) = (one.client(), two.client());
    let revoked = RevocationListRequest::new(1).revoke(left.serial(), RevocationReason::Superseded);
    let lists =
        [list(&two.authority, &RevocationListRequest::new(1)), list(&one.authority, &revoked)];

    let trust = trust_with(&[&one.authority, &two.authority], &lists, Revocation::Required);

    assert_eq!(code(&verify(&trust, &left)), Some(Code::Revoked));
    assert_eq!(code(&verify(&trust, &right)), None);
}

#[test]
fn an_invalid_root_is_reported_with_its_name_and_its_fault() {
    let pki = TestPki::new();
    let leaf = pki.client();
    let may_not_sign = AuthorityRequest::default().key_usages(&[authority::KeyUsage::CrlSign]);
    let may_not_sign = Authority::generate(&may_not_sign).unwrap();
    let refused = |der: &[u8]| match Trust::new(
        vec![CertificateDer::from(der.to_vec())],
        &[],
        Revocation::Checked,
        OffsetDateTime::now_utc(),
    ) {
        Ok(_) => Vec::new(),
        Err(problems) => problems.iter().map(BadTrust::to_string).collect(),
    };

    assert_eq!(refused(pki.authority.root().der()), Vec::<String>::new());
    let no_authority = "it is not an authority's certificate (basicConstraints cA is missing)";
    assert_eq!(
        refused(leaf.certificate().der()),
        [format!("the root CN=client-service cannot be believed: {no_authority}")]
    );
    let no_signer = "its key usage does not include keyCertSign";
    assert_eq!(
        refused(may_not_sign.root().der()),
        [format!("the root {} cannot be believed: {no_signer}", name(&may_not_sign))]
    );
}

#[test]
fn trust_needs_a_root() {
    assert_eq!(problems(&[], &[], Revocation::Checked), ["no root certificate"]);
}

/// A test authority, a leaf of it, and the list that revokes it.
fn revoked() -> (TestPki, Leaf, authority::RevocationList) {
    let pki = TestPki::new();
    let leaf = pki.client();
    let list = RevocationListRequest::new(1).revoke(leaf.serial(), RevocationReason::Unspecified);
    let list = self::list(&pki.authority, &list);
    (pki, leaf, list)
}

fn with_intermediate() -> (TestPki, Authority) {
    let pki = TestPki::new();
    let below = AuthorityRequest::intermediate().common_name("below");
    let below = pki.authority.issue_intermediate(&below).unwrap();
    (pki, below)
}

/// The name and the key of one authority, certified by another.
fn cross_certificate(by: &Authority, of: &Authority) -> CertificateDer<'static> {
    let issuer = |authority: &Authority| {
        let key = KeyPair::from_pem(&authority.key_pem()).unwrap();
        Issuer::from_ca_cert_pem(authority.root().pem(), key).unwrap()
    };
    let mut parameters = CertificateParams::default();
    parameters.distinguished_name = DistinguishedName::new();
    parameters.distinguished_name.push(DnType::CommonName, of.root().common_name());
    parameters.distinguished_name.push(DnType::OrganizationName, "mtls-demo");
    parameters.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let key = KeyPair::from_pem(&of.key_pem()).unwrap();
    parameters.signed_by(&key, &issuer(by)).unwrap().der().clone()
}

fn problems(
    roots: &[&Authority],
    lists: &[authority::RevocationList],
    revocation: Revocation,
) -> Vec<String> {
    let roots = roots.iter().map(|root| root.root().der().to_vec().into()).collect();
    let lists: Vec<_> = lists.iter().map(|list| list.der().to_vec().into()).collect();
    let problems = Trust::new(roots, &lists, revocation, OffsetDateTime::now_utc()).unwrap_err();
    problems.iter().map(BadTrust::to_string).collect()
}

fn name(authority: &Authority) -> String {
    format!("O=mtls-demo,CN={}", authority.certificate().common_name())
}

fn code(verdict: &Result<VerifiedChain, Reason>) -> Option<Code> {
    verdict.as_ref().err().map(|reason| reason.code)
}
