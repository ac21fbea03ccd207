//! What can be wrong with a file of an identity directory.

use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use thiserror::Error;

use crate::event::refusal::Reason;
use crate::pki::identity::BadIdentity;
use crate::pki::pem::SIZE_LIMIT;
use crate::pki::role::Role;
use crate::pki::trust::BadTrust;

/// What is wrong with a file of an identity directory, and how to fix it.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum BadFile {
    /// What should be there is not in the file.
    #[error("no {what} in {path}: put one there in PEM")]
    Absent {
        /// What is missing.
        what: &'static str,
        /// Where.
        path: PathBuf,
    },
    /// A private key needs a passphrase.
    #[error(
        "the private key in {path} (line {line}) is encrypted: decrypt it with \"openssl pkey -in {path} -out {path}\""
    )]
    Encrypted {
        /// Where.
        path: PathBuf,
        /// The line of its block.
        line: usize,
    },
    /// Not every byte of the file is PEM of the kind that belongs there.
    #[error("garbage in {path} ({why}): put a {what} in PEM there")]
    Garbage {
        /// What should be there.
        what: &'static str,
        /// Where.
        path: PathBuf,
        /// The line, and the cause.
        why: String,
    },
    /// Chain and key do not make an identity.
    #[error(
        "{key} {} {chain}: {problem}; put a certificate and its own key there",
        if problem.is_mismatch() { "does not match" } else { "cannot be used with" }
    )]
    Identity {
        /// The chain's file.
        chain: PathBuf,
        /// The key's file.
        key: PathBuf,
        /// Why.
        #[source]
        problem: BadIdentity,
    },
    /// There is no such file.
    #[error("no file {0}: put it there")]
    Missing(PathBuf),
    /// There is no such directory.
    #[error("no identity directory {0}: name the one that is meant")]
    NoDirectory(PathBuf),
    /// The file is larger than what is read.
    #[error("{0} has more than {limit} MiB: no more is read", limit = SIZE_LIMIT >> 20)]
    TooLarge(PathBuf),
    /// The roots or the lists cannot be believed.
    #[error("bad trust in {path}: {problem}; put the authority's own files there")]
    Trust {
        /// The file at fault.
        path: PathBuf,
        /// Why.
        #[source]
        problem: BadTrust,
    },
    /// The identity is not fit for its role, by its own trust.
    #[error("{path} is not fit for a {role}: {reason}; {}", reason.code.remedy())]
    Unfit {
        /// The chain's file.
        path: PathBuf,
        /// The role that it was verified for.
        role: Role,
        /// Why it was refused.
        #[source]
        reason: Reason,
    },
    /// The file cannot be read.
    #[error("cannot read {path} (mode {mode}) as {user}: {source}; make it readable to that user")]
    Unreadable {
        /// Where.
        path: PathBuf,
        /// Its permissions in octal, and its owner; `unknown` where even they cannot be read.
        mode: String,
        /// Who tried.
        user: String,
        /// What the system says.
        source: std::io::Error,
    },
}

pub(super) fn unreadable(path: &Path, source: std::io::Error) -> BadFile {
    let mode = path.metadata().map_or_else(
        |_| "unknown".to_owned(),
        |m| format!("{:04o}, owner {}", m.permissions().mode() & 0o7777, user_name(m.uid())),
    );
    let user = user_name(rustix::process::geteuid().as_raw());
    BadFile::Unreadable { path: path.to_owned(), mode, user, source }
}

/// A user's name where the system has one, and its number.
fn user_name(id: u32) -> String {
    let users = std::fs::read_to_string("/etc/passwd").unwrap_or_default();
    let named = users.lines().find_map(|line| {
        let mut fields = line.split(':');
        let name = fields.next()?;
        (fields.nth(1)?.parse() == Ok(id)).then_some(name)
    });
    named.map_or_else(|| format!("user {id}"), |name| format!("user {name} ({id})"))
}
