//! A part of a certificate that cannot be decoded, or occurs twice, is never treated as absent:
//! the certificate is refused on both sides.

#![allow(clippy::unwrap_used, reason = "what fails in a helper fails the test")]

mod support;

use authority::AuthorityRequest;
use mtls::event::refusal::{Code, Reason};
use mtls::pki::certificate::Certificate;
use mtls::pki::role::Role;
use mtls::pki::trust::VerifiedChain;
use rustls::pki_types::CertificateDer;
use time::OffsetDateTime;
use x509_parser::extensions::GeneralName;
use x509_parser::prelude::{FromDer, X509Certificate};

use self::support::draft::{
    Draft, SUBJECT_ALT_NAME, element, general_names, name, sequence, utc_time,
};
use self::support::{ID, TestPki, chain, trust};

const OTHER_NAME: u8 = 0xa0;
const MAIL: u8 = 0x81;
const DNS: u8 = 0x82;
const X400: u8 = 0xa3;
const DIRECTORY: u8 = 0xa4;
const EDI: u8 = 0xa5;
const URI: u8 = 0x86;
const ADDRESS: u8 = 0x87;
const REGISTERED: u8 = 0x88;

/// A general name of each kind that can be decoded.
fn good_names() -> Vec<(u8, Vec<u8>)> {
    let other = [element(6, &[0x2a, 3]), element(0xa0, &element(12, b"upn"))].concat();
    vec![
        (OTHER_NAME, other),
        (MAIL, b"ops@example.com".to_vec()),
        (DNS, b"a.example.com".to_vec()),
        (DNS, b"*.example.com".to_vec()),
        (X400, element(0x30, &[])),
        (DIRECTORY, name(&[(3, 12, b"a")])),
        (DIRECTORY, name(&[])),
        (EDI, element(0xa1, &element(12, b"party"))),
        (ADDRESS, vec![127, 0, 0, 1]),
        (ADDRESS, vec![0; 16]),
        (REGISTERED, vec![0x2a, 3]),
    ]
}

/// General names that cannot be decoded.
fn bad_names() -> Vec<(u8, Vec<u8>)> {
    let ia5 = [
        &b"spiffe://mtls-demo.local/\xff"[..],
        b"caf\xc3\xa9.example.com",
        b"a.example.com\0.evil.com",
        b"\0",
        b"",
    ];
    let texts = [MAIL, DNS, URI].into_iter().flat_map(|tag| ia5.map(|text| (tag, text.to_vec())));
    let addresses = [0, 1, 3, 5, 8, 15, 17, 32].map(|length| (ADDRESS, vec![1; length]));
    let others = [
        (OTHER_NAME, vec![]),
        (OTHER_NAME, element(6, &[0x2a, 3])),
        (OTHER_NAME, [element(6, &[0x2a, 0x83]), element(0xa0, &[5, 0])].concat()),
        (X400, vec![0x30, 5]),
        (DIRECTORY, vec![]),
        (DIRECTORY, vec![0x30, 9]),
        (DIRECTORY, sequence(&[element(0x31, &[])])),
        (DIRECTORY, [name(&[]), vec![0]].concat()),
        (EDI, vec![0x80, 0x85]),
        (REGISTERED, vec![]),
        (REGISTERED, vec![0x2a, 0x83]),
        // Tags that no general name has, one of them of the wrong form.
        (0xa6, element(22, b"spiffe://a/b")),
        (0x89, vec![1]),
        (0x16, b"spiffe://a/b".to_vec()),
        (0x06, vec![0x2a, 3]),
    ];
    texts.chain(addresses).chain(others).collect()
}

