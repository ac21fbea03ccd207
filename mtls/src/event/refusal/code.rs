//! The kinds of refusal, each with its sentence and its remedy.

use std::fmt::{Display, Formatter};

use rustls::{CertificateError, OtherError};
use serde::Serialize;

/// Why one end turned the other away. There is no `other`: whatever can happen has a code.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "kebab-case")]
#[expect(missing_docs, reason = "each says what it is in `Code::sentence`")]
pub enum Code {
    BadEncoding,
    BadSignature,
    ChainTooComplex,
    ConnectionLost,
    Expired,
    HandshakeTimeout,
    HeaderTimeout,
    IssuerNotAuthority,
    NameConstraint,
    NoCertificate,
    NoCommonProtocol,
    NotALeaf,
    NotAllowed,
    NotTls,
    NotYetValid,
    PathTooLong,
    ProtocolError,
    RefusedByPeer,
    RevocationListStale,
    RevocationUnknown,
    Revoked,
    SelfSigned,
    TooManyConnections,
    TooManyResets,
    UnknownExtension,
    UnknownIssuer,
    UnsupportedAlgorithm,
    UnsupportedVersion,
    WrongName,
    WrongPurpose,
}

impl Code {
    /// Every code, in alphabetical order.
    pub const ALL: [Self; 30] = [
        Self::BadEncoding,
        Self::BadSignature,
        Self::ChainTooComplex,
        Self::ConnectionLost,
        Self::Expired,
        Self::HandshakeTimeout,
        Self::HeaderTimeout,
        Self::IssuerNotAuthority,
        Self::NameConstraint,
        Self::NoCertificate,
        Self::NoCommonProtocol,
        Self::NotALeaf,
        Self::NotAllowed,
        Self::NotTls,
        Self::NotYetValid,
        Self::PathTooLong,
        Self::ProtocolError,
        Self::RefusedByPeer,
        Self::RevocationListStale,
        Self::RevocationUnknown,
        Self::Revoked,
        Self::SelfSigned,
        Self::TooManyConnections,
        Self::TooManyResets,
        Self::UnknownExtension,
        Self::UnknownIssuer,
        Self::UnsupportedAlgorithm,
        Self::UnsupportedVersion,
        Self::WrongName,
        Self::WrongPurpose,
    ];

