//! Why a condition or a rule is none.

use thiserror::Error;

use super::Attribute;
use crate::pki::spiffe::InvalidSpiffeId;

/// Why a text is no value of an attribute; each says what to write.
#[derive(Clone, Debug, Eq, Error, PartialEq)]
pub enum InvalidCondition {
    /// There is a NUL or another control character in it.
    #[error("a control character stands in {0:?}: names are written without")]
    ControlCharacter(String),
    /// No DNS name.
    #[error("{0:?} is no DNS name: write one such as api.example.com, in ASCII (xn--…)")]
    Dns(String),
    /// No mail address.
    #[error("{0:?} is no mail address: write one such as ops@example.com")]
    Email(String),
    /// Nothing is written.
    #[error("it is empty, and would name nobody: write the {0} to allow")]
    Empty(Attribute),
    /// No SHA-256 fingerprint.
    #[error(
        "{0:?} is no SHA-256 fingerprint: write 64 hexadecimal digits, with or without colons between each two"
    )]
    Fingerprint(String),
    /// It stands for bytes that are not text, which a condition cannot distinguish from text.
    #[error("{0:?} is written in bytes (#…): decide by a name that is text")]
    Hexadecimal(String),
    /// No IP address.
    #[error("{0:?} is no IP address: write one such as 10.0.0.7 or fd00::7")]
    Ip(String),
    /// No distinguished name as it is displayed here.
    #[error(
        "{0:?} is no issuer: write it by RFC 4514 as \"certs inspect\" shows it, such as O=example,CN=example CA (no space after a comma)"
    )]
    Issuer(String),
    /// No SPIFFE ID.
    #[error("{0}: write one such as spiffe://example.org/ns/default/sa/web, or end it with /*")]
    SpiffeId(InvalidSpiffeId),
    /// No URI.
    #[error("{0:?} is no URI: write one such as https://example.com/workload, in ASCII")]
    Uri(String),
}

/// Why conditions make no rule.
#[derive(Clone, Copy, Debug, Eq, Error, PartialEq)]
pub enum InvalidRule {
    /// It is nested too deep.
    #[error("any and all are nested deeper than {depth}: write it flatter", depth = super::Rule::DEPTH)]
    Deep,
    /// It has no part.
    #[error("it is empty, which allows nobody and never everybody: name who may come")]
    Empty,
}
