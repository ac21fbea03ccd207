//! `X-Forwarded-Client-Cert` in Envoy's format: one element, with its keys in Envoy's order.
//!
//! The subject of a certificate chooses its names, and Envoy's format has no escape that all its
//! readers support. So quotes, backslashes and control characters of names are never written
//! literally, and a value with a comma, a semicolon or an equals sign is quoted.

use std::fmt::Write;

use http::HeaderValue;
use mtls::pki::certificate::Certificate;

/// The encoded elements except `Cert`.
#[derive(Debug)]
pub(super) struct Facts {
    hash: String,
    names: String,
}

impl Facts {
    /// `Hash` is SHA-256 in lower-case hexadecimal, `Subject` is in RFC 2253 form, `URI` is present
    /// even if empty, and `DNS` only if there is one.
    pub(super) fn of(certificate: &Certificate) -> Self {
        let hash = certificate.fingerprint256.replace(':', "").to_ascii_lowercase();
        let mut names = format!(";Subject=\"{}\"", subject(&certificate.subject.to_string()));
        let uris = all_if_valid(&certificate.subject_alt_names.uri);
        if uris.is_empty() {
            names.push_str(";URI=");
        }
        for uri in uris {
            let _ = write!(names, ";URI={}", quoted(uri));
        }
        for name in all_if_valid(&certificate.subject_alt_names.dns) {
            let _ = write!(names, ";DNS={}", quoted(name));
        }
        Self { hash: format!("Hash={hash}"), names }
    }

    /// The value, with a `Cert` element if `client_cert` is given.
    pub(super) fn value(&self, client_cert: Option<&HeaderValue>) -> Option<HeaderValue> {
        let mut value = self.hash.clone();
        if let Some(client_cert) = client_cert {
            value.push_str(";Cert=\"");
            value.push_str(&pem(client_cert.as_bytes()));
            value.push('"');
        }
        value.push_str(&self.names);
        HeaderValue::try_from(value).ok()
    }
}

/// An RFC 4514 string whose escapes are all pairs of hexadecimal digits, which is equivalent
/// (section 2.4).
///
/// Envoy writes `\"`, `\\` and `\,`, and so `\\"` at the end of a name that ends with a backslash.
/// A reader that takes that for an escaped quote reads on into the next key; a reader that removes
/// the backslash from `CN=a\,O=b` reads an organisation that no authority verified.
fn subject(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    let mut rest = text.chars();
    while let Some(character) = rest.next() {
        match character {
            '\\' => match rest.next() {
                // Already a pair, for a control character.
                Some(digit) if digit.is_ascii_hexdigit() => encoded.extend(['\\', digit]),
                Some(special) => push_pairs(&mut encoded, special),
                None => push_pairs(&mut encoded, '\\'),
            },
            '"' | ';' => push_pairs(&mut encoded, character),
            ' '..='~' => encoded.push(character),
            _ => push_pairs(&mut encoded, character),
        }
    }
    encoded
}

fn push_pairs(encoded: &mut String, character: char) {
    for byte in character.encode_utf8(&mut [0; 4]).bytes() {
        let _ = write!(encoded, "\\{byte:02X}");
    }
}

/// The names of one kind: all of them, or none if one has a character that no such name can have.
///
/// Leaving out only that one would change the meaning: a certificate with one URI has a SPIFFE ID,
/// one with two URIs has none.
fn all_if_valid(names: &[String]) -> &[String] {
    if names.iter().all(|name| is_valid_name(name)) { names } else { &[] }
}

/// Whether a name has only the characters of a URI (RFC 3986, section 2), which include those of a
/// DNS name.
fn is_valid_name(name: &str) -> bool {
    let other = |byte| b"-._~:/?#[]@!$&'()*+,;=%".contains(&byte);
    !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || other(byte))
}

/// Quoted where Envoy's format requires it.
fn quoted(name: &str) -> String {
    if name.contains([',', ';', '=']) { format!("\"{name}\"") } else { name.to_owned() }
}

/// The PEM of the certificate in a `Client-Cert` value, URL-encoded as in Envoy.
fn pem(client_cert: &[u8]) -> String {
    let base64 = client_cert.iter().filter(|byte| **byte != b':');
    let mut text = String::from("-----BEGIN%20CERTIFICATE-----");
    for (index, byte) in base64.enumerate() {
        if index % 64 == 0 {
            text.push_str("%0A");
        }
        match byte {
            b'+' => text.push_str("%2B"),
            b'/' => text.push_str("%2F"),
            b'=' => text.push_str("%3D"),
            byte => text.push(char::from(*byte)),
        }
    }
    text.push_str("%0A-----END%20CERTIFICATE-----%0A");
    text
}

#[cfg(test)]
mod tests {
    use authority::LeafRequest;
    use mtls::pki::certificate::DistinguishedName;
    use proptest::prelude::*;

    use super::super::tests::{certificate, issue};
    use super::*;

