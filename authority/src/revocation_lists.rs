//! The newest revocation list of each root that can sign: adds revocations, renews lists, and
//! writes roots and lists to every directory that follows them.

use std::fs;

use time::OffsetDateTime;

use crate::file::Readers;
use crate::record::{AuthorityEntry, key_identifier};
use crate::signed_list::SignedList;
use crate::trust_files::TrustFiles;
use crate::validity::whole_seconds;
use crate::{
    Authority, Certificate, DirectoryError, Entry, LockedDirectory, Record, RevocationReason,
    Revoked, Serial,
};

impl LockedDirectory {
    /// Revokes the leaf with this serial number, or every unexpired leaf of this name, and
    /// writes the new list to every directory. Returns the revoked entries.
    pub fn revoke(
        &mut self,
        what: &str,
        reason: RevocationReason,
    ) -> Result<Vec<Entry>, DirectoryError> {
        let mut record = self.directory().record()?;
        let signers = self.signers(&record)?;
        let issuers: Vec<String> =
            signers.all().map(|authority| key_identifier(authority.root())).collect();
        let now = whole_seconds(OffsetDateTime::now_utc());
        let serial: Option<Serial> = what.parse().ok();
        let matching = |entry: &&mut Entry| {
            issuers.contains(&entry.authority)
                && entry.not_after >= now
                && (entry.name == what || serial.as_ref() == Some(&entry.serial))
        };
        let mut found = false;
        let mut revoked = Vec::new();
        for entry in record.issued.iter_mut().filter(matching) {
            found = true;
            if entry.revoked.is_none() {
                entry.revoked = Some(Revoked { at: now, reason });
                revoked.push(entry.clone());
            }
        }
        if !found {
            return Err(DirectoryError::NothingToRevoke(what.to_owned()));
        }
        let concerned = |authority: &Authority| {
            let issuer = key_identifier(authority.root());
            revoked.iter().any(|entry| entry.authority == issuer)
        };
        let signed = self.sign_lists(&mut record, concerned)?;
        // An interrupted run may have left directories with the previous list.
        self.spread_trust()?;
        if signed.is_empty() {
            return Err(DirectoryError::AlreadyRevoked(what.to_owned()));
        }
        Ok(revoked)
    }

    /// Renews, with the next number, each list with less than a third of its lifetime left or whose
    /// file differs from the record, and writes it to every directory. Returns the lists that it
    /// signed.
    pub fn renew_lists(&mut self) -> Result<Vec<AuthorityEntry>, DirectoryError> {
        let mut record = self.directory().record()?;
        let signed = self.refresh_lists(&mut record)?;
        if signed.is_empty() {
            self.spread_trust()?;
        }
        Ok(signed)
    }

    /// Writes the currently trusted roots and their newest lists to every directory that follows
    /// them, where they are missing. Roots and lists of others stay, and a directory that cannot be
    /// written does not stop the others from being updated.
    pub fn spread_trust(&self) -> Result<(), DirectoryError> {
        let trust = self.trust_files(&self.directory().record()?)?;
        let places = self.identities()?.into_iter().map(|name| self.place_of(&name));
        let following = places.filter(|place| place.follows(&trust));
        let written = following.map(|place| place.write_trust(&trust, true).map(drop));
        // All of them are written before the first error is returned.
        written.fold(Ok(()), Result::and)
    }

    pub(crate) fn refresh_lists(
        &self,
        record: &mut Record,
    ) -> Result<Vec<AuthorityEntry>, DirectoryError> {
        let signed = self.sign_lists(record, |_| false)?;
        if !signed.is_empty() {
            self.spread_trust()?;
        }
        Ok(signed)
    }

    pub(crate) fn trust_files(&self, record: &Record) -> Result<TrustFiles, DirectoryError> {
        let signers = self.signers(record)?;
        let trusted = signers.trusted(record);
        let lists = self.lists();
        Ok(TrustFiles::new(
            trusted.iter().map(|authority| authority.root().clone()).collect(),
            trusted.iter().filter_map(|root| list_of(root, &lists).cloned()).collect(),
            signers.all().map(|authority| authority.root().clone()).collect(),
            record
                .authorities
                .iter()
                .map(|entry| entry.key_identifier.clone())
                .chain(signers.all().map(|authority| key_identifier(authority.root())))
                .collect(),
        ))
    }

    // The record keeps the number, so that it never decreases, even if the file is lost.
    fn sign_lists(
        &self,
        record: &mut Record,
        must_renew: impl Fn(&Authority) -> bool,
    ) -> Result<Vec<AuthorityEntry>, DirectoryError> {
        let signers = self.signers(record)?;
        let present = self.lists();
        let (mut lists, mut signed) = (String::new(), Vec::new());
        for authority in signers.all() {
            match list_of(authority, &present) {
                Some(list) if !must_renew(authority) && is_good(list, record) => {
                    lists.push_str(&list.pem);
                }
                _ => {
                    let (entry, list) = next_list(authority, record)?;
                    lists.push_str(&list);
                    signed.push(entry);
                }
            }
        }
        if signed.is_empty() {
            return Ok(signed);
        }
        for entry in &signed {
            match record.authority_mut(&entry.key_identifier) {
                Some(old) => *old = entry.clone(),
                None => record.authorities.push(entry.clone()),
            }
        }
        self.write_record(record)?;
        let roots: String = signers.all().map(Authority::root).map(Certificate::pem).collect();
        let roots = ("ca.crt", roots.as_str(), Readers::Everybody);
        self.write_in_ca(&[roots, ("ca.crl", &lists, Readers::Everybody)])?;
        Ok(signed)
    }

    fn lists(&self) -> Vec<SignedList> {
        let text = fs::read_to_string(self.directory().in_ca("ca.crl"));
        SignedList::read_all(&text.unwrap_or_default())
    }
}

fn list_of<'a>(authority: &Authority, lists: &'a [SignedList]) -> Option<&'a SignedList> {
    let issuer = key_identifier(authority.root());
    lists.iter().find(|list| list.key_identifier == issuer)
}

fn is_good(list: &SignedList, record: &Record) -> bool {
    let now = OffsetDateTime::now_utc();
    let mut known = record.authorities.iter();
    known.find(|entry| entry.key_identifier == list.key_identifier).is_some_and(|entry| {
        !entry.list_is_near_its_end(now) && list.number == Some(entry.list_number)
    })
}

fn next_list(
    authority: &Authority,
    record: &mut Record,
) -> Result<(AuthorityEntry, String), DirectoryError> {
    let issuer = key_identifier(authority.root());
    let newest = record.authority_mut(&issuer).map_or(0, |entry| entry.list_number);
    let request = record.list_request(&issuer, newest + 1);
    let list = authority.revocation_list(&request)?;
    Ok((AuthorityEntry::new(authority, &request), list.pem().to_owned()))
}
