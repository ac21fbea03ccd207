//! What became of an authority or an identity that was to be made sure of.

use time::OffsetDateTime;

use crate::{Entry, Fault, Leaf};

/// What became of the authority.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum AuthorityOutcome {
    /// The old one had ended at that moment, and a new one was made.
    Ended(OffsetDateTime),
    /// The list was signed anew.
    ListRenewed,
    /// There was none, or a new one was asked for.
    Made,
    /// It is as it was.
    Unchanged,
}

/// What became of an identity.
#[derive(Debug)]
pub enum IdentityOutcome {
    /// There was none.
    Made(Leaf),
    /// A new one was asked for, or the old one had the fault.
    MadeAnew(Leaf, Option<Fault>),
    /// The leaf is as it was; these files of the authority were put back.
    Repaired(Vec<&'static str>),
    /// It is as it was.
    Unchanged(Entry),
}