    /// The name that scripts and dashboards know, in kebab case.
    pub fn as_str(self) -> &'static str {
        self.entry().0
    }

    /// What happened, in words, without a full stop.
    pub fn sentence(self) -> &'static str {
        self.entry().1
    }

    /// The remedy.
    pub fn remedy(self) -> &'static str {
        self.entry().2
    }

    fn entry(self) -> (&'static str, &'static str, &'static str) {
        match self {
            Self::BadEncoding => (
                "bad-encoding",
                "the certificate could not be read",
                "issue the certificate anew; X.509 version 3 in DER is expected",
            ),
            Self::BadSignature => (
                "bad-signature",
                "a signature does not verify",
                "use a certificate that this authority really signed, with the private key that belongs to it",
            ),
            Self::ChainTooComplex => (
                "chain-too-complex",
                "the certificate chain is too long or too complex to verify",
                "send the leaf and its own intermediates only",
            ),
            Self::ConnectionLost => (
                "connection-lost",
                "the connection ended in the middle of the handshake",
                "look in the other side's log: it closed without saying why",
            ),
            Self::Expired => (
                "expired",
                "the certificate has expired",
                "renew the certificate, and check the clocks of both machines",
            ),
            Self::HandshakeTimeout => (
                "handshake-timeout",
                "the handshake was not finished in time",
                "check the network and what connects here; handshake_timeout sets the limit",
            ),
            Self::HeaderTimeout => (
                "header-timeout",
                "the head of the request did not arrive in time",
                "send the whole head at once; header_timeout sets the limit",
            ),
            Self::IssuerNotAuthority => (
                "issuer-not-authority",
                "the certificate was issued by one that may not issue certificates",
                "issue it by an authority: basicConstraints cA, and keyCertSign among its key usages",
            ),
            Self::NameConstraint => (
                "name-constraint",
                "the certificate does not verify against the name constraints of an issuer",
                "issue it with names that its issuers' name constraints permit, and constrain DNS names and IP addresses only: other kinds are not supported",
            ),
            Self::NoCertificate => (
                "no-certificate",
                "the client sent no certificate",
                "send a client certificate of this authority, as curl does with --cert and --key; a client whose key is of a kind that is not verified here sends none either",
            ),
            Self::NoCommonProtocol => (
                "no-common-protocol",
                "both sides have no application protocol in common",
                "offer h2 or http/1.1 by ALPN, or no ALPN at all",
            ),
            Self::NotALeaf => (
                "not-a-leaf",
                "the certificate is an authority's, not a leaf",
                "present a leaf certificate, never the authority's own",
            ),
            Self::NotAllowed => (
                "not-allowed",
                "the certificate is fine, but the policy does not allow this",
                "have the policy allow this identity, or use one that it allows",
            ),
            Self::NotTls => (
                "not-tls",
                "what arrived is not TLS",
                "use https:// and a client certificate; this port speaks nothing else",
            ),
            Self::NotYetValid => (
                "not-yet-valid",
                "the certificate is not valid yet",
                "wait until it is, and check the clocks of both machines",
            ),
            Self::PathTooLong => (
                "path-too-long",
                "more intermediates stand below an authority than its path length allows",
                "issue the leaf by a higher authority, or that authority with a longer path length",
            ),
            Self::ProtocolError => (
                "protocol-error",
                "the other side broke the TLS protocol",
                "check what connects here, and whether something between the two changes the bytes",
            ),
            Self::RefusedByPeer => (
                "refused-by-peer",
                "the other side refused us",
                "only the alert is known here: see the log or /handshakes of the other side",
            ),
            Self::RevocationListStale => (
                "revocation-list-stale",
                "the revocation list of the certificate's issuer is stale",
                "put a fresh list of the authority into ca.crl",
            ),
            Self::RevocationUnknown => (
                "revocation-unknown",
                "there is no revocation list of the certificate's issuer, and one is required",
                "add the issuer's list to ca.crl, or do not require lists",
            ),
            Self::Revoked => (
                "revoked",
                "the certificate has been revoked",
                "issue a new one, if its holder is still to be trusted",
            ),
            Self::SelfSigned => (
                "self-signed",
                "the certificate is signed by itself, and by no authority",
                "have an authority issue it that the other side trusts",
            ),
            Self::TooManyConnections => (
                "too-many-connections",
                "as many connections are open as are allowed",
                "close idle ones, or raise max_connections or max_connections_per_address",
            ),
            Self::TooManyResets => (
                "too-many-resets",
                "the client gave up most of its requests before their answers were complete",
                "wait for answers, and send fewer requests that are given up again",
            ),
            Self::UnknownExtension => (
                "unknown-extension",
                "the certificate has a critical extension that is unknown here",
                "issue it without that extension, or not critical",
            ),
            Self::UnknownIssuer => (
                "unknown-issuer",
                "the certificate was issued by an authority that is not trusted here",
                "use a certificate of a trusted authority, or add that authority to ca.crt; send the intermediates too",
            ),
            Self::UnsupportedAlgorithm => (
                "unsupported-algorithm",
                "an algorithm or a key is too weak or unknown",
                "use ECDSA P-256 or P-384, Ed25519, or RSA of 2048 bits at least, with SHA-256 or better",
            ),
            Self::UnsupportedVersion => (
                "unsupported-version",
                "the other side speaks no version of TLS that is allowed here",
                "use TLS 1.3, or TLS 1.2",
            ),
            Self::WrongName => (
                "wrong-name",
                "the certificate belongs to another name",
                "connect by a name that the certificate has, or issue it for the right one",
            ),
            Self::WrongPurpose => (
                "wrong-purpose",
                "the certificate was not issued for this purpose",
                "issue it with the right extended key usage (clientAuth for a client, serverAuth for a server), and digitalSignature among its key usages, if it has any",
            ),
        }
    }

    /// The error that makes rustls send the fitting alert.
    pub(crate) fn certificate_error(self) -> CertificateError {
        match self {
            Self::BadEncoding => CertificateError::BadEncoding,
            Self::BadSignature => CertificateError::BadSignature,
            Self::Expired => CertificateError::Expired,
            Self::NotAllowed => CertificateError::ApplicationVerificationFailure,
            Self::NotYetValid => CertificateError::NotValidYet,
            Self::RevocationListStale => CertificateError::ExpiredRevocationList,
            Self::RevocationUnknown => CertificateError::UnknownRevocationStatus,
            Self::Revoked => CertificateError::Revoked,
            Self::SelfSigned | Self::UnknownIssuer => CertificateError::UnknownIssuer,
            Self::UnknownExtension => CertificateError::UnhandledCriticalExtension,
            Self::WrongName => CertificateError::NotValidForName,
            Self::WrongPurpose => CertificateError::InvalidPurpose,
            _ => CertificateError::Other(OtherError(std::sync::Arc::new(super::Reason::new(self)))),
        }
    }
}

impl Display for Code {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests;
