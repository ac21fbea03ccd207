//! Which revocation lists are read, which one of several is used, and which issuer it belongs to.

#![allow(clippy::unwrap_used, reason = "what fails in a helper fails the test")]

mod support;

use authority::{Authority, AuthorityRequest, KeyAlgorithm, KeyUsage, Leaf};
use mtls::event::refusal::{Code, Reason};
use mtls::pki::trust::{BadTrust, Revocation, Trust, VerifiedChain};
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, KeyPair, PKCS_ECDSA_P521_SHA512};
use rustls::pki_types::CertificateRevocationListDer;
use time::{Duration, OffsetDateTime};

use self::support::forge::{Algorithm, ForgedList, element, extension, name_of, other_extension};
use self::support::{TestPki, verify};

type List = CertificateRevocationListDer<'static>;

#[test]
fn a_list_of_version_1_is_read() {
    let pki = TestPki::new();
    let (good, bad) = (pki.client(), pki.client());
    let list = ForgedList::of_version_1(&name_of(&pki.authority)).revoke(&bad);

    let trust = checked(&pki.authority, &[sign(&list, &pki)]).unwrap();

    assert_eq!(trust.lists()[0].number, None);
    assert_eq!(code(&verify(&trust, &good)), None);
    assert_eq!(code(&verify(&trust, &bad)), Some(Code::Revoked));
}

#[test]
fn a_list_is_verified_with_every_algorithm_used_for_certificates() {
    let p256 = Authority::generate(&AuthorityRequest::default()).unwrap();
    let p384 = AuthorityRequest::default().key(KeyAlgorithm::EcdsaP384);
    let p384 = Authority::generate(&p384).unwrap();
    let rsa = AuthorityRequest::default().key(KeyAlgorithm::Rsa2048);
    let rsa = Authority::generate(&rsa).unwrap();
    let ecdsa = [Algorithm::ECDSA_SHA256, Algorithm::ECDSA_SHA384, Algorithm::ECDSA_SHA512];
    for (root, algorithms) in [
        (p256, &ecdsa[..]),
        (p384, &ecdsa[..]),
        (p521(), &ecdsa[..]),
        (rsa, &[Algorithm::RSA_SHA256][..]),
    ] {
        let (good, bad) = (root.issue(&TestPki::for_client()), root.issue(&TestPki::for_client()));
        let (good, bad) = (good.unwrap(), bad.unwrap());
        for algorithm in algorithms {
            let list = ForgedList::of(&name_of(&root)).revoke(&bad).algorithm(*algorithm);

            let trust = checked(&root, &[list.sign(&root.key_pem())]).unwrap();

            assert_eq!(code(&verify(&trust, &good)), None, "{algorithm:?}");
            assert_eq!(code(&verify(&trust, &bad)), Some(Code::Revoked), "{algorithm:?}");
        }
    }
}

#[test]
fn a_list_signed_with_sha_1_is_refused_for_that_reason() {
    let ecdsa = Authority::generate(&AuthorityRequest::default()).unwrap();
    let rsa = AuthorityRequest::default().key(KeyAlgorithm::Rsa2048);
    let rsa = Authority::generate(&rsa).unwrap();
    for (root, good, bad, name) in [
        (ecdsa, Algorithm::ECDSA_SHA256, Algorithm::ECDSA_SHA1, "ecdsa-with-SHA1"),
        (rsa, Algorithm::RSA_SHA256, Algorithm::RSA_SHA1, "sha1WithRSAEncryption"),
    ] {
        let list = ForgedList::of(&name_of(&root));
        let sign = |algorithm| list.clone().algorithm(algorithm).sign(&root.key_pem());

        assert!(checked(&root, &[sign(good)]).is_ok());
        let said = format!("is signed with {name}, which is not supported here");
        assert!(problem(&root, sign(bad)).ends_with(&said), "{}", problem(&root, sign(bad)));
    }
}