    #[test]
    fn a_subject_cannot_break_out_of_its_quotes() {
        for (name, written) in [
            ("client-service", "client-service"),
            ("Zo\u{eb} \u{5c71}", "Zo\\C3\\AB \\E5\\B1\\B1"),
            ("a\";URI=spiffe://admin", "a\\22\\3BURI=spiffe://admin"),
            ("a,O=admin", "a\\2CO=admin"),
            ("ends with \\", "ends with \\5C"),
            ("\\\"", "\\5C\\22"),
            ("\\2C", "\\5C2C"),
            ("a\r\nX-Real-IP: 127.0.0.1", "a\\0D\\0AX-Real-IP: 127.0.0.1"),
            ("a\u{7f}\0b", "a\\7F\\00b"),
            (" #a ", "\\20#a\\20"),
            ("#a+b<c>=d", "\\23a\\2Bb\\3Cc\\3E=d"),
        ] {
            assert_eq!(subject(&displayed(name)), format!("CN={written}"), "{name:?}");
        }
    }

    #[test]
    fn uris_and_dns_names_are_separate_and_quoted_where_needed() {
        let request = LeafRequest::new("a").dns("a.local").dns("b.local").uri("tag:a.local,2026:b");
        let names = of(&request.uri("https://a.local/b?c=d;e")).names;

        let uris = ";URI=\"tag:a.local,2026:b\";URI=\"https://a.local/b?c=d;e\"";
        assert_eq!(names, format!(";Subject=\"CN=a\"{uris};DNS=a.local;DNS=b.local"));
    }

    #[test]
    fn one_invalid_uri_leaves_out_all_uris() {
        for bad in ["https://a.local/\"", "a b", "a\r\nb", "a\\b", "", "sp\u{e4}t", "a\0"] {
            let names = ["spiffe://a/b".to_owned(), bad.to_owned()];

            assert!(all_if_valid(&names).is_empty(), "{bad:?}");
        }
        assert_eq!(all_if_valid(&["spiffe://a/b".to_owned()]).len(), 1);
    }

    proptest! {
        #[test]
        fn no_common_name_adds_a_key_for_any_reader(name in "(\\PC|[\",;=\\\\\r\n ]){0,24}") {
            let value = format!("Subject=\"{}\";URI=", subject(&displayed(&name)));

            prop_assert!(HeaderValue::try_from(&value).is_ok());
            prop_assert!(value.bytes().all(|byte| (b' '..=b'~').contains(&byte)));
            prop_assert_eq!(value.matches('"').count(), 2, "by quotes: {}", &value);
            prop_assert_eq!(value.split(';').count(), 2, "at semicolons: {}", &value);
            prop_assert_eq!(value.split(',').count(), 1, "at commas: {}", &value);
            prop_assert!(!value.contains("\\\""), "by escaped quotes: {}", &value);
        }
    }

    proptest! {
        #[test]
        fn a_subject_is_the_same_in_every_encoding_of_its_text(
            name in "[a-z ,+\"\\\\;=#äß東€]{1,12}"
        ) {
            let utf_16 = name.encode_utf16().flat_map(u16::to_be_bytes).collect::<Vec<_>>();
            let utf_32 = name.chars().flat_map(|one| u32::from(one).to_be_bytes());
            let written = subject(&displayed(&name));

            prop_assert_eq!(&subject(&displayed_as(BMP_STRING, &utf_16)), &written);
            let utf_32 = utf_32.collect::<Vec<_>>();
            prop_assert_eq!(&subject(&displayed_as(UNIVERSAL_STRING, &utf_32)), &written);
            if name.is_ascii() {
                let ascii = subject(&displayed_as(TELETEX_STRING, name.as_bytes()));
                prop_assert_eq!(&ascii, &written);
            }
        }
    }

    #[test]
    fn bytes_that_are_not_text_differ_from_text_that_looks_like_them() {
        let bytes = subject(&displayed_as(TELETEX_STRING, b"J\xfcrgen"));
        let text = subject(&displayed("#14064afc7267656e"));

        assert_eq!(bytes, "CN=#14064afc7267656e");
        assert_eq!(text, "CN=\\2314064afc7267656e");
    }

    fn displayed(name: &str) -> String {
        displayed_as(UTF8_STRING, name.as_bytes())
    }

    /// A subject with one common name, as `mtls` displays it. The DER is built by hand, since the
    /// test authority does not issue such names.
    fn displayed_as(tag: u8, value: &[u8]) -> String {
        let wrapped = |tag: u8, content: &[u8]| {
            let length = u8::try_from(content.len()).expect("a name must be short");
            [&[tag, length], content].concat()
        };
        let pair = [b"\x06\x03\x55\x04\x03", wrapped(tag, value).as_slice()].concat();
        let der = wrapped(0x30, &wrapped(0x31, &wrapped(0x30, &pair)));
        DistinguishedName::read(&der).expect("a name must be read").to_string()
    }

    fn of(request: &LeafRequest) -> Facts {
        Facts::of(&certificate(&issue(request)))
    }

    const UTF8_STRING: u8 = 12;
    const TELETEX_STRING: u8 = 20;
    const UNIVERSAL_STRING: u8 = 28;
    const BMP_STRING: u8 = 30;
}
