//! `Forwarded` (RFC 7239), with one element: the gateway's.

use std::net::IpAddr;

use http::HeaderValue;
use http::uri::Authority;

use super::Scheme;

/// The part up to `host`, which is the same for all requests of a connection.
pub(super) fn beginning(address: IpAddr, scheme: Scheme) -> String {
    let node = match address {
        IpAddr::V4(address) => address.to_string(),
        // Section 6: in brackets, and therefore quoted.
        IpAddr::V6(address) => format!("\"[{address}]\""),
    };
    format!("for={node};proto={};host=\"", scheme.as_str())
}

/// The whole value. The host is always quoted: with a port it is not a token (section 4).
pub(super) fn value(beginning: &str, host: &Authority) -> Option<HeaderValue> {
    let mut value = String::with_capacity(beginning.len() + host.as_str().len() + 1);
    value.push_str(beginning);
    for character in host.as_str().chars() {
        if matches!(character, '"' | '\\') {
            value.push('\\');
        }
        value.push(character);
    }
    value.push('"');
    HeaderValue::try_from(value).ok()
}
