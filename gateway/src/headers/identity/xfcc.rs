//! `X-Forwarded-Client-Cert` as Envoy writes it: one element, its keys in Envoy's order.
//!
//! Names in a certificate are chosen by whoever asked for it, and Envoy's form has no escape that
//! all its readers know. So no quote, backslash-quote or control character of a name is ever
//! written, and what has a comma, a semicolon or an equals sign stands in quotes.

use std::fmt::Write;

use http::HeaderValue;
use mtls::certificate::Certificate;

/// What it says besides the certificate itself, encoded.
#[derive(Debug)]
pub(super) struct Facts {
    hash: String,
    names: String,
}

impl Facts {
    /// `Hash` is SHA-256 in lower-case hexadecimal, `Subject` RFC 2253, `URI` stands even where
    /// there is none, and `DNS` only where there is one.
    pub(super) fn of(certificate: &Certificate) -> Self {
        let hash = certificate.fingerprint256.replace(':', "").to_ascii_lowercase();
        let mut names = format!(";Subject=\"{}\"", subject(&certificate.subject.to_string()));
        let uris = told(&certificate.subject_alt_names.uri);
        if uris.is_empty() {
            names.push_str(";URI=");
        }
        for uri in uris {
            let _ = write!(names, ";URI={}", quoted(uri));
        }
        for name in told(&certificate.subject_alt_names.dns) {
            let _ = write!(names, ";DNS={}", quoted(name));
        }
        Self { hash: format!("Hash={hash}"), names }
    }

    /// The value, with `Cert` where a `Client-Cert` is given that holds the certificate.
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

/// An RFC 4514 string with all that it escapes as pairs of hexadecimal digits, which mean the same
/// (section 2.4).
///
/// Envoy writes `\"`, `\\` and `\,`, and so `\\"` at the end of a name that ends with a backslash.
/// Who takes that for an escaped quote reads on into the next key; who removes the backslash from
/// `CN=a\,O=b` reads an organisation that nobody vouched for.
fn subject(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    let mut rest = text.chars();
    while let Some(character) = rest.next() {
        match character {
            '\\' => match rest.next() {
                // A pair already, for a control character.
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

/// The names of one kind: all of them, or none where one has a character that no such name has.
///
/// To leave out that one alone would make another out of the certificate: with one URI it would
/// have a SPIFFE ID, with two it has none.
fn told(names: &[String]) -> &[String] {
    if names.iter().all(|name| is_tellable(name)) { names } else { &[] }
}

/// RFC 3986, section 2: what a URI is made of. A DNS name needs less.
fn is_tellable(name: &str) -> bool {
    let other = |byte| b"-._~:/?#[]@!$&'()*+,;=%".contains(&byte);
    !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || other(byte))
}

/// In double quotes where Envoy's rules want it.
fn quoted(name: &str) -> String {
    if name.contains([',', ';', '=']) { format!("\"{name}\"") } else { name.to_owned() }
}

/// The PEM of a certificate that stands in `Client-Cert`, encoded for a URL as Envoy does.
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
