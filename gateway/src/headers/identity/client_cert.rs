//! `Client-Cert` and `Client-Cert-Chain` (RFC 9440, section 2): byte sequences of RFC 8941.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::HeaderValue;
use tracing::warn;

use super::visible;

/// The value of `Client-Cert`.
pub(super) fn leaf(der: &[u8]) -> HeaderValue {
    visible(byte_sequence(der))
}

/// The value of `Client-Cert-Chain`: the certificates presented after the leaf, in their order.
///
/// None if there are none, or if the value would be longer than [`CHAIN_LIMIT`]: a part of a chain
/// would look like the whole.
pub(super) fn chain(issuers: &[impl AsRef<[u8]>]) -> Option<HeaderValue> {
    let length: usize = issuers.iter().map(|der| encoded_length(der.as_ref())).sum();
    if length > CHAIN_LIMIT {
        warn!(
            certificates = issuers.len(),
            bytes = length,
            limit = CHAIN_LIMIT,
            "the caller's chain is too long for Client-Cert-Chain, which is left out"
        );
        return None;
    }
    let sequences: Vec<String> = issuers.iter().map(|der| byte_sequence(der.as_ref())).collect();
    (!sequences.is_empty()).then(|| visible(sequences.join(", ")))
}

fn byte_sequence(der: &[u8]) -> String {
    let mut text = String::with_capacity(encoded_length(der));
    text.push(':');
    STANDARD.encode_string(der, &mut text);
    text.push(':');
    text
}

/// Including two colons, and the comma and space before the next.
fn encoded_length(der: &[u8]) -> usize {
    der.len().div_ceil(3) * 4 + 4
}

/// nginx, gunicorn, Tomcat and Jetty accept 8 KiB, in one field or in all together. This leaves
/// room for a leaf and a request; three intermediates with RSA keys fit.
pub(super) const CHAIN_LIMIT: usize = 6 * 1024;
