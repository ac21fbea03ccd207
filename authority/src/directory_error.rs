//! Why something could not be done in the authority's directory.

use std::{io, path::PathBuf};

use crate::{IdentityName, IssueError};

/// Why something could not be done in the authority's directory.
#[derive(Debug, thiserror::Error)]
pub enum DirectoryError {
    /// The name or number was already revoked.
    #[error("{0} is revoked already: nothing is left to do")]
    AlreadyRevoked(String),
    /// The authority's certificate and key are not both there and fit.
    #[error(
        "the authority in {path} cannot be used: put its {certificate} and {key} back, or make all \
         anew with \"certs init --force\""
    )]
    Authority {
        /// The name of its certificate's file.
        certificate: String,
        /// The name of its key's file.
        key: String,
        /// The directory of the authority.
        path: PathBuf,
        /// What is wrong.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// A file that is to be written anew holds what cannot be read, and would be lost.
    #[error(
        "{0} holds more than can be read, and it would be lost: mend the file, or remove it, and \
         run this again"
    )]
    Damaged(PathBuf),
    /// There is an identity of that name.
    #[error("{path} exists already: renew it with \"certs renew {name}\", or choose another name")]
    Exists {
        /// The name asked for.
        name: IdentityName,
        /// Its directory.
        path: PathBuf,
    },
    /// A file or directory cannot be read or written.
    #[error("cannot {doing} {path}: check that it exists and whose it is")]
    File {
        /// `read`, `write` and the like.
        doing: &'static str,
        /// Which one.
        path: PathBuf,
        /// What the system says.
        #[source]
        source: io::Error,
    },
    /// The certificate or list could not be made.
    #[error(transparent)]
    Issue(#[from] IssueError),
    /// There is no authority yet.
    #[error("there is no authority in {0}: make one with \"certs init\"")]
    NoAuthority(PathBuf),
    /// Nothing of that name or serial number still lives.
    #[error(
        "no certificate of this authority that still lives is \"{0}\": see \"certs list --all\" for \
         names and serial numbers"
    )]
    NothingToRevoke(String),
    /// The record is no longer what we wrote.
    #[error("the record {path} cannot be read: put the last good copy back")]
    Record {
        /// The file.
        path: PathBuf,
        /// What the parser says.
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
