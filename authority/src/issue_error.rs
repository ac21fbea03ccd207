//! Errors of making a certificate or a revocation list.

use time::OffsetDateTime;

use crate::validity::written;
use crate::{CertificateError, NameError};

/// Why an authority could not be created, or could not issue what was requested.
#[derive(Debug, thiserror::Error)]
pub enum IssueError {
    /// A signing certificate or its key cannot be read.
    #[error("the {what} of the authority cannot be read: restore the right file")]
    Authority {
        /// Which part, `certificate` or `key`.
        what: &'static str,
        /// The parser's error.
        #[source]
        source: rcgen::Error,
    },
    /// The signing key belongs to another certificate.
    #[error("the authority's key does not fit its certificate: restore the right pair")]
    AuthorityKey,
    /// A certificate cannot be read.
    #[error("a certificate of the authority cannot be read: restore the right file")]
    Certificate(#[from] CertificateError),
    /// The requested expiry is not after the start.
    #[error(
        "a certificate cannot end at {} when it starts at {}: give a later end or an earlier start",
        written(not_after),
        written(not_before)
    )]
    Dates {
        /// The requested expiry.
        not_after: OffsetDateTime,
        /// The requested start.
        not_before: OffsetDateTime,
    },
    /// The authority expires before the certificate would start.
    #[error("the authority ends at {}, before the certificate would start: make a new authority with \"certs init --force\"", written(.0))]
    Ended(OffsetDateTime),
    /// A requested name is invalid.
    #[error(transparent)]
    Name(#[from] NameError),
    /// The system's random generator failed.
    #[error("the system gave no random bytes: check that /dev/urandom works")]
    Random,
    /// A server leaf needs an alternative name, because clients verify no other name.
    #[error("a server leaf needs a DNS name or an IP address: add --dns NAME or --ip ADDRESS")]
    ServerWithoutName,
    /// Encoding or signing failed.
    #[error("the {what} could not be made")]
    Sign {
        /// What was being made.
        what: String,
        /// The encoder's error.
        #[source]
        source: rcgen::Error,
    },
}
