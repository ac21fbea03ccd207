//! Errors of operations in the authority's directory.

use std::{io, path::PathBuf};

use crate::{IdentityName, IssueError};

/// Why an operation in the authority's directory failed.
#[derive(Debug, thiserror::Error)]
pub enum DirectoryError {
    /// The name or number was already revoked.
    #[error("{0} is already revoked: nothing to do")]
    AlreadyRevoked(String),
    /// The authority's certificate or key is missing, or they do not fit each other.
    #[error(
        "the authority in {path} cannot be used: restore its {certificate} and {key}, or \
         replace everything with \"certs init --force\""
    )]
    Authority {
        /// The name of its certificate's file.
        certificate: String,
        /// The name of its key's file.
        key: String,
        /// The directory of the authority.
        path: PathBuf,
        /// The cause.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// A file to be rewritten contains unreadable data, which would be lost.
    #[error(
        "{0} contains data that cannot be read, and it would be lost: fix the file, or remove it, and \
         run this again"
    )]
    Damaged(PathBuf),
    /// There is an identity of that name.
    #[error("{path} exists already: renew it with \"certs renew {name}\", or choose another name")]
    Exists {
        /// The requested name.
        name: IdentityName,
        /// Its directory.
        path: PathBuf,
    },
    /// A file or directory cannot be read or written.
    #[error("cannot {doing} {path}: check that it exists, its owner and its mode")]
    File {
        /// `read`, `write` and the like.
        doing: &'static str,
        /// The file or directory.
        path: PathBuf,
        /// The system's error.
        #[source]
        source: io::Error,
    },
    /// The certificate or list could not be made.
    #[error(transparent)]
    Issue(#[from] IssueError),
    /// There is no authority yet.
    #[error("there is no authority in {0}: make one with \"certs init\"")]
    NoAuthority(PathBuf),
    /// No unexpired certificate has that name or serial number.
    #[error(
        "no unexpired certificate of this authority has the name or serial number \"{0}\": see \
         \"certs list --all\" for names and serial numbers"
    )]
    NothingToRevoke(String),
    /// The record is damaged.
    #[error("the record {path} cannot be read: restore the last good copy")]
    Record {
        /// The file.
        path: PathBuf,
        /// The parser's error.
        #[source]
        source: serde_json::Error,
    },
    /// No leaf of that name was ever issued.
    #[error(
        "nothing was issued as \"{0}\": see \"certs list --all\" for names, or issue it with \"certs issue {0}\""
    )]
    Unknown(String),
}

impl DirectoryError {
    pub(crate) fn file(
        doing: &'static str,
        path: impl Into<PathBuf>,
    ) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| Self::File { doing, path, source }
    }
}
