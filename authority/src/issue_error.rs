//! Why a certificate or a revocation list could not be made.

use time::OffsetDateTime;

use crate::validity::written;
use crate::{CertificateError, NameError};

/// Why an authority could not be made, or could not issue what it was asked for.
#[derive(Debug, thiserror::Error)]
pub enum IssueError {
    /// A signing certificate or its key cannot be read.
    #[error("the {what} of the authority cannot be read: put the right file back")]
    Authority {
        /// Which half, `certificate` or `key`.
        what: &'static str,
        /// What the parser says.
        #[source]
        source: rcgen::Error,
    },
    /// The signing key belongs to another certificate.
    #[error("the authority's key does not fit its certificate: put the right pair back")]
    AuthorityKey,
    /// A certificate cannot be read.
    #[error("a certificate of the authority cannot be read: put the right file back")]
    Certificate(#[from] CertificateError),
    /// The end asked for is not after the start.
    #[error(
        "a certificate cannot end at {} when it starts at {}: give a later end or an earlier start",
        written(not_after),
        written(not_before)
    )]
    Dates {
        /// The end asked for.
        not_after: OffsetDateTime,
        /// The start asked for.
        not_before: OffsetDateTime,
    },
    /// The authority ends before the certificate would start.
    #[error("the authority ends at {}, before the certificate would start: make a new authority with \"certs init --force\"", written(.0))]
    Ended(OffsetDateTime),
    /// A name asked for is not one.
    #[error(transparent)]
    Name(#[from] NameError),
    /// The system's random generator failed.
    #[error("the system gave no random bytes: check that /dev/urandom works")]
    Random,
    /// A server is known by its alternative names alone.
    #[error("a server leaf needs a DNS name or an IP address: add --dns NAME or --ip ADDRESS")]
    ServerWithoutName,
    /// The thing could not be encoded or signed.
    #[error("the {what} could not be made")]
    Sign {
        /// What should have been made.
        what: String,
        /// What the encoder says.
        #[source]
        source: rcgen::Error,
    },
}
