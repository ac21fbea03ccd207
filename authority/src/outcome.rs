//! The results of ensuring that an authority or an identity exists.

use time::OffsetDateTime;

use crate::{Entry, Fault, Leaf};

/// The result for an authority.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum AuthorityOutcome {
    /// The old one had expired at that time, and a new one was created.
    Ended(OffsetDateTime),
    /// The list was renewed.
    ListRenewed,
    /// There was none, or a new one was requested.
    Made,
    /// Nothing changed.
    Unchanged,
}

/// The result for an identity.
#[derive(Debug)]
pub enum IdentityOutcome {
    /// There was none.
    Created(Leaf),
    /// The leaf is unchanged; these files of the authority were restored.
    Repaired(Vec<&'static str>),
    /// A new one was requested, or the old one had this fault.
    Replaced(Leaf, Option<Fault>),
    /// Nothing changed.
    Unchanged(Entry),
}
