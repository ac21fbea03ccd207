//! The record of issued leaves: names, dates, and revocations.

use serde::{Deserialize, Serialize};
use time::OffsetDateTime;

use crate::{Authority, Certificate, Entry, Revocation, RevocationListRequest, Rollover, Serial};

/// Everything that an authority's directory has issued; the file `ca/issued.json`.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Record {
    /// Every root that ever issued, the present one last; during a rollover the next one after
    /// it.
    pub authorities: Vec<AuthorityEntry>,
    /// Every leaf, the newest last; of the expired leaves of one name, the newest hundred.
    pub issued: Vec<Entry>,
    /// The rollover that is under way, or the last one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rollover: Option<Rollover>,
}

/// A root and the newest list that it signed.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct AuthorityEntry {
    /// Its common name.
    pub common_name: String,
    /// Its key identifier in hex.
    pub key_identifier: String,
    /// When it expires.
    #[serde(with = "time::serde::rfc3339")]
    pub not_after: OffsetDateTime,
    /// The number of its newest revocation list.
    pub list_number: u64,
    /// When that list was made.
    #[serde(with = "time::serde::rfc3339")]
    pub list_this_update: OffsetDateTime,
    /// When that list becomes stale.
    #[serde(with = "time::serde::rfc3339")]
    pub list_next_update: OffsetDateTime,
}

impl Record {
    /// The newest leaf of this name.
    pub fn newest(&self, name: &str) -> Option<&Entry> {
        self.issued.iter().rev().find(|entry| entry.name == name)
    }

    /// The leaf with this serial number.
    pub fn find(&self, serial: &Serial) -> Option<&Entry> {
        self.issued.iter().find(|entry| entry.serial == *serial)
    }

    /// The roots that can sign: the present one, and during a rollover the next one after it.
    pub fn signers(&self) -> impl Iterator<Item = &AuthorityEntry> {
        let rollover = self.rollover.as_ref().filter(|rollover| rollover.is_under_way());
        let last = self.authorities.last();
        self.authorities.iter().filter(move |entry| match rollover {
            None => last.is_some_and(|last| last.key_identifier == entry.key_identifier),
            Some(rollover) => [&rollover.old, &rollover.new]
                .iter()
                .any(|root| root.key_identifier == entry.key_identifier),
        })
    }

    /// The root that issues leaves.
    pub fn issuing(&self) -> Option<&AuthorityEntry> {
        let rollover = self.rollover.as_ref().filter(|rollover| rollover.is_under_way());
        self.signers().find(|entry| {
            rollover
                .is_none_or(|rollover| rollover.issuing().key_identifier == entry.key_identifier)
        })
    }

    /// Whether identities trust the root with this key identifier.
    pub fn trusts(&self, key_identifier: &str) -> bool {
        let rollover = self.rollover.as_ref().filter(|rollover| rollover.is_under_way());
        self.signers().any(|entry| entry.key_identifier == key_identifier)
            && rollover.is_none_or(|rollover| rollover.trusts(key_identifier))
    }

    /// Adds a leaf, and removes the oldest of its name that expired long ago: with short lifetimes
    /// the record would grow without bound.
    pub(crate) fn add(&mut self, entry: Entry) {
        let now = OffsetDateTime::now_utc();
        let ended = |other: &Entry| other.name == entry.name && other.not_after < now;
        let count = self.issued.iter().filter(|other| ended(other)).count();
        let mut surplus = count.saturating_sub(ENDED_KEPT);
        self.issued.retain(|other| {
            let forgotten = surplus > 0 && ended(other);
            surplus -= usize::from(forgotten);
            !forgotten
        });
        self.issued.push(entry);
    }

    pub(crate) fn authority_mut(&mut self, key_identifier: &str) -> Option<&mut AuthorityEntry> {
        let mut authorities = self.authorities.iter_mut();
        authorities.find(|entry| entry.key_identifier == key_identifier)
    }

    /// The next list of this root: everything that it issued, that was revoked, and that has not
    /// expired (RFC 5280, 3.3).
    pub(crate) fn list_request(&self, key_identifier: &str, number: u64) -> RevocationListRequest {
        let now = OffsetDateTime::now_utc();
        // A certificate is valid to the end of its last second.
        let second = now.replace_nanosecond(0).unwrap_or(now);
        self.issued
            .iter()
            .filter(|entry| entry.authority == key_identifier && entry.not_after >= second)
            .filter_map(|entry| {
                let revoked = entry.revoked.as_ref()?;
                Some(Revocation {
                    at: revoked.at,
                    reason: revoked.reason,
                    serial: entry.serial.clone(),
                })
            })
            .fold(RevocationListRequest::new(number), RevocationListRequest::revocation)
    }
}

impl AuthorityEntry {
    pub(crate) fn new(authority: &Authority, list: &RevocationListRequest) -> Self {
        let root = authority.root();
        Self {
            common_name: root.common_name().to_owned(),
            key_identifier: key_identifier(root),
            not_after: root.not_after(),
            list_number: list.number(),
            list_this_update: list.dates().0,
            list_next_update: list.dates().1,
        }
    }

    /// Whether less than a third of the list's lifetime is left.
    pub fn list_is_near_its_end(&self, now: OffsetDateTime) -> bool {
        self.list_due() < now
    }

    /// When less than a third of the list's lifetime will be left.
    pub fn list_due(&self) -> OffsetDateTime {
        self.list_next_update - (self.list_next_update - self.list_this_update) / 3
    }
}

/// How many expired leaves of one name the record keeps.
const ENDED_KEPT: usize = 100;

/// A key identifier in the form of the record.
pub(crate) fn key_identifier(certificate: &Certificate) -> String {
    let bytes = certificate.key_identifier().iter();
    bytes.map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::Record;
    use crate::{Authority, AuthorityRequest, Entry, LeafRequest};

    #[test]
    fn the_newest_hundred_expired_leaves_of_a_name_are_kept() {
        let authority = Authority::generate(&AuthorityRequest::default()).unwrap();
        let ended = time::OffsetDateTime::now_utc() - time::Duration::days(1);
        let started = ended - time::Duration::days(1);
        let request = LeafRequest::new("a").not_before(started).not_after(ended);
        let leaf = authority.issue(&request).unwrap();
        let entry =
            |name: &str| Entry::new(name, request.subject(), leaf.certificate(), authority.root());
        let mut record = Record::default();

        record.add(entry("other"));
        for _ in 0..150 {
            record.add(entry("a"));
        }

        assert_eq!(record.issued.iter().filter(|entry| entry.name == "a").count(), 101);
        assert_eq!(record.issued[0].name, "other");
    }
}
