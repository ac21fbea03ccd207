//! Everything that writes in an authority's directory, under its lock.

use std::{
    fs::{self, File},
    io,
};

use time::OffsetDateTime;

use crate::{
    Authority, AuthorityOutcome, AuthorityRequest, Directory, DirectoryError, Entry, IdentityName,
    IdentityOutcome, Leaf, LeafRequest, Record, RevocationListRequest, RevocationReason, Revoked,
    Serial,
    file::{self, Readers},
    identity_directory::{IdentityDirectory, TrustFiles},
    record::{AuthorityEntry, key_identifier},
};

/// A directory in which nobody else writes until this is dropped.
pub struct LockedDirectory {
    directory: Directory,
    _lock: File,
}

impl LockedDirectory {
    pub(crate) fn new(directory: Directory, lock: File) -> Self {
        Self { directory, _lock: lock }
    }

    /// Makes an authority with an empty list if there is none that still lives, or if `anew`; and
    /// makes its list anew where less than a third of its life is left.
    pub fn ensure_authority(&mut self, anew: bool) -> Result<AuthorityOutcome, DirectoryError> {
        if anew || !self.directory.ca().exists() {
            self.make_authority()?;
            return Ok(AuthorityOutcome::Made);
        }
        let authority = self.authority()?;
        let ends = authority.root().not_after();
        if ends < OffsetDateTime::now_utc() {
            self.make_authority()?;
            return Ok(AuthorityOutcome::Ended(ends));
        }
        if self.list_is_good(&authority)? {
            return Ok(AuthorityOutcome::Unchanged);
        }
        self.sign_list(&authority, &mut self.directory.record()?)?;
        Ok(AuthorityOutcome::ListRenewed)
    }

    /// The authority.
    pub fn authority(&self) -> Result<Authority, DirectoryError> {
        let path = self.directory.path().to_owned();
        let authority = self.directory.authority()?;
        authority.ok_or(DirectoryError::NoAuthority(path))
    }

    /// Issues an identity of a new name.
    pub fn issue(
        &mut self,
        name: &IdentityName,
        request: &LeafRequest,
    ) -> Result<Leaf, DirectoryError> {
        let place = self.place(name);
        if place.exists() {
            return Err(DirectoryError::Exists {
                name: name.clone(),
                path: place.path().to_owned(),
            });
        }
        self.fill(name, request)
    }

    /// Leaves an identity that is fit and as asked for, and makes it otherwise, or if `anew`.
    pub fn ensure_identity(
        &mut self,
        name: &IdentityName,
        request: &LeafRequest,
        anew: bool,
    ) -> Result<IdentityOutcome, DirectoryError> {
        let place = self.place(name);
        if !place.exists() {
            return Ok(IdentityOutcome::Made(self.fill(name, request)?));
        }
        let (authority, record) = (self.authority()?, self.directory.record()?);
        let fault = place.fault(authority.root(), &record, Some(&request.subject()));
        if anew || fault.is_some() {
            let leaf = self.fill(name, request)?;
            return Ok(IdentityOutcome::MadeAnew(leaf, fault));
        }
        let list = self.list()?;
        let repaired =
            place.write_trust(TrustFiles { list: &list, root: authority.root().pem() })?;
        let leaf = place.leaf().ok();
        let entry = leaf.and_then(|leaf| record.find(leaf.serial()).cloned());
        match entry.filter(|_| repaired.is_empty()) {
            Some(entry) => Ok(IdentityOutcome::Unchanged(entry)),
            None => Ok(IdentityOutcome::Repaired(repaired)),
        }
    }

    /// Gives an identity a new key and a new leaf with the same names, use and lifetime.
    pub fn renew(&mut self, name: &IdentityName) -> Result<Leaf, DirectoryError> {
        let record = self.directory.record()?;
        let entry = record.newest(name.as_str());
        let entry = entry.ok_or_else(|| DirectoryError::Unknown(name.to_string()))?;
        self.fill(name, &entry.subject.request())
    }

