//! Issues into an authority's directory, under its lock; lists and rollovers have files of their
//! own.

use std::{fs::File, io};

use time::OffsetDateTime;

use crate::file::{self, Readers};
use crate::identity_directory::IdentityDirectory;
use crate::record::AuthorityEntry;
use crate::signers::Signers;
use crate::{
    Authority, AuthorityOutcome, AuthorityRequest, Directory, DirectoryError, Entry, IdentityName,
    IdentityOutcome, Leaf, LeafRequest, Record, RevocationListRequest,
};

/// A locked directory: no other process writes to it until this is dropped.
pub struct LockedDirectory {
    directory: Directory,
    _lock: File,
}

impl LockedDirectory {
    pub(crate) fn new(directory: Directory, lock: File) -> Self {
        Self { directory, _lock: lock }
    }

    /// Creates an authority with an empty list if there is no unexpired one, or if `replace`; and
    /// replaces its list if less than a third of its lifetime is left. A rollover continues, unless
    /// a new authority is created.
    pub fn ensure_authority(&mut self, replace: bool) -> Result<AuthorityOutcome, DirectoryError> {
        if replace || !self.directory.ca().exists() {
            self.make_authority()?;
            return Ok(AuthorityOutcome::Made);
        }
        let mut record = match self.directory.record() {
            // Without the record, only the authority's own files can be checked.
            Err(DirectoryError::File { .. }) => Record::default(),
            record => record?,
        };
        let ends = self.signers(&record)?.issuing(&record).root().not_after();
        if ends < OffsetDateTime::now_utc() {
            self.make_authority()?;
            return Ok(AuthorityOutcome::Ended(ends));
        }
        if record.authorities.is_empty() {
            record = self.directory.record()?;
        }
        if self.refresh_lists(&mut record)?.is_empty() {
            Ok(AuthorityOutcome::Unchanged)
        } else {
            Ok(AuthorityOutcome::ListRenewed)
        }
    }

    /// The authority that issues.
    pub fn authority(&self) -> Result<Authority, DirectoryError> {
        let record = self.directory.record()?;
        Ok(self.signers(&record)?.into_issuing(&record))
    }

    /// Issues an identity of a new name, into a new directory or an empty one.
    pub fn issue(
        &mut self,
        name: &IdentityName,
        request: &LeafRequest,
    ) -> Result<Leaf, DirectoryError> {
        let place = self.place(name);
        if place.exists() && !place.is_empty() {
            return Err(DirectoryError::Exists {
                name: name.clone(),
                path: place.path().to_owned(),
            });
        }
        self.fill(name, request, false)
    }

    /// Keeps an identity that is valid and as requested, unless `replace`; otherwise replaces it.
    pub fn ensure_identity(
        &mut self,
        name: &IdentityName,
        request: &LeafRequest,
        replace: bool,
    ) -> Result<IdentityOutcome, DirectoryError> {
        let place = self.place(name);
        if !place.exists() {
            return Ok(IdentityOutcome::Created(self.fill(name, request, false)?));
        }
        let record = self.directory.record()?;
        let trust = self.trust_files(&record)?;
        let fault = place.fault(&trust, &record, Some(&request.subject()));
        if replace || fault.is_some() {
            let leaf = self.fill(name, request, !replace)?;
            return Ok(IdentityOutcome::Replaced(leaf, fault));
        }
        let repaired = place.write_trust(&trust, true)?;
        let leaf = place.leaf().ok();
        let entry = leaf.and_then(|leaf| record.find(leaf.serial()).cloned());
        match entry.filter(|_| repaired.is_empty()) {
            Some(entry) => Ok(IdentityOutcome::Unchanged(entry)),
            None => Ok(IdentityOutcome::Repaired(repaired)),
        }
    }

    /// Gives an identity a new key and a new leaf with the same names, usage and lifetime.
    pub fn renew(&mut self, name: &IdentityName) -> Result<Leaf, DirectoryError> {
        let record = self.directory.record()?;
        let entry = record.newest(name.as_str());
        let entry = entry.ok_or_else(|| DirectoryError::Unknown(name.to_string()))?;
        self.fill(name, &entry.subject.request(), true)
    }

