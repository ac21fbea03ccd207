//! Trust: roots, revocation lists, and the one verification of every chain.
//!
//! The same [`Trust::verify`] is called at the handshake, for connections that are open already,
//! and in `certs verify`. It calls rustls-webpki for the path, and adds what webpki leaves open. It
//! knows nothing of files or sockets, and what it holds never changes.

mod candidates;
mod constraints;
mod list;
mod name;
mod path;
mod presented;
mod revocation;
mod root;
mod signatures;
mod verify;
mod webpki_error;

use std::str::FromStr;

use rustls::DistinguishedName;
use rustls::pki_types::{CertificateDer, CertificateRevocationListDer};
use thiserror::Error;
use time::OffsetDateTime;

pub use self::list::RevocationList;
pub(crate) use self::presented::{refuse_too_large, weakness};
pub use self::root::Root;
pub use self::verify::VerifiedChain;
use crate::moment::Moment;

/// Roots and revocation lists, checked as a whole.
#[derive(Debug)]
pub struct Trust {
    lists: Vec<RevocationList>,
    revocation: Revocation,
    roots: Vec<Root>,
    subjects: Vec<DistinguishedName>,
}

/// What is made of revocation lists.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Revocation {
    /// Lists are consulted where they are; a stale one still counts.
    #[default]
    Checked,
    /// Lists are not looked at.
    Off,
    /// Every issuer must have a list, and none may be stale.
    Required,
}

/// The error for a text that is not a [`Revocation`].
#[derive(Clone, Debug, Eq, Error, PartialEq)]
#[error("\"{0}\" is not a revocation mode: write required, checked or off")]
pub struct InvalidRevocation(String);

impl FromStr for Revocation {
    type Err = InvalidRevocation;

    fn from_str(text: &str) -> Result<Self, InvalidRevocation> {
        match text {
            "checked" => Ok(Self::Checked),
            "off" => Ok(Self::Off),
            "required" => Ok(Self::Required),
            _ => Err(InvalidRevocation(text.to_owned())),
        }
    }
}

/// Why roots and lists are not fit to be believed.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum BadTrust {
    /// There is not one root.
    #[error("no root certificate")]
    Empty,
    /// A list cannot be used.
    #[error("a revocation list cannot be used: {0}")]
    List(String),
    /// A list names a root as its issuer, but no root's key signed it.
    #[error("the revocation list of {0} is not signed by that root's key")]
    ListForged(String),
    /// `Revocation::Required`, and a root has no list.
    #[error("no revocation list of {0}, and one is required")]
    ListMissing(String),
    /// `Revocation::Required`, and a list's next update was due.
    #[error(
        "the revocation list of {issuer} is stale since {since}, and a fresh one is required",
        since = Moment(*since)
    )]
    ListStale {
        /// Whose list.
        issuer: String,
        /// Since when.
        since: OffsetDateTime,
    },
    /// The number of a list is lower than that of the list in force.
    #[error("the revocation list of {0} is older than the one in force")]
    ListOlder(String),
    /// The root that signed a list may sign certificates only.
    #[error("the root {0} signed its revocation list, but its key usage does not include cRLSign")]
    ListSigner(String),
    /// A root that had a list has none now.
    #[error("the revocation list of {0} has vanished")]
    ListVanished(String),
    /// A root is no authority, or too weak.
    #[error("the root {subject} cannot be believed: {why}")]
    Root {
        /// Whose certificate.
        subject: String,
        /// What is wrong with it.
        why: String,
    },
}

impl BadTrust {
    /// Whether the lists are to blame, and not the roots.
    pub fn concerns_lists(&self) -> bool {
        !matches!(self, Self::Empty | Self::Root { .. })
    }
}

