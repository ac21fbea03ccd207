//! What is reported when name constraints refuse a chain: a name that violates one, or one of a
//! kind that is not supported. Both are refused.

#![allow(clippy::unwrap_used, reason = "what fails in a helper fails the test")]

mod support;

use authority::{Authority, AuthorityRequest, LeafRequest};
use mtls::event::refusal::{Code, Reason};
use mtls::pki::trust::Trust;

use self::support::forge::element;
use self::support::{TestPki, trust, verify};

/// Context-specific tags of a `GeneralName`.
const EMAIL: u8 = 0x81;
const DNS: u8 = 0x82;
const DIRECTORY: u8 = 0xa4;
const URI: u8 = 0x86;
const IP: u8 = 0x87;

const PERMITTED: u8 = 0xa0;
const EXCLUDED: u8 = 0xa1;

#[test]
fn a_constraint_of_an_unsupported_kind_is_reported_whether_the_name_matches_or_not() {
    let directory = element(0x30, &element(0x31, &element(0x30, &[6, 3, 0x55, 4, 3, 12, 1, b'a'])));
    let spiffe = "spiffe://example.org/a";
    for (subtrees, tag, value, leaf, said) in [
        (
            PERMITTED,
            URI,
            &b"example.org"[..],
            leaf().uri(spiffe),
            "permits the URI \"example.org\"",
        ),
        (PERMITTED, URI, b"example.com", leaf().uri(spiffe), "permits the URI \"example.com\""),
        (EXCLUDED, URI, b"example.com", leaf().uri(spiffe), "excludes the URI \"example.com\""),
        (
            PERMITTED,
            EMAIL,
            b"example.org",
            leaf().email("a@example.org"),
            "permits the email address \"example.org\"",
        ),
        (PERMITTED, DIRECTORY, &directory, leaf(), "permits the directory name \"CN=a\""),
        (EXCLUDED, DIRECTORY, &directory, leaf(), "excludes the directory name \"CN=a\""),
    ] {
        for bearer in ["root", "below"] {
            let (trust, issuer) = constrained(bearer, &constraint(subtrees, tag, value));

            let refused = refused(&trust, &issuer, &leaf);

            let sentence = refused.sentence();
            assert_eq!(refused.code, Code::NameConstraint, "{sentence}");
            let said =
                format!("O=mtls-demo,CN={bearer} {said}, and constraints of that kind are not");
            assert!(sentence.contains(&said), "{said}: {sentence}");
            assert!(!sentence.contains("outside"), "{sentence}");
            assert_eq!(refused.certificate.unwrap().subject.common_name(), Some(bearer));
        }
    }
}

#[test]
fn a_name_that_violates_a_constraint_is_reported_with_both() {
    let uri = constraint(PERMITTED, URI, b"example.org");
    let address = [10, 0, 0, 0, 255, 0, 0, 0];
    for (constraints, leaf, said) in [
        (
            constraint(PERMITTED, DNS, b"example.org"),
            leaf().dns("a.example.com"),
            "the DNS name \"a.example.com\" is outside of what O=mtls-demo,CN=BEARER permits: \
             the DNS name \"example.org\"",
        ),
        (
            constraint(EXCLUDED, DNS, b"example.org"),
            leaf().dns("a.example.org"),
            "the DNS name \"a.example.org\" is excluded by O=mtls-demo,CN=BEARER with the DNS \
             name \"example.org\"",
        ),
        (
            constraint(PERMITTED, IP, &address),
            leaf().ip([11, 0, 0, 1]),
            "the IP address 11.0.0.1 is outside of what O=mtls-demo,CN=BEARER permits: the IP \
             address 10.0.0.0/8",
        ),
        (
            constraint(EXCLUDED, IP, &address),
            leaf().ip([10, 0, 0, 1]),
            "the IP address 10.0.0.1 is excluded by O=mtls-demo,CN=BEARER with the IP address \
             10.0.0.0/8",
        ),
        // A name that violates a constraint is reported before one that cannot be checked.
        (
            [uri, constraint(EXCLUDED, DNS, b"example.org")].concat(),
            leaf().uri("spiffe://example.org/a").dns("a.example.org"),
            "the DNS name \"a.example.org\" is excluded by",
        ),
    ] {
        for bearer in ["root", "below"] {
            let (trust, issuer) = constrained(bearer, &constraints);

            let refused = refused(&trust, &issuer, &leaf);

            let sentence = refused.sentence();
            assert_eq!(refused.code, Code::NameConstraint, "{sentence}");
            let said = said.replace("BEARER", bearer);
            assert!(sentence.contains(&said), "{said}: {sentence}");
            assert!(!sentence.contains("not supported"), "{sentence}");
            assert_eq!(refused.certificate.unwrap().subject.common_name(), Some("leaf"));
        }
    }
}

#[test]
fn an_unsupported_constraint_does_not_apply_to_names_of_other_kinds() {
    for bearer in ["root", "below"] {
        let (trust, issuer) = constrained(bearer, &constraint(PERMITTED, URI, b"example.org"));

        let leaf = issuer.issue(&leaf().dns("example.com")).unwrap();

        assert!(verify(&trust, &leaf).is_ok());
    }
}

fn leaf() -> LeafRequest {
    LeafRequest::new("leaf")
}

/// One subtree, permitted or excluded.
fn constraint(subtrees: u8, tag: u8, value: &[u8]) -> Vec<u8> {
    element(subtrees, &element(0x30, &element(tag, value)))
}

/// A root and an intermediate below it, one of which has these constraints.
fn constrained(bearer: &str, constraints: &[u8]) -> (Trust, Authority) {
    let request = |name: &str| {
        let request = AuthorityRequest::default().any_path_length().common_name(name);
        match name == bearer {
            true => request.extension(&[2, 5, 29, 30], true, &element(0x30, constraints)),
            false => request,
        }
    };
    let pki = TestPki::of(&request("root"));
    let below = pki.authority.issue_intermediate(&request("below")).unwrap();
    (trust(&[&pki.authority]), below)
}

fn refused(trust: &Trust, issuer: &Authority, leaf: &LeafRequest) -> Reason {
    verify(trust, &issuer.issue(leaf).unwrap()).unwrap_err()
}