const AUTHORITY_KEY_IDENTIFIER: &[u8] = &[0x55, 0x1d, 35];
const BASIC_CONSTRAINTS: &[u8] = &[0x55, 0x1d, 19];
const EXTENDED_KEY_USAGE: &[u8] = &[0x55, 0x1d, 37];
const KEY_USAGE: &[u8] = &[0x55, 0x1d, 15];
const NAME_CONSTRAINTS: &[u8] = &[0x55, 0x1d, 30];
const SUBJECT_KEY_IDENTIFIER: &[u8] = &[0x55, 0x1d, 14];

#[test]
fn names_of_every_kind_beside_a_spiffe_id_are_accepted() {
    let pki = TestPki::new();

    for name in good_names() {
        let presented = with_names(&pki, &[(URI, ID.into()), name.clone()]);

        for verdict in verdicts(&pki, &presented) {
            let verified = verdict.unwrap_or_else(|reason| panic!("{name:?}: {reason}"));
            assert_eq!(verified.certificate.spiffe_id.unwrap().as_str(), ID);
        }
    }
}

#[test]
fn a_name_that_cannot_be_decoded_is_refused_on_both_sides() {
    let pki = TestPki::new();
    let id = (URI, ID.as_bytes().to_vec());

    for bad in bad_names() {
        for (position, names) in [(1, [bad.clone(), id.clone()]), (2, [id.clone(), bad.clone()])] {
            let presented = with_names(&pki, &names);

            for verdict in verdicts(&pki, &presented) {
                let reason = verdict.expect_err(&format!("{bad:?}"));
                let said = format!(
                    "the certificate could not be read: \
                     name {position} of its subjectAltName cannot be decoded"
                );
                assert_eq!(reason.code, Code::BadEncoding, "{bad:?}");
                assert_eq!(reason.sentence(), said);
                assert_eq!(reason.certificate.unwrap().spiffe_id, None);
            }
        }
    }
}

#[test]
fn an_intermediate_whose_names_cannot_be_decoded_is_refused() {
    let pki = TestPki::new();
    let below = pki.authority.issue_intermediate(&AuthorityRequest::intermediate()).unwrap();
    let leaf = chain(&below.issue(&TestPki::for_client()).unwrap()).remove(0);
    let trust = trust(&[&pki.authority]);
    let verified = |names: &[(u8, &[u8])]| {
        let intermediate = Draft::of(below.certificate().der());
        let intermediate = intermediate.with(SUBJECT_ALT_NAME, &general_names(names));
        let presented = [leaf.clone(), intermediate.signed_by(&pki.authority)];
        trust.verify(&presented, Role::Client, OffsetDateTime::now_utc())
    };

    assert!(verified(&[(DNS, b"below.example.com")]).is_ok());
    let reason = verified(&[(DNS, b"below.example.com\0")]).unwrap_err();
    assert_eq!(reason.code, Code::BadEncoding);
    let blamed = reason.certificate.unwrap().fingerprint256.clone();
    assert_ne!(blamed, Certificate::read(&leaf).unwrap().fingerprint256);
}

#[test]
fn a_subject_alt_name_without_a_name_is_refused() {
    let pki = TestPki::new();

    for verdict in verdicts(&pki, &with_names(&pki, &[])) {
        let reason = verdict.unwrap_err();
        assert_eq!(reason.code, Code::BadEncoding);
        let said = "the certificate could not be read: its subjectAltName is empty";
        assert_eq!(reason.sentence(), said);
    }
}