    /// The names of identities that no currently trusted root signed.
    pub fn strangers(&self) -> Result<Vec<String>, DirectoryError> {
        let trust = self.trust_files(&self.directory.record()?)?;
        let mut names = self.identities()?;
        names.retain(|name| !self.place_of(name).leaf().is_ok_and(|leaf| trust.signed(&leaf)));
        Ok(names)
    }

    /// The names of all identities in the directory.
    pub fn identities(&self) -> Result<Vec<String>, DirectoryError> {
        let path = self.directory.path();
        let names = self.directory.identities();
        names.map_err(DirectoryError::file("read", path))
    }

    // The entry is written first: nothing is ever issued that the record does not contain.
    fn fill(
        &mut self,
        name: &IdentityName,
        request: &LeafRequest,
        beside_others: bool,
    ) -> Result<Leaf, DirectoryError> {
        if beside_others {
            self.place(name).present_trust()?;
        }
        let mut record = self.directory.record()?;
        let authority = self.signers(&record)?.into_issuing(&record);
        let leaf = authority.issue(request)?;
        self.refresh_lists(&mut record)?;
        record.add(Entry::new(
            name.as_str(),
            request.subject(),
            leaf.certificate(),
            authority.root(),
        ));
        self.write_record(&record)?;
        self.place(name).fill(&leaf, &self.trust_files(&record)?, beside_others)?;
        Ok(leaf)
    }

    fn make_authority(&mut self) -> Result<(), DirectoryError> {
        let mut record = match self.directory.record() {
            Err(DirectoryError::NoAuthority(_)) => Record::default(),
            // The record was removed: a new authority does not need the old one's record.
            Err(DirectoryError::File { source, .. })
                if source.kind() == io::ErrorKind::NotFound =>
            {
                Record::default()
            }
            other => other?,
        };
        let authority = Authority::generate(&AuthorityRequest::default())?;
        let request = RevocationListRequest::new(1);
        let list = authority.revocation_list(&request)?;
        record.authorities.push(AuthorityEntry::new(&authority, &request));
        record.rollover = None;
        let files = [
            ("ca.key", authority.key_pem(), Readers::Owner),
            ("ca.crt", authority.root().pem().to_owned(), Readers::Everybody),
            ("ca.crl", list.pem().to_owned(), Readers::Everybody),
            ("issued.json", text_of(&record), Readers::Everybody),
        ];
        let replaced = self.directory.replace_ca(&files);
        replaced.map_err(DirectoryError::file("write", self.directory.ca()))
    }

    pub(crate) fn directory(&self) -> &Directory {
        &self.directory
    }

    pub(crate) fn signers(&self, record: &Record) -> Result<Signers, DirectoryError> {
        let path = self.directory.path();
        self.directory.signers(record)?.ok_or_else(|| DirectoryError::NoAuthority(path.to_owned()))
    }

    pub(crate) fn write_record(&self, record: &Record) -> Result<(), DirectoryError> {
        self.write_in_ca(&[("issued.json", &text_of(record), Readers::Everybody)])
    }

    pub(crate) fn write_in_ca(
        &self,
        files: &[(&str, &str, Readers)],
    ) -> Result<(), DirectoryError> {
        let path = self.directory.ca();
        file::write_together(&path, files).map_err(DirectoryError::file("write into", path))
    }

    pub(crate) fn place_of(&self, name: &str) -> IdentityDirectory {
        IdentityDirectory::new(self.directory.path().join(name))
    }

    fn place(&self, name: &IdentityName) -> IdentityDirectory {
        self.place_of(name.as_str())
    }
}

pub(crate) fn text_of(record: &Record) -> String {
    let mut text = serde_json::to_string_pretty(record).expect("a record must have a JSON form");
    text.push('\n');
    text
}
