//! Names in different encodings: to find the issuer of a list and the root of a chain, only the
//! characters of a name count (RFC 5280, section 7.1), and the key decides.

#![allow(clippy::unwrap_used, reason = "what fails in a helper fails the test")]

mod support;

use authority::{Authority, AuthorityRequest, Leaf, LeafRequest};
use mtls::event::refusal::{Code, Reason};
use mtls::limits::Limits;
use mtls::pki::role::Role;
use mtls::pki::trust::{BadTrust, Revocation, Trust, VerifiedChain};
use rustls::pki_types::{CertificateDer, CertificateRevocationListDer};
use time::{Duration, OffsetDateTime};

use self::support::forge::{Algorithm, ForgedList, Spelling, name_of, reissued};
use self::support::{
    IdentityDirectory, Server, TestClient, TestPki, chain, empty_list, files, hello, trust, verify,
};

#[test]
fn a_list_finds_its_root_in_any_spelling() {
    let pki = lab_root();
    let (good, bad) = (pki.client(), pki.client());
    let name = name_of(&pki.authority);

    for spelling in Spelling::ALL {
        let list = ForgedList::of(&spelling.of(&name)).revoke(&bad);
        let list = list.sign(&pki.authority.key_pem());
        for revocation in [Revocation::Checked, Revocation::Required] {
            let trust =
                with_lists(&[&pki.authority], std::slice::from_ref(&list), revocation).unwrap();

            assert!(verify(&trust, &good).is_ok(), "{spelling:?}");
            assert_eq!(code(&verify(&trust, &bad)), Some(Code::Revoked), "{spelling:?}");
            assert!(trust.lists()[0].is_verified());
        }
    }
}

#[tokio::test]
async fn a_server_refuses_a_client_revoked_by_a_list_in_another_spelling() {
    let pki = lab_root();
    let (good, bad) = (pki.client(), pki.client());
    let name = Spelling::Printable.of(&name_of(&pki.authority));
    let list = ForgedList::of(&name).revoke(&bad).sign(&pki.authority.key_pem());
    let mut content = files(&pki, &pki.server(), &empty_list(&pki, 1));
    let pem = support::openssl(&["crl", "-inform", "DER"], &list);
    content.pop();
    content.push(("ca.crl", pem.into_bytes()));
    let directory = IdentityDirectory::with(&content);
    let server = Server::of_store(directory.store(Role::Server), Limits::default(), hello());

    let taken = TestClient::presenting(&good, pki.roots()).fetch(&server.url("/")).await.unwrap();
    let refused = TestClient::presenting(&bad, pki.roots()).refused(&server.url("/")).await;

    assert_eq!(taken.0, "hello");
    assert_eq!(refused.code, Code::RefusedByPeer);
    assert_eq!(refused.alert.unwrap().name, "certificate_revoked");
    assert_eq!(server.refusal().await.code, Code::Revoked);
}

#[test]
fn a_chain_finds_its_root_in_any_spelling_of_its_issuer() {
    let pki = lab_root();
    let name = name_of(&pki.authority);
    let trust = trust(&[&pki.authority]);
    let leaf = pki.client();
    let below = pki.authority.issue_intermediate(&AuthorityRequest::intermediate()).unwrap();
    let leaf_below = below.issue(&TestPki::for_client()).unwrap();

    for spelling in Spelling::ALL {
        let respelled = [(&*name, &*spelling.of(&name))];
        let respelled = |der: &[u8]| reissued(der, &respelled, Algorithm::ECDSA_SHA256, &key(&pki));
        let straight = vec![respelled(leaf.certificate().der())];
        let mut by_way = chain(&leaf_below);
        by_way[1] = respelled(&by_way[1]);

        for mut presented in [straight, by_way] {
            assert_eq!(code(&verdict(&trust, &presented)), None, "{spelling:?}");
            let last = presented.last_mut().unwrap();
            let mut tampered = last.to_vec();
            *tampered.last_mut().unwrap() ^= 1;
            *last = tampered.into();
            let refused = code(&verdict(&trust, &presented));
            assert_eq!(refused, Some(Code::BadSignature), "{spelling:?}");
        }
    }
}