#[test]
fn an_extension_that_occurs_twice_is_refused_whatever_it_is() {
    let pki = TestPki::new();
    let unknown: &[u8] = &[0x2b, 6, 1, 4, 1, 0x83, 0xe9, 0x1f, 1];
    let values = [
        (AUTHORITY_KEY_IDENTIFIER, sequence(&[])),
        (BASIC_CONSTRAINTS, sequence(&[])),
        (EXTENDED_KEY_USAGE, purposes()),
        (KEY_USAGE, element(3, &[7, 0x80])),
        (NAME_CONSTRAINTS, sequence(&[])),
        (SUBJECT_ALT_NAME, general_names(&[(URI, ID.as_bytes())])),
        (SUBJECT_KEY_IDENTIFIER, element(4, &[1, 2, 3])),
        (unknown, vec![5, 0]),
    ];

    for (identifier, value) in values {
        let draft = good(&pki).without(NAME_CONSTRAINTS);
        let once = draft.clone().replacing(identifier, &value);
        let twice = once.clone().with(identifier, &value);

        if identifier != NAME_CONSTRAINTS {
            for verdict in verdicts(&pki, &once.signed_by(&pki.authority)) {
                assert!(verdict.is_ok(), "{identifier:?}: {}", verdict.unwrap_err());
            }
        }
        for verdict in verdicts(&pki, &twice.signed_by(&pki.authority)) {
            let reason = verdict.unwrap_err();
            assert_eq!(reason.code, Code::BadEncoding, "{identifier:?}");
            assert!(reason.sentence().ends_with("twice"), "{}", reason.sentence());
        }
    }
}

#[test]
fn an_extension_that_cannot_be_decoded_is_never_treated_as_absent() {
    let pki = TestPki::new();
    let key_identifier = element(0x80, &[1; 20]);
    let undecodable: [(&[u8], Vec<Vec<u8>>); 6] = [
        (
            AUTHORITY_KEY_IDENTIFIER,
            vec![
                vec![],
                vec![0x30, 5],
                element(4, &[1; 20]),
                sequence(&[element(4, &[1; 20])]),
                sequence(&[key_identifier.clone(), key_identifier.clone()]),
                sequence(&[element(0x82, &[1]), key_identifier]),
                [sequence(&[]), vec![0]].concat(),
            ],
        ),
        (
            BASIC_CONSTRAINTS,
            vec![
                vec![],
                element(1, &[0xff]),
                sequence(&[element(1, &[1])]),
                sequence(&[element(1, &[])]),
                sequence(&[element(2, &[0xff])]),
                sequence(&[element(2, &[0, 0])]),
                sequence(&[element(1, &[0]), element(1, &[0])]),
                [sequence(&[]), vec![0]].concat(),
            ],
        ),
        (
            EXTENDED_KEY_USAGE,
            vec![
                vec![],
                element(6, &[0x55, 0x1d, 37, 0]),
                sequence(&[element(4, &[1])]),
                [purposes(), vec![0]].concat(),
            ],
        ),
        (
            KEY_USAGE,
            vec![
                vec![],
                element(3, &[]),
                element(3, &[0]),
                element(3, &[7, 0]),
                element(3, &[8, 0x80]),
                element(3, &[7, 0xc0]),
                element(3, &[0, 0x80, 0, 0]),
                element(4, &[7, 0x80]),
                [element(3, &[7, 0x80]), vec![0]].concat(),
            ],
        ),
        (
            SUBJECT_ALT_NAME,
            vec![
                vec![],
                element(0x86, ID.as_bytes()),
                element(0x31, &element(0x86, ID.as_bytes())),
                sequence(&[vec![0x86, 0x7f]]),
                [general_names(&[(URI, ID.as_bytes())]), vec![0]].concat(),
            ],
        ),
        (
            SUBJECT_KEY_IDENTIFIER,
            vec![vec![], vec![1; 20], element(3, &[0, 1]), [element(4, &[1]), vec![0]].concat()],
        ),
    ];

    for verdict in verdicts(&pki, &good(&pki).signed_by(&pki.authority)) {
        assert!(verdict.is_ok());
    }
    for (identifier, values) in undecodable {
        for value in values {
            let presented = good(&pki).replacing(identifier, &value).signed_by(&pki.authority);

            for verdict in verdicts(&pki, &presented) {
                let code = verdict.err().map(|reason| reason.code);
                assert_eq!(code, Some(Code::BadEncoding), "{identifier:?} {value:?}");
            }
        }
    }
}