    /// Revokes the leaf with this serial number, or every leaf of this name that still lives, and
    /// puts the new list into every directory. Answers with what it revoked.
    pub fn revoke(
        &mut self,
        what: &str,
        reason: RevocationReason,
    ) -> Result<Vec<Entry>, DirectoryError> {
        let authority = self.authority()?;
        let mut record = self.directory.record()?;
        let issuer = key_identifier(authority.root());
        let now = crate::validity::whole_seconds(OffsetDateTime::now_utc());
        let serial: Option<Serial> = what.parse().ok();
        let matching = |entry: &&mut Entry| {
            entry.authority == issuer
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
        if !revoked.is_empty() || !self.list_is_good(&authority)? {
            self.sign_list(&authority, &mut record)?;
        } else {
            // A run that was killed may have left directories with the list before.
            self.spread_list()?;
            return Err(DirectoryError::AlreadyRevoked(what.to_owned()));
        }
        Ok(revoked)
    }

    /// Puts the newest list into every directory that trusts this authority, where it is missing.
    pub fn spread_list(&self) -> Result<(), DirectoryError> {
        let (authority, list) = (self.authority()?, self.list()?);
        for name in self.identities()? {
            let place = IdentityDirectory::new(self.directory.path().join(name));
            if place.trusts(authority.root()) {
                place.write_trust(TrustFiles { list: &list, root: authority.root().pem() })?;
            }
        }
        Ok(())
    }

    /// The names of identities that the present authority did not sign.
    pub fn strangers(&self) -> Result<Vec<String>, DirectoryError> {
        let authority = self.authority()?;
        let mut names = self.identities()?;
        names.retain(|name| {
            let place = IdentityDirectory::new(self.directory.path().join(name));
            !place.leaf().is_ok_and(|leaf| authority.root().signed(&leaf))
        });
        Ok(names)
    }

    /// The names of all identities in the directory.
    pub fn identities(&self) -> Result<Vec<String>, DirectoryError> {
        let path = self.directory.path();
        let names = self.directory.identities();
        names.map_err(DirectoryError::file("read", path))
    }

    // The entry comes first: nothing is ever issued that the record does not know.
    fn fill(&mut self, name: &IdentityName, request: &LeafRequest) -> Result<Leaf, DirectoryError> {
        let authority = self.authority()?;
        let leaf = authority.issue(request)?;
        let mut record = self.directory.record()?;
        if !self.list_is_good(&authority)? {
            self.sign_list(&authority, &mut record)?;
        }
        record.issued.push(Entry::new(
            name.as_str(),
            request.subject(),
            leaf.certificate(),
            authority.root(),
        ));
        self.write_record(&record)?;
        let list = self.list()?;
        let trust = TrustFiles { list: &list, root: authority.root().pem() };
        self.place(name).fill(&leaf, trust)?;
        Ok(leaf)
    }

    fn make_authority(&mut self) -> Result<(), DirectoryError> {
        let mut record = match self.directory.record() {
            Err(DirectoryError::NoAuthority(_)) => Record::default(),
            // Somebody took it away: a new authority can do without the old one's record.
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
        let files = [
            ("ca.key", authority.key_pem(), Readers::Owner),
            ("ca.crt", authority.root().pem().to_owned(), Readers::Everybody),
            ("ca.crl", list.pem().to_owned(), Readers::Everybody),
            ("issued.json", text_of(&record), Readers::Everybody),
        ];
        let replaced = self.directory.replace_ca(&files);
        replaced.map_err(DirectoryError::file("write", self.directory.ca()))
    }

    fn list_is_good(&self, authority: &Authority) -> Result<bool, DirectoryError> {
        let record = self.directory.record()?;
        let issuer = key_identifier(authority.root());
        let entry = record.authorities.iter().find(|entry| entry.key_identifier == issuer);
        let now = OffsetDateTime::now_utc();
        Ok(entry.is_some_and(|entry| {
            !entry.list_is_near_its_end(now)
                && self.list().is_ok_and(|list| number_of(&list) == Some(entry.list_number))
        }))
    }

    // The record keeps the number, so that it never goes back, whatever becomes of the file.
    fn sign_list(&self, authority: &Authority, record: &mut Record) -> Result<(), DirectoryError> {
        let issuer = key_identifier(authority.root());
        let newest = record.authority_mut(&issuer).map_or(0, |entry| entry.list_number);
        let request = record.list_request(&issuer, newest + 1);
        let list = authority.revocation_list(&request)?;
        let entry = AuthorityEntry::new(authority, &request);
        match record.authority_mut(&issuer) {
            Some(old) => *old = entry,
            None => record.authorities.push(entry),
        }
        self.write_record(record)?;
        let path = self.directory.in_ca("ca.crl");
        file::write(&path, list.pem().as_bytes(), Readers::Everybody)
            .map_err(DirectoryError::file("write", path))?;
        self.spread_list()
    }

    fn list(&self) -> Result<String, DirectoryError> {
        let path = self.directory.in_ca("ca.crl");
        fs::read_to_string(&path).map_err(DirectoryError::file("read", path))
    }

    fn write_record(&self, record: &Record) -> Result<(), DirectoryError> {
        let path = self.directory.in_ca("issued.json");
        file::write(&path, text_of(record).as_bytes(), Readers::Everybody)
            .map_err(DirectoryError::file("write", path))
    }

    fn place(&self, name: &IdentityName) -> IdentityDirectory {
        IdentityDirectory::new(self.directory.path().join(name.as_str()))
    }
}

fn text_of(record: &Record) -> String {
    let mut text = serde_json::to_string_pretty(record).expect("a record must have a JSON form");
    text.push('\n');
    text
}

fn number_of(list: &str) -> Option<u64> {
    let pem = x509_parser::pem::Pem::iter_from_buffer(list.as_bytes()).next()?.ok()?;
    let (_, list) = x509_parser::parse_x509_crl(&pem.contents).ok()?;
    list.crl_number()?.try_into().ok()
}
