//! Whether anything in a path has been revoked, by the lists of the issuers in it.

use time::OffsetDateTime;
use x509_parser::extensions::KeyUsage;

use super::name::Name;
use super::path::Path;
use super::presented::may;
use super::{Revocation, RevocationList};
use crate::event::refusal::{Code, Reason};
use crate::moment::Moment;

impl Path<'_> {
    /// Refuses a path in which a certificate is listed, or whose lists are not what is required.
    /// Answers with the lists that were consulted; none where lists are off.
    pub(super) fn refuse_revoked(
        &self,
        now: OffsetDateTime,
    ) -> Result<Vec<&RevocationList>, Reason> {
        if self.trust.revocation == Revocation::Off {
            return Ok(Vec::new());
        }
        let mut consulted = Vec::new();
        // All lists are asked who is revoked before any is found wanting.
        let mut wanting = Ok(());
        for (step, &index) in self.steps.iter().enumerate() {
            let lists = match self.steps.get(step + 1) {
                Some(&issuer) => self.lists_of_intermediate(index, issuer),
                None => Ok(self.trust.lists.iter().filter(|list| list.is_of(self.root)).collect()),
            };
            let checked = lists.and_then(|lists| {
                self.refuse_listed(index, &lists)?;
                self.refuse_missing_or_stale(index, &lists, now)?;
                consulted.extend(lists);
                Ok(())
            });
            match checked {
                Err(reason) if reason.code == Code::Revoked => return Err(reason),
                checked => wanting = wanting.and(checked),
            }
        }
        wanting.map(|()| consulted)
    }

    /// The newest list that the issuer's key signed; of equally new ones all.
    fn lists_of_intermediate(
        &self,
        index: usize,
        issuer: usize,
    ) -> Result<Vec<&RevocationList>, Reason> {
        let issuer = &self.chain.parsed[issuer];
        let (name, key) = (Name::of(issuer.subject), issuer.public_key);
        let named = self.trust.lists.iter().filter(|list| list.may_be_of(&name, key));
        let own_key = issuer.extensions.subject_key_identifier;
        // The authority key identifier says which to try first, and the signature decides.
        let (others, likely): (Vec<_>, Vec<_>) =
            named.partition(|list| list.names_another_key(own_key));
        let unknown = |detail: String| {
            let reason = self.chain.reason(Code::RevocationUnknown, index);
            Err(reason.with_detail(detail))
        };
        let Some(&first) = likely.first().or(others.first()) else {
            return Ok(Vec::new());
        };
        let is_signed = |list: &&RevocationList| list.is_signed_by(key);
        let mut signed: Vec<_> = likely.into_iter().filter(is_signed).collect();
        if signed.is_empty() {
            signed = others.into_iter().filter(is_signed).collect();
        }
        if signed.is_empty() {
            return unknown(format!("the list of {} is not signed by its key", first.issuer));
        }
        if !may(issuer, KeyUsage::crl_sign) {
            let list = &first.issuer;
            return unknown(format!("the key usage of {list} does not include cRLSign"));
        }
        let is_newest =
            |list: &&RevocationList| !signed.iter().any(|other| list.is_older_than(other));
        Ok(signed.iter().copied().filter(is_newest).collect())
    }

    fn refuse_listed(&self, index: usize, lists: &[&RevocationList]) -> Result<(), Reason> {
        let serial_number = self.chain.parsed[index].serial;
        let Some(entry) = lists.iter().find_map(|list| list.entry(serial_number)) else {
            return Ok(());
        };
        let detail =
            format!("at {}, {}", Moment(entry.at), entry.reason.unwrap_or("no reason given"));
        Err(self.chain.reason(Code::Revoked, index).with_detail(detail))
    }

    fn refuse_missing_or_stale(
        &self,
        index: usize,
        lists: &[&RevocationList],
        now: OffsetDateTime,
    ) -> Result<(), Reason> {
        if self.trust.revocation != Revocation::Required {
            return Ok(());
        }
        if lists.is_empty() {
            return Err(self.chain.reason(Code::RevocationUnknown, index));
        }
        let Some(list) = lists.iter().find(|list| list.is_stale(now)) else {
            return Ok(());
        };
        let since = list.next_update.map_or_else(String::new, |due| Moment(due).to_string());
        let detail = format!("the list of {} was to be replaced by {since}", list.issuer);
        Err(self.chain.reason(Code::RevocationListStale, index).with_detail(detail))
    }
}
