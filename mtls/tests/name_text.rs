//! Names in other encodings than UTF8String: which of them are text (RFC 4514, section 2.4), in
//! what is shown of a certificate and for a policy.

#![allow(clippy::unwrap_used, reason = "what fails in a helper fails the test")]

mod support;

use std::fmt::Write;
use std::sync::LazyLock;

use mtls::pki::certificate::Certificate;
use mtls::pki::role::Role;
use mtls::policy::{Attribute, Condition, InvalidCondition};
use proptest::prelude::*;
use serde_json::json;
use time::OffsetDateTime;

use self::support::draft::{Draft, element, name};
use self::support::{TestPki, trust};

const UTF8: u8 = 12;
const NUMERIC: u8 = 18;
const PRINTABLE: u8 = 19;
const TELETEX: u8 = 20;
const IA5: u8 = 22;
const VISIBLE: u8 = 26;
const UNIVERSAL: u8 = 28;
const BMP: u8 = 30;

const COMMON_NAME: u8 = 3;
const ORGANIZATION: u8 = 10;
const ORGANIZATIONAL_UNIT: u8 = 11;

/// The attributes that a condition can match, with their arcs below 2.5.4.
const ATTRIBUTES: [(Attribute, u8); 3] = [
    (Attribute::CommonName, COMMON_NAME),
    (Attribute::Organization, ORGANIZATION),
    (Attribute::OrganizationalUnit, ORGANIZATIONAL_UNIT),
];

/// A text in each encoding that can represent it.
fn encodings(text: &str) -> Vec<(u8, Vec<u8>)> {
    let universal = text.chars().flat_map(|one| u32::from(one).to_be_bytes()).collect();
    let mut all = vec![(UTF8, text.as_bytes().to_vec()), (UNIVERSAL, universal)];
    if text.chars().all(|one| u32::from(one) <= 0xffff) {
        all.push((BMP, text.encode_utf16().flat_map(u16::to_be_bytes).collect()));
    }
    if text.is_ascii() {
        all.extend([PRINTABLE, TELETEX, IA5, VISIBLE].map(|tag| (tag, text.as_bytes().to_vec())));
    }
    all
}

/// Values that are not text.
fn no_texts() -> Vec<(u8, Vec<u8>)> {
    let lone_surrogate = vec![0, b'a', 0xd8, 0x3d];
    vec![
        // Not ASCII: as Latin-1, as UTF-8, and after a change of the character set, which needs
        // no octet beyond ASCII (ISO 2022: an escape, or a shift).
        (TELETEX, b"J\xfcrgen".to_vec()),
        (TELETEX, "Jürgen".as_bytes().to_vec()),
        (TELETEX, b"\x1b\x2d\x41admin\xff".to_vec()),
        (TELETEX, b"\x1b\x24\x42admin".to_vec()),
        (TELETEX, b"\x0eadmin\x0f".to_vec()),
        (TELETEX, b"admin\0".to_vec()),
        (PRINTABLE, b"admin\xff".to_vec()),
        (NUMERIC, b"1\xb2".to_vec()),
        (IA5, "Jürgen".as_bytes().to_vec()),
        (VISIBLE, b"\x80".to_vec()),
        (UTF8, b"J\xfcrgen".to_vec()),
        // Half a character, and no character.
        (BMP, b"\0a\0".to_vec()),
        (BMP, lone_surrogate.clone()),
        (BMP, [&lone_surrogate[..], &[0xde, 0x00]].concat()),
        (UNIVERSAL, b"\0\0\0a\0\0".to_vec()),
        (UNIVERSAL, b"\0\0\0a\0\0\xd8\0".to_vec()),
        (UNIVERSAL, b"\0\x11\0\0".to_vec()),
        // Types that are not character strings here: INTEGER, OCTET STRING, GraphicString.
        (2, vec![7]),
        (4, b"admin".to_vec()),
        (25, b"admin".to_vec()),
    ]
}

#[test]
fn a_bmp_or_universal_name_is_text_in_a_verified_certificate() {
    let pki = TestPki::new();
    let trust = trust(&[&pki.authority]);
    for text in ["client-service", "Jürgen 東京", "a,b+c"] {
        for (tag, value) in encodings(text) {
            let subject = name(&[(ORGANIZATION, tag, &value), (COMMON_NAME, tag, &value)]);
            let leaf = Draft { subject, ..Draft::client(&pki) }.signed_by(&pki.authority);

            let verified = trust.verify(&[leaf], Role::Client, OffsetDateTime::now_utc());

            let certificate = verified.unwrap().certificate;
            assert_eq!(certificate.subject.common_name(), Some(text), "tag {tag}");
            let shown = serde_json::to_value(&certificate.subject).unwrap();
            assert_eq!(shown, json!({"O": text, "CN": text}), "tag {tag}");
        }
    }
}