#[test]
fn a_list_with_a_limited_scope_is_refused_with_the_reason() {
    let pki = TestPki::new();
    let leaf = pki.client();
    let name = name_of(&pki.authority);
    let list = || ForgedList::of(&name);
    let now = OffsetDateTime::now_utc();
    let unknown = |is_critical| other_extension(&[0x2a, 3, 4], is_critical, &[5, 0]);
    let part = |content: &[u8]| extension(28, true, &element(0x30, content));
    let uri = element(0xa0, &element(0xa0, &element(0x86, b"http://a/b")));
    let is_part = "is only a part (it has an issuing distribution point)";
    let is_unknown = "has a critical extension that is unknown here (1.2.3.4)";
    let cases = [
        (list().extension(part(&uri)), is_part),
        (list().extension(part(&element(0x81, &[0xff]))), is_part),
        (list().extension(part(&element(0x82, &[0xff]))), is_part),
        (list().extension(part(&element(0x83, &[1, 2]))), is_part),
        (list().extension(part(&element(0x84, &[0xff]))), is_part),
        (list().extension(part(&element(0x85, &[0xff]))), is_part),
        (list().extension(part(&[])), is_part),
        (list().extension(extension(28, false, &element(0x30, &uri))), is_part),
        (
            list().extension(extension(27, true, &[2, 1, 0])),
            "only lists what changed since another one (a delta list)",
        ),
        (list().extension(unknown(true)), is_unknown),
        (list().entry(&leaf, &[unknown(true)]), is_unknown),
        (
            list().entry(&leaf, &[extension(29, true, &element(0x30, &[]))]),
            "lists certificates of other issuers (an indirect list)",
        ),
        (list().entry(&leaf, &[element(0x30, &[6, 1])]), "has an extension that cannot be decoded"),
        (list().entry(&leaf, &[unknown(false), unknown(false)]), "has the extension 1.2.3.4 twice"),
        (list().extension(unknown(false)).extension(unknown(false)), "1.2.3.4 twice"),
        (list().extension(extension(35, false, &[5, 0])), "an extension 2.5.29.35 that cannot be"),
        (list().next_update(None), "does not say when the next one is due"),
        (list().this_update(now + Duration::HOUR), "is from the future"),
        (
            ForgedList::of_version_1(&name).entry(&leaf, &[unknown(false)]),
            "has extensions, which its version 1 does not have",
        ),
        (
            ForgedList::of_version_1(&name).extension(unknown(false)),
            "has extensions, which its version 1 does not have",
        ),
    ];

    let harmless = list().extension(unknown(false)).entry(&leaf, &[unknown(false)]);
    assert!(checked(&pki.authority, &[sign(&harmless, &pki)]).is_ok());
    for (list, said) in cases {
        let problem = problem(&pki.authority, sign(&list, &pki));
        assert!(problem.contains(said), "{said}: {problem}");
        assert!(problem.contains(pki.authority.certificate().common_name()), "{problem}");
    }
}

/// If a part of a list were not read, its revocations would be lost.
#[test]
fn a_truncated_changed_or_extended_list_is_refused_or_unverified() {
    let pki = TestPki::new();
    let leaf = pki.client();
    let list =
        ForgedList::of(&name_of(&pki.authority)).entry(&leaf, &[extension(21, false, &[10, 1, 1])]);
    let whole = sign(&list, &pki).to_vec();

    assert!(checked(&pki.authority, &[whole.clone().into()]).is_ok());
    for index in 0..whole.len() {
        let cut = whole[..index].to_vec();
        let mut changed = whole.clone();
        changed[index] ^= 0x41;
        for bad in [cut, changed] {
            // With another issuer name it belongs to another issuer.
            if let Ok(trust) = checked(&pki.authority, &[bad.into()]) {
                assert!(!trust.lists()[0].is_verified(), "{index}");
            }
        }
    }
    assert!(checked(&pki.authority, &[[whole, vec![0]].concat().into()]).is_err());
}

