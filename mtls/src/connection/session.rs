//! What the two ends of a TLS connection agreed on.

use rustls::{CommonState, NamedGroup, ProtocolVersion, SupportedCipherSuite};
use serde::Serialize;

/// The parameters of one connection, by their IANA names; serialized, the `tls` of an answer.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Session {
    /// `TLSv1.3` or `TLSv1.2`.
    pub version: &'static str,
    /// Such as `TLS_AES_256_GCM_SHA384`.
    pub cipher_suite: String,
    /// Such as `X25519MLKEM768` or `secp256r1`.
    pub key_exchange: String,
    /// The application protocol (RFC 7301): `h2` or `http/1.1`; none where none was offered.
    pub alpn: Option<String>,
    /// The name that the client asked for (RFC 6066, section 3).
    pub server_name: Option<String>,
}

impl Session {
    pub(crate) fn of(state: &CommonState, server_name: Option<String>) -> Self {
        let group = state.negotiated_key_exchange_group().map(|group| group.name());
        Self {
            version: state.protocol_version().map_or("unknown", version),
            cipher_suite: state.negotiated_cipher_suite().map_or_else(String::new, cipher_suite),
            key_exchange: group.map_or_else(String::new, key_exchange),
            alpn: state.alpn_protocol().map(|name| String::from_utf8_lossy(name).into_owned()),
            server_name,
        }
    }

    /// About how much memory its texts take, in bytes.
    pub(crate) fn memory(&self) -> usize {
        let Self { version: _, cipher_suite, key_exchange, alpn, server_name } = self;
        let texts = [Some(cipher_suite), Some(key_exchange), alpn.as_ref(), server_name.as_ref()];
        texts.into_iter().flatten().map(String::len).sum()
    }

    /// Whether HTTP/2 was agreed on.
    pub fn is_http2(&self) -> bool {
        self.alpn.as_deref() == Some("h2")
    }
}

pub(crate) fn version(version: ProtocolVersion) -> &'static str {
    match version {
        ProtocolVersion::TLSv1_2 => "TLSv1.2",
        ProtocolVersion::TLSv1_3 => "TLSv1.3",
        _ => "unknown",
    }
}

/// rustls writes `TLS13_AES_…` where IANA has `TLS_AES_…`.
fn cipher_suite(suite: SupportedCipherSuite) -> String {
    format!("{:?}", suite.suite()).replacen("TLS13_", "TLS_", 1)
}

/// IANA's "TLS Supported Groups" registry writes the Montgomery curves in lower case.
fn key_exchange(group: NamedGroup) -> String {
    match group {
        NamedGroup::X25519 => "x25519".to_owned(),
        NamedGroup::X448 => "x448".to_owned(),
        NamedGroup::secp256r1MLKEM768 => "SecP256r1MLKEM768".to_owned(),
        other => format!("{other:?}"),
    }
}
