//! `Client-Cert` (RFC 9440) and `X-Forwarded-Client-Cert` of a certificate.

use std::net::Ipv4Addr;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use gateway::config::IdentityHeaders;
use gateway::headers::forged;
use gateway::headers::identity::{ClientIdentity, Scheme};
use http::{HeaderMap, HeaderName, HeaderValue};
use mtls::pki::certificate::Certificate;

const ALL: IdentityHeaders = IdentityHeaders {
    client_cert: true,
    client_cert_chain: true,
    forwarded: true,
    x_forwarded: true,
    x_forwarded_client_cert: true,
    x_forwarded_client_cert_pem: true,
};

pub fn body(data: &[u8]) {
    stripped(data);
    let Ok(certificate) = Certificate::read(&data.to_vec().into()) else { return };
    let client = ClientIdentity::new(Ipv4Addr::LOCALHOST.into(), 443, Scheme::Https);
    let client = client.with_certificate(&certificate, &[data]);
    let mut headers = HeaderMap::new();
    headers.insert("x-forwarded-client-cert", HeaderValue::from_static("Subject=\"CN=forged\""));

    client.set(&ALL, &"localhost".parse().expect("it must be a host"), &mut headers);

    let leaf = headers["client-cert"].to_str().expect("it must be ASCII");
    let leaf = leaf.strip_prefix(':').and_then(|leaf| leaf.strip_suffix(':'));
    assert_eq!(STANDARD.decode(leaf.expect("it must stand in colons")).as_deref(), Ok(data));
    for value in headers.get_all("x-forwarded-client-cert") {
        let value = value.to_str().expect("it must be ASCII");
        let mut names: Vec<_> = elements(value).iter().map(|(name, _)| *name).collect();
        assert!(!value.contains("forged") || certificate.subject.to_string().contains("forged"));
        assert!(names.iter().all(|name| KNOWN.contains(name)), "{value}");
        names.retain(|name| !matches!(*name, "DNS" | "URI"));
        names.sort_unstable();
        let count = names.len();
        names.dedup();
        assert_eq!(count, names.len(), "{value}");
    }
}

/// Fields that only a proxy may send are never forwarded, however they are spelt.
fn stripped(data: &[u8]) {
    let mut headers = HeaderMap::new();
    for name in data.split(|byte| *byte == b'\n').take(100) {
        if let Ok(name) = HeaderName::from_bytes(name) {
            headers.append(name, HeaderValue::from_static("x"));
        }
    }
    forged::strip(&mut headers);
    assert!(!headers.keys().any(forged::is_forged));
}

/// The parts of one element; a comma outside of quotes would begin another element.
fn elements(value: &str) -> Vec<(&str, &str)> {
    let (mut quoted, mut escaped, mut start, mut parts) = (false, false, 0, Vec::new());
    for (index, character) in value.char_indices() {
        match character {
            _ if escaped => escaped = false,
            '\\' if quoted => escaped = true,
            '"' => quoted = !quoted,
            ',' => assert!(quoted, "{value}"),
            ';' if !quoted => {
                parts.push(&value[start..index]);
                start = index + 1;
            }
            _ => {}
        }
    }
    assert!(!quoted && !escaped, "{value}");
    parts.push(&value[start..]);
    parts.iter().map(|part| part.split_once('=').expect("each part must have a name")).collect()
}

const KNOWN: [&str; 7] = ["By", "Cert", "Chain", "DNS", "Hash", "Subject", "URI"];