#[test]
fn a_root_signs_lists_only_if_its_key_usage_allows_it() {
    for (usages, expected) in [
        (&[KeyUsage::KeyCertSign, KeyUsage::CrlSign][..], true),
        (&[], true),
        (&[KeyUsage::KeyCertSign], false),
    ] {
        let pki = TestPki::of(&AuthorityRequest::default().key_usages(usages));
        let list = sign(&ForgedList::of(&name_of(&pki.authority)), &pki);

        let read = checked(&pki.authority, &[list]);

        assert_eq!(read.is_ok(), expected, "{usages:?}");
        if let Err(problems) = read {
            assert!(problems[0].to_string().ends_with("its key usage does not include cRLSign"));
        }
    }
}

#[test]
fn the_newer_of_two_lists_of_one_issuer_is_used_in_any_order() {
    let pki = TestPki::new();
    let (before, after) = (pki.client(), pki.client());
    let name = name_of(&pki.authority);
    let an_hour_ago = OffsetDateTime::now_utc() - Duration::HOUR;
    let v1 =
        |age: i64| ForgedList::of_version_1(&name).this_update(an_hour_ago - Duration::hours(age));
    let v2 = |number| ForgedList::of(&name).number(number).this_update(an_hour_ago);
    for (old, new) in [
        (v2(1), v2(2)),
        (v2(9), v2(10)),
        (v1(2), v1(1)),
        (v1(0), v2(1)),
        (v2(1), v2(2).this_update(an_hour_ago - Duration::DAY)),
        (v2(1).this_update(an_hour_ago - Duration::DAY), v2(1)),
    ] {
        let lists = [sign(&old.revoke(&before), &pki), sign(&new.revoke(&after), &pki)];
        let [old, new] = lists.clone();
        for lists in [[old.clone(), new.clone()], [new.clone(), old.clone()]] {
            let trust = checked(&pki.authority, &lists).unwrap();

            assert_eq!(code(&verify(&trust, &before)), None);
            assert_eq!(code(&verify(&trust, &after)), Some(Code::Revoked));
        }
        let of = |lists: &[List]| checked(&pki.authority, lists).unwrap();
        let (old, both, new) = (of(&lists[..1]), of(&lists), of(&lists[1..]));
        assert!(new.goes_back_behind(&old).is_empty());
        assert!(both.goes_back_behind(&new).is_empty());
        for newer in [&new, &both] {
            let back = old.goes_back_behind(newer);
            assert!(matches!(back.as_slice(), [BadTrust::ListOlder(_)]), "{back:?}");
        }
    }
}

#[test]
fn a_duplicate_list_counts_once() {
    let pki = TestPki::new();
    let bad = pki.client();
    let list = sign(&ForgedList::of(&name_of(&pki.authority)).revoke(&bad), &pki);

    let trust = checked(&pki.authority, &[list.clone(), list]).unwrap();

    assert_eq!(code(&verify(&trust, &pki.client())), None);
    assert_eq!(code(&verify(&trust, &bad)), Some(Code::Revoked));
}

/// An authority that got a new key, as an intermediate; with a list of each key.
#[test]
fn two_intermediates_with_one_name_have_separate_lists() {
    let pki = TestPki::new();
    let request = AuthorityRequest::intermediate().common_name("below");
    let below = [(), ()].map(|()| pki.authority.issue_intermediate(&request).unwrap());
    let issue = |authority: &Authority| authority.issue(&TestPki::for_client()).unwrap();
    let good = [issue(&below[0]), issue(&below[1])];
    let bad = [issue(&below[0]), issue(&below[1])];
    let with_key = |index: usize, of: &Authority| {
        let key = of.certificate().key_identifier();
        let identifier = element(0x30, &element(0x80, key));
        let list = ForgedList::of(&name_of(&below[index])).revoke(&bad[index]);
        list.extension(extension(35, false, &identifier)).sign(&below[index].key_pem())
    };
    let v1 = |index: usize| {
        let list = ForgedList::of_version_1(&name_of(&below[index])).revoke(&bad[index]);
        list.sign(&below[index].key_pem())
    };

    for lists in [
        [with_key(0, &below[0]), with_key(1, &below[1])],
        [with_key(1, &below[1]), with_key(0, &below[0])],
        // The identifier only determines which to try first.
        [with_key(0, &below[1]), with_key(1, &below[0])],
        [v1(0), v1(1)],
        [v1(1), with_key(0, &below[0])],
    ] {
        let trust = checked(&pki.authority, &lists).unwrap();

        for leaf in &good {
            assert_eq!(code(&verify(&trust, leaf)), None);
        }
        for leaf in &bad {
            assert_eq!(code(&verify(&trust, leaf)), Some(Code::Revoked));
        }
        let lost = checked(&pki.authority, &lists[..1]).unwrap().goes_back_behind(&trust);
        assert!(matches!(lost.as_slice(), [BadTrust::ListVanished(_)]), "{lost:?}");
    }
}