proptest! {
    /// Letters, digits, symbols and what RFC 4514 escapes, of the basic plane and beyond it.
    #[test]
    fn a_name_is_the_same_text_in_every_encoding(
        text in "[a-zA-Z0-9 ,+\"\\\\<>;=äßжשע東京€😀🜁.#-]{1,12}"
    ) {
            let first = named(UTF8, text.as_bytes());
        let mut encoded = encodings(&text);
        if text.bytes().all(|byte| byte.is_ascii_digit() || byte == b' ') {
            encoded.push((NUMERIC, text.as_bytes().to_vec()));
        }

        for (tag, value) in encoded {
            let certificate = named(tag, &value);

            prop_assert_eq!(&certificate.subject, &first.subject, "tag {}", tag);
            prop_assert_eq!(&certificate.issuer, &first.issuer, "tag {}", tag);
            prop_assert_eq!(certificate.subject.common_name(), Some(text.as_str()));
            prop_assert_eq!(&certificate.chain, &[first.subject.to_string()]);
            for (attribute, _) in ATTRIBUTES {
                match Condition::new(attribute, &text) {
                    Ok(condition) => prop_assert!(condition.holds_for(&certificate), "tag {tag}"),
                    Err(problem) => {
                        prop_assert!(text.starts_with('#'), "{problem}");
                        prop_assert_eq!(problem, InvalidCondition::Hexadecimal(text.clone()));
                    }
                }
            }
            if let Ok(condition) = Condition::new(Attribute::Issuer, &first.issuer.to_string()) {
                prop_assert!(condition.holds_for(&certificate), "tag {tag}");
            } else {
                let odd = ["#", " = "].iter().any(|odd| text.contains(odd));
                prop_assert!(odd, "an issuer that no policy can name: {text:?}");
            }
        }
    }
}

#[test]
fn a_value_that_is_not_text_is_hexadecimal_and_matches_no_policy() {
    for (tag, value) in no_texts() {
        let certificate = named(tag, &value);
        let hexadecimal = hexadecimal(tag, &value);
        let whole = format!("OU={hexadecimal},O={hexadecimal},CN={hexadecimal}");

        assert_eq!(certificate.subject.to_string(), whole);
        let shown = json!({"CN": hexadecimal, "O": hexadecimal, "OU": hexadecimal});
        assert_eq!(serde_json::to_value(&certificate.subject).unwrap(), shown);
        let latin_1: String = value.iter().map(|byte| char::from(*byte)).collect();
        let visible = value.iter().filter(|byte| byte.is_ascii_graphic());
        let readings = [
            visible.map(|byte| char::from(*byte)).collect(),
            hexadecimal.clone(),
            hexadecimal.to_uppercase(),
            hexadecimal[1..].to_owned(),
            latin_1,
            String::from_utf8_lossy(&value).into_owned(),
        ];
        for reading in &readings {
            for (attribute, _) in ATTRIBUTES {
                assert!(!holds(attribute, reading, &certificate), "{attribute} = {reading:?}");
            }
            for issuer in
                [format!("OU={reading},O={reading},CN={reading}"), format!("CN={reading}")]
            {
                assert!(!holds(Attribute::Issuer, &issuer, &certificate), "{issuer:?}");
            }
        }
        for (attribute, _) in ATTRIBUTES {
            let written = Condition::new(attribute, &hexadecimal);
            assert_eq!(written, Err(InvalidCondition::Hexadecimal(hexadecimal.clone())));
        }
        assert_eq!(
            Condition::new(Attribute::Issuer, &whole),
            Err(InvalidCondition::Hexadecimal(whole))
        );
    }
}

#[test]
fn a_text_that_looks_like_hexadecimal_differs_from_that_value_and_matches_no_policy() {
    let bytes = named(TELETEX, b"J\xfcrgen");
    let hexadecimal = hexadecimal(TELETEX, b"J\xfcrgen");
    for (tag, value) in encodings(&hexadecimal) {
        let text = named(tag, &value);

        let written = format!("OU=\\{hexadecimal},O=\\{hexadecimal},CN=\\{hexadecimal}");
        assert_eq!(text.subject.to_string(), written);
        assert_ne!(text.subject, bytes.subject);
        for (attribute, _) in ATTRIBUTES {
            for value in [&hexadecimal, &format!("\\{hexadecimal}")] {
                assert!(!holds(attribute, value, &text), "{attribute} = {value}");
            }
        }
        for issuer in [written.replace('\\', ""), written] {
            assert!(!holds(Attribute::Issuer, &issuer, &text), "{issuer}");
        }
    }
}

/// A certificate whose subject and issuer have this value as each attribute of a policy.
fn named(tag: u8, value: &[u8]) -> Certificate {
    static CLIENT: LazyLock<Draft> = LazyLock::new(|| Draft::client(&TestPki::new()));
    let own = name(&ATTRIBUTES.map(|(_, arc)| (arc, tag, value)));
    let draft = Draft { issuer: own.clone(), subject: own, ..CLIENT.clone() };
    Certificate::read(&draft.forged()).unwrap()
}

fn holds(attribute: Attribute, value: &str, certificate: &Certificate) -> bool {
    Condition::new(attribute, value).is_ok_and(|condition| condition.holds_for(certificate))
}

/// `#` and the DER of a value.
fn hexadecimal(tag: u8, value: &[u8]) -> String {
    element(tag, value).iter().fold("#".to_owned(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}