#[test]
fn a_chain_in_another_spelling_can_be_revoked() {
    let pki = lab_root();
    let name = name_of(&pki.authority);
    let leaf = pki.client();
    let list = ForgedList::of(&name).revoke(&leaf).sign(&key(&pki));
    let trust = with_lists(&[&pki.authority], &[list], Revocation::Checked).unwrap();
    let respelled = |leaf: &Leaf| {
        let spelling = Spelling::UpperCase.of(&name);
        let der = leaf.certificate().der();
        [reissued(der, &[(&*name, &*spelling)], Algorithm::ECDSA_SHA256, &key(&pki))]
    };

    assert_eq!(code(&verdict(&trust, &respelled(&pki.client()))), None);
    assert_eq!(code(&verdict(&trust, &respelled(&leaf))), Some(Code::Revoked));
}

#[test]
fn the_constraints_of_a_root_hold_in_every_spelling() {
    let ended = OffsetDateTime::now_utc() - Duration::DAY;
    let constrained = lab_request().permit_dns("example.com");
    let short = lab_request().path_length(0);
    let expired = lab_request().not_before(ended - Duration::DAY).not_after(ended);
    for (request, expected) in [
        (lab_request(), None),
        (constrained, Some(Code::NameConstraint)),
        (short, Some(Code::PathTooLong)),
        (expired, Some(Code::Expired)),
    ] {
        let pki = TestPki::of(&request);
        let request = AuthorityRequest::intermediate().outliving_its_issuer();
        let below = pki.authority.issue_intermediate(&request).unwrap();
        let leaf = LeafRequest::new("a").dns("a.example.org").outliving_its_issuer();
        let mut presented = chain(&below.issue(&leaf).unwrap());
        let name = name_of(&pki.authority);
        let respelled = Spelling::Bmp.of(&name);
        let respelled = [(&*name, &*respelled)];
        presented[1] = reissued(&presented[1], &respelled, Algorithm::ECDSA_SHA256, &key(&pki));

        let verified = verdict(&trust(&[&pki.authority]), &presented);

        assert_eq!(code(&verified), expected);
    }
}

#[test]
fn a_certificate_with_a_root_name_in_another_spelling_is_no_root() {
    let pki = lab_root();
    let eve = TestPki::of(&lab_request());
    let name = name_of(&pki.authority);
    let trust = trust(&[&pki.authority]);

    for spelling in Spelling::ALL {
        let respelled = spelling.of(&name);
        let respelled = [(&*name, &*respelled)];
        let forge = |der: &[u8], replaced: &[_]| {
            reissued(der, replaced, Algorithm::ECDSA_SHA256, &key(&eve))
        };
        let leaf = forge(eve.client().certificate().der(), &respelled);
        let root = eve.authority.root().der();
        let twice = [respelled[0], respelled[0]];
        for own in
            [forge(root, &respelled), forge(root, &twice), CertificateDer::from(root.to_vec())]
        {
            let presented = [leaf.clone(), own];

            let refused = code(&verdict(&trust, &presented));

            assert!(
                matches!(refused, Some(Code::UnknownIssuer | Code::BadSignature)),
                "{spelling:?}: {refused:?}"
            );
        }
    }
    assert!(verify(&trust, &pki.client()).is_ok());
}

#[test]
fn below_a_root_another_spelling_is_refused_with_that_reason() {
    let pki = lab_root();
    let below = AuthorityRequest::intermediate().common_name("Lab Below");
    let below = pki.authority.issue_intermediate(&below).unwrap();
    let mut presented = chain(&below.issue(&TestPki::for_client()).unwrap());
    let trust = trust(&[&pki.authority]);
    assert_eq!(code(&verdict(&trust, &presented)), None);
    let name = name_of(&below);

    for spelling in Spelling::ALL {
        let respelled = spelling.of(&name);
        let respelled = [(&*name, &*respelled)];
        presented[0] =
            reissued(&presented[0].clone(), &[], Algorithm::ECDSA_SHA256, &below.key_pem());
        assert_eq!(code(&verdict(&trust, &presented)), None, "{spelling:?}");
        let leaf = reissued(&presented[0], &respelled, Algorithm::ECDSA_SHA256, &below.key_pem());

        let refused = verdict(&trust, &[leaf, presented[1].clone()]).unwrap_err();

        assert_eq!(refused.code, Code::UnknownIssuer, "{spelling:?}");
        let said = "has that name in other bytes: below a root both must be the same bytes";
        assert!(refused.sentence().contains(said), "{}", refused.sentence());
    }
}

