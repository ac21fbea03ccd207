//! The roots whose keys are in `ca/`: the present one, and during a rollover the next one.

use crate::record::key_identifier;
use crate::{Authority, Record};

/// The roots that can sign.
pub(crate) struct Signers {
    pub(crate) next: Option<Authority>,
    pub(crate) present: Authority,
}

impl Signers {
    /// All of them, the present one first.
    pub(crate) fn all(&self) -> impl Iterator<Item = &Authority> {
        std::iter::once(&self.present).chain(&self.next)
    }

    /// The one that issues leaves.
    pub(crate) fn issuing(&self, record: &Record) -> &Authority {
        let wanted = record.rollover.as_ref().map(|rollover| &rollover.issuing().key_identifier);
        let next = self.next.as_ref();
        let next = next.filter(|next| Some(&key_identifier(next.root())) == wanted);
        next.unwrap_or(&self.present)
    }

    /// The same, alone.
    pub(crate) fn into_issuing(self, record: &Record) -> Authority {
        let by_next =
            self.next.as_ref().is_some_and(|next| std::ptr::eq(next, self.issuing(record)));
        match self.next {
            Some(next) if by_next => next,
            _ => self.present,
        }
    }

    /// The roots that identities trust.
    pub(crate) fn trusted(&self, record: &Record) -> Vec<&Authority> {
        let rollover = record.rollover.as_ref().filter(|rollover| rollover.is_under_way());
        let trusted = |authority: &&Authority| {
            rollover.is_none_or(|rollover| rollover.trusts(&key_identifier(authority.root())))
        };
        self.all().filter(trusted).collect()
    }
}
