//! What must be renewed, and when the next renewal is due: read from the files, without the lock.

use time::OffsetDateTime;

use crate::identity_directory::IdentityDirectory;
use crate::{Directory, DirectoryError, Entry, Fault, IdentityName, Lifetime, Record};

/// What must be renewed at a point in time.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Renewals {
    /// Identities that are about to expire, but whose authority expires no later: a new leaf would
    /// not live longer.
    pub capped: Vec<IdentityName>,
    /// Identities to renew.
    pub identities: Vec<IdentityName>,
    /// Whether a revocation list must be renewed.
    pub lists: bool,
    /// When the next renewal is due.
    pub next: Option<OffsetDateTime>,
}

enum State {
    Capped,
    Due,
    DueAt(OffsetDateTime),
    NotOurs,
}

impl Directory {
    /// Determines what to renew: everything with less than a third of its lifetime left, or no more
    /// than `within` if that is shorter than its lifetime; and identities that an interrupted
    /// writer left with the wrong key. Revoked leaves and leaves missing from the record are not
    /// renewed.
    pub fn renewals(
        &self,
        now: OffsetDateTime,
        within: Option<Lifetime>,
    ) -> Result<Renewals, DirectoryError> {
        let record = self.record()?;
        let names = self.identities().map_err(DirectoryError::file("read", self.path()))?;
        let mut renewals = Renewals::default();
        let mut moments = Vec::new();
        for name in names.iter().filter_map(|name| name.parse::<IdentityName>().ok()) {
            let place = IdentityDirectory::new(self.path().join(name.as_str()));
            match state(&place, &record, now, within) {
                State::Capped => renewals.capped.push(name),
                State::Due => renewals.identities.push(name),
                State::DueAt(moment) => moments.push(moment),
                State::NotOurs => {}
            }
        }
        for signer in record.signers() {
            if signer.list_is_near_its_end(now) {
                renewals.lists = true;
            } else {
                moments.push(signer.list_due());
            }
        }
        renewals.next = moments.into_iter().min();
        Ok(renewals)
    }
}

fn state(
    place: &IdentityDirectory,
    record: &Record,
    now: OffsetDateTime,
    within: Option<Lifetime>,
) -> State {
    let Some(leaf) = place.chain().ok().map(|mut chain| chain.swap_remove(0)) else {
        return State::NotOurs;
    };
    let Some(entry) = record.find(leaf.serial()).filter(|entry| entry.revoked.is_none()) else {
        return State::NotOurs;
    };
    let due = due(entry, within);
    if place.leaf().err() == Some(Fault::KeyMismatch) {
        State::Due
    } else if due >= now {
        State::DueAt(due)
    } else if record.issuing().is_some_and(|authority| authority.not_after <= entry.not_after) {
        State::Capped
    } else {
        State::Due
    }
}

fn due(entry: &Entry, within: Option<Lifetime>) -> OffsetDateTime {
    let within = within.map(Lifetime::duration).filter(|within| *within < entry.life());
    within.map_or(entry.due(), |within| entry.not_after - within)
}

#[cfg(test)]
mod tests {
    use time::{Duration, OffsetDateTime};

    use super::due;
    use crate::{Authority, AuthorityRequest, Entry, LeafRequest, Lifetime};

    #[test]
    fn a_leaf_is_due_in_its_last_third_or_within_a_shorter_span_than_its_life() {
        let authority = Authority::generate(&AuthorityRequest::default()).unwrap();
        let request = LeafRequest::new("a").lifetime(Lifetime::seconds(21));
        let leaf = authority.issue(&request).unwrap();
        let entry = Entry::new("a", request.subject(), leaf.certificate(), authority.root());

        let left =
            |within: Option<u32>| entry.not_after - due(&entry, within.map(Lifetime::seconds));

        assert_eq!(left(None), Duration::seconds(7));
        assert_eq!(left(Some(20)), Duration::seconds(20));
        assert_eq!(left(Some(2)), Duration::seconds(2));
        assert_eq!(left(Some(21)), Duration::seconds(7));
        assert!(!entry.is_near_its_end(OffsetDateTime::now_utc()));
        assert!(entry.is_near_its_end(entry.due() + Duration::SECOND));
    }
}