/// Changes each octet of a subjectAltName to each value: every accepted one is read as
/// x509-parser reads it, with nothing omitted.
#[test]
fn no_change_to_a_name_hides_it() {
    let names = general_names(&[(URI, b"spiffe://a/b"), (DNS, b"a"), (ADDRESS, &[1, 2, 3, 4])]);
    let pki = TestPki::new();
    let der = good(&pki).replacing(SUBJECT_ALT_NAME, &names).forged().to_vec();
    let start = der.windows(names.len()).position(|part| part == names).unwrap();

    for (at, value) in (start..start + names.len()).flat_map(|at| (0..=255).map(move |v| (at, v))) {
        let mut changed = der.clone();
        changed[at] = value;

        let Ok(read) = Certificate::read(&changed.as_slice().into()) else {
            continue;
        };
        let (_, parsed) = X509Certificate::from_der(&changed).unwrap();
        let names = &parsed.subject_alternative_name().unwrap().unwrap().value.general_names;
        let uris = names.iter().filter_map(|name| match name {
            GeneralName::URI(uri) => Some(*uri),
            GeneralName::Invalid(..) => panic!("{at} {value}: {name:?}"),
            _ => None,
        });
        assert!(uris.eq(read.subject_alt_names.uri.iter().map(String::as_str)), "{at} {value}");
    }
}

#[test]
fn an_empty_extended_key_usage_is_reported_as_such() {
    let pki = TestPki::new();
    let empty = good(&pki).replacing(EXTENDED_KEY_USAGE, &sequence(&[]));

    let [client, server] = verdicts(&pki, &empty.signed_by(&pki.authority));

    let said = |purpose| {
        format!(
            "the certificate was not issued for this purpose: \
             its extended key usage is empty, and {purpose} is needed"
        )
    };
    assert_eq!(client.unwrap_err().sentence(), said("clientAuth"));
    assert_eq!(server.unwrap_err().sentence(), said("serverAuth"));
}

#[test]
fn a_certificate_from_before_1970_is_refused_with_that_reason() {
    let pki = TestPki::new();
    let beginning = |year: &str| {
        let dates = [utc_time(&format!("{year}0101000000Z")), utc_time("490101000000Z")];
        let draft = Draft { validity: sequence(&dates), ..good(&pki) };
        verdicts(&pki, &draft.signed_by(&pki.authority))
    };

    assert!(beginning("70").into_iter().all(|verdict| verdict.is_ok()));
    for verdict in beginning("69") {
        let reason = verdict.unwrap_err();
        assert_eq!(reason.code, Code::BadEncoding);
        let said = "the certificate could not be read: client-service begins at \
                    1969-01-01T00:00:00Z, and dates before 1970 are not supported";
        assert_eq!(reason.sentence(), said);
    }
}

/// The good client's certificate, also usable as a server.
fn good(pki: &TestPki) -> Draft {
    Draft::client(pki).replacing(EXTENDED_KEY_USAGE, &purposes())
}

fn purposes() -> Vec<u8> {
    let purpose = |number| element(6, &[0x2b, 6, 1, 5, 5, 7, 3, number]);
    sequence(&[purpose(1), purpose(2)])
}

fn with_names(pki: &TestPki, names: &[(u8, Vec<u8>)]) -> CertificateDer<'static> {
    let names: Vec<_> = names.iter().map(|(tag, name)| (*tag, name.as_slice())).collect();
    let draft = good(pki).replacing(SUBJECT_ALT_NAME, &general_names(&names));
    draft.signed_by(&pki.authority)
}

/// As a client, and as a server.
fn verdicts(pki: &TestPki, leaf: &CertificateDer<'static>) -> [Result<VerifiedChain, Reason>; 2] {
    let trust = trust(&[&pki.authority]);
    let presented = std::slice::from_ref(leaf);
    [Role::Client, Role::Server]
        .map(|role| trust.verify(presented, role, OffsetDateTime::now_utc()))
}