#[test]
fn a_certificate_is_self_signed_only_by_the_same_bytes() {
    let pki = lab_root();
    let leaf = Leaf::self_signed(&TestPki::for_client()).unwrap();
    let trust = trust(&[&pki.authority]);
    let der = leaf.certificate().der();
    let subject = subject(der);
    let respelled = Spelling::UpperCase.of(&subject);

    let same = reissued(der, &[], Algorithm::ECDSA_SHA256, &leaf.key_pem());
    let other =
        reissued(der, &[(&*subject, &*respelled)], Algorithm::ECDSA_SHA256, &leaf.key_pem());

    assert_eq!(code(&verdict(&trust, &[same])), Some(Code::SelfSigned));
    assert_eq!(code(&verdict(&trust, &[other])), Some(Code::UnknownIssuer));
}

#[test]
fn a_list_in_a_roots_name_that_its_key_did_not_sign_is_a_bad_file() {
    let (pki, eve) = (lab_root(), TestPki::of(&lab_request()));
    let name = name_of(&pki.authority);

    for spelling in Spelling::ALL {
        let list = ForgedList::of(&spelling.of(&name));
        let [own, forged] = [&pki, &eve].map(|signer| list.sign(&key(signer)));
        let read = |roots: &[&Authority], list: &CertificateRevocationListDer<'static>| {
            with_lists(roots, std::slice::from_ref(list), Revocation::Checked)
        };

        assert!(read(&[&pki.authority], &own).is_ok(), "{spelling:?}");
        assert!(read(&[&pki.authority, &eve.authority], &forged).is_ok(), "{spelling:?}");
        let problems = read(&[&pki.authority], &forged).unwrap_err();
        assert!(
            matches!(problems.as_slice(), [BadTrust::ListForged(_)]),
            "{spelling:?}: {problems:?}"
        );
    }
}

#[test]
fn a_list_of_no_known_issuer_is_unverified_until_its_intermediate_is_presented() {
    let pki = lab_root();
    let below = AuthorityRequest::intermediate().common_name("Lab Below");
    let below = pki.authority.issue_intermediate(&below).unwrap();
    let (good, bad) = (below.issue(&TestPki::for_client()), below.issue(&TestPki::for_client()));
    let (good, bad) = (good.unwrap(), bad.unwrap());
    let name = name_of(&below);

    for spelling in Spelling::ALL {
        let list = ForgedList::of(&spelling.of(&name)).revoke(&bad).sign(&below.key_pem());
        let trust = with_lists(&[&pki.authority], &[list], Revocation::Checked).unwrap();

        assert!(!trust.lists()[0].is_verified(), "{spelling:?}");
        assert!(verify(&trust, &pki.client()).is_ok());
        assert!(!trust.lists()[0].is_verified(), "{spelling:?}");
        assert_eq!(code(&verify(&trust, &bad)), Some(Code::Revoked), "{spelling:?}");
        assert!(trust.lists()[0].is_verified(), "{spelling:?}");
        assert!(verify(&trust, &good).is_ok());
    }
}

/// A root whose name can be spelt differently in spaces and case.
fn lab_root() -> TestPki {
    TestPki::of(&lab_request())
}

fn lab_request() -> AuthorityRequest {
    AuthorityRequest::default().common_name("Lab Root").any_path_length()
}

fn key(pki: &TestPki) -> String {
    pki.authority.key_pem()
}

fn subject(der: &[u8]) -> Vec<u8> {
    use x509_parser::prelude::{FromDer, X509Certificate};
    X509Certificate::from_der(der).unwrap().1.subject().as_raw().to_vec()
}

fn with_lists(
    roots: &[&Authority],
    lists: &[CertificateRevocationListDer<'static>],
    revocation: Revocation,
) -> Result<Trust, Vec<BadTrust>> {
    let roots = roots.iter().map(|root| root.root().der().to_vec().into()).collect();
    Trust::new(roots, lists, revocation, OffsetDateTime::now_utc())
}

fn verdict(trust: &Trust, presented: &[CertificateDer<'_>]) -> Result<VerifiedChain, Reason> {
    trust.verify(presented, Role::Client, OffsetDateTime::now_utc())
}

fn code(verdict: &Result<VerifiedChain, Reason>) -> Option<Code> {
    verdict.as_ref().err().map(|reason| reason.code)
}