impl Trust {
    /// Checks roots and lists, and joins each list with its root.
    ///
    /// A root outside of its dates is accepted, but does not count while it is so. A list of an
    /// issuer that is not a root belongs to an intermediate, and stays unverified until that
    /// intermediate is verified. Of several lists of one issuer the newest counts.
    ///
    /// # Errors
    ///
    /// Everything that is wrong, not the first thing only.
    pub fn new(
        roots: Vec<CertificateDer<'static>>,
        lists: &[CertificateRevocationListDer<'static>],
        revocation: Revocation,
        now: OffsetDateTime,
    ) -> Result<Self, Vec<BadTrust>> {
        let mut problems = Vec::new();
        let (roots, bad): (Vec<_>, Vec<_>) = roots.iter().map(Root::new).partition(Result::is_ok);
        let roots: Vec<Root> = roots.into_iter().flatten().collect();
        problems.extend(bad.into_iter().filter_map(Result::err));

        let lists = if revocation == Revocation::Off { &[] } else { lists };
        let (lists, bad): (Vec<_>, Vec<_>) =
            lists.iter().map(|der| RevocationList::read(der, &roots, now)).partition(Result::is_ok);
        let lists = list::newest(lists.into_iter().flatten().collect());
        problems.extend(bad.into_iter().filter_map(Result::err));

        if roots.is_empty() && problems.is_empty() {
            problems.push(BadTrust::Empty);
        }
        if revocation == Revocation::Required {
            problems.extend(list::missing(&lists, &roots));
            problems.extend(list::stale(&lists, now));
        }
        if !problems.is_empty() {
            return Err(problems);
        }
        Ok(Self { lists, revocation, subjects: hint(&roots), roots })
    }

    /// The trust of who trusts nobody: every chain is of an unknown issuer.
    pub(crate) fn in_nobody() -> Self {
        Self {
            lists: Vec::new(),
            revocation: Revocation::Off,
            roots: Vec::new(),
            subjects: Vec::new(),
        }
    }

    /// What of the lists would be lost if this trust came after `before`: a list that vanished
    /// while its root stayed, or whose number went back.
    pub fn goes_back_behind(&self, before: &Self) -> Vec<BadTrust> {
        let lost = before.lists.iter().filter_map(|old| {
            let mut following = self.lists.iter().filter(|new| new.may_follow(old)).peekable();
            if following.peek().is_none() {
                let vanished = || BadTrust::ListVanished(old.issuer.clone());
                return self.still_trusts_signer_of(old).then(vanished);
            }
            let is_older = following.all(|new| new.is_older_than(old));
            is_older.then(|| BadTrust::ListOlder(old.issuer.clone()))
        });
        if self.revocation == Revocation::Off { Vec::new() } else { lost.collect() }
    }

    fn still_trusts_signer_of(&self, list: &RevocationList) -> bool {
        list.is_of_an_intermediate() || self.roots.iter().any(|root| list.is_of(root))
    }

    /// The roots, in the order of their file.
    pub fn roots(&self) -> &[Root] {
        &self.roots
    }

    /// The revocation lists that count, in the order of their file; none where revocation is off.
    pub fn lists(&self) -> &[RevocationList] {
        &self.lists
    }

    /// What is made of revocation lists here.
    pub fn revocation(&self) -> Revocation {
        self.revocation
    }

    /// How many bytes the names of the roots take, where they are too many for a server to name
    /// its roots to its clients.
    pub fn hint_left_out(&self) -> Option<usize> {
        Some(length_of_names(&self.roots)).filter(|length| *length > LONGEST_HINT)
    }

    /// The subjects of the roots, as a server names them to its clients (RFC 8446, section
    /// 4.2.4); none where they take more than [`LONGEST_HINT`].
    pub(crate) fn subjects(&self) -> &[DistinguishedName] {
        &self.subjects
    }
}

/// The most bytes of the names that a server sends. The length of `certificate_authorities` has
/// two bytes, so that longer ones break every handshake, and Java's clients stop at 32 KiB.
pub(crate) const LONGEST_HINT: usize = 16 * 1024;

/// The names of all roots or of none: a client of a root that is left out would send nothing.
fn hint(roots: &[Root]) -> Vec<DistinguishedName> {
    let names = roots.iter().map(Root::distinguished_name);
    if length_of_names(roots) > LONGEST_HINT { Vec::new() } else { names.collect() }
}

/// As they are sent: each name with its length in two bytes.
fn length_of_names(roots: &[Root]) -> usize {
    roots.iter().map(|root| 2 + root.distinguished_name().as_ref().len()).sum()
}