#[test]
fn the_newer_list_that_an_intermediate_signed_is_used() {
    let pki = TestPki::new();
    let request = AuthorityRequest::intermediate().common_name("below");
    let below = pki.authority.issue_intermediate(&request).unwrap();
    let eve = Authority::generate(&AuthorityRequest::default().subject_of(&below)).unwrap();
    let issue = || below.issue(&TestPki::for_client()).unwrap();
    let (before, after, unknown) = (issue(), issue(), issue());
    let list = |number, leaf: &Leaf| ForgedList::of(&name_of(&below)).number(number).revoke(leaf);
    let old = list(1, &before).sign(&below.key_pem());
    let new = list(2, &after).sign(&below.key_pem());
    let forged = list(3, &unknown).sign(&eve.key_pem());

    for lists in [[&old, &new, &forged], [&forged, &new, &old]] {
        let trust = checked(&pki.authority, &lists.map(Clone::clone)).unwrap();

        assert_eq!(code(&verify(&trust, &before)), None);
        assert_eq!(code(&verify(&trust, &after)), Some(Code::Revoked));
        assert_eq!(code(&verify(&trust, &unknown)), None);
    }
}

#[test]
fn an_intermediate_signs_lists_only_if_its_key_usage_allows_it() {
    let pki = TestPki::new();
    let with_usages = |usages| {
        let request = AuthorityRequest::intermediate().key_usages(usages);
        let below = pki.authority.issue_intermediate(&request).unwrap();
        let leaf = below.issue(&TestPki::for_client()).unwrap();
        let list = ForgedList::of(&name_of(&below)).sign(&below.key_pem());
        verify(&checked(&pki.authority, &[list]).unwrap(), &leaf)
    };

    let taken = with_usages(&[KeyUsage::KeyCertSign, KeyUsage::CrlSign]);
    let refused = with_usages(&[KeyUsage::KeyCertSign]).unwrap_err();

    assert_eq!(code(&taken), None);
    assert_eq!(refused.code, Code::RevocationUnknown);
    assert!(refused.sentence().ends_with("does not include cRLSign"), "{}", refused.sentence());
}

fn p521() -> Authority {
    let key = KeyPair::generate_for(&PKCS_ECDSA_P521_SHA512).unwrap();
    let mut parameters = CertificateParams::default();
    parameters.distinguished_name.push(DnType::CommonName, "P-521");
    parameters.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let root = parameters.self_signed(&key).unwrap();
    Authority::from_pem(&root.pem(), &key.serialize_pem()).unwrap()
}

fn sign(list: &ForgedList, pki: &TestPki) -> List {
    list.sign(&pki.authority.key_pem())
}

fn checked(root: &Authority, lists: &[List]) -> Result<Trust, Vec<BadTrust>> {
    let root = root.root().der().to_vec().into();
    Trust::new(vec![root], lists, Revocation::Checked, OffsetDateTime::now_utc())
}

/// The only problem of a list.
fn problem(root: &Authority, list: List) -> String {
    match checked(root, &[list])
        .map_err(|problems| problems.iter().map(BadTrust::to_string).collect::<Vec<_>>())
    {
        Err(problems) if problems.len() == 1 => problems.concat(),
        other => unreachable!("one problem was expected, and there is {other:?}"),
    }
}

fn code(verdict: &Result<VerifiedChain, Reason>) -> Option<Code> {
    verdict.as_ref().err().map(|reason| reason.code)
}
