//! The steps of a rollover. Each may be killed at any point: running it again completes it.

use crate::directory::{NEXT_KEY, NEXT_ROOT};
use crate::file::Readers;
use crate::identity_directory::IdentityDirectory;
use crate::locked_directory::text_of;
use crate::record::{AuthorityEntry, key_identifier};
use crate::signers::Signers;
use crate::{
    Authority, AuthorityRequest, DirectoryError, IdentityName, LockedDirectory, Record,
    RevocationListRequest, Rollover, RolloverError, RolloverStep, Serial,
};

/// The result for one identity when its leaf was to come from another root.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Reissued {
    /// The name of the identity.
    pub name: String,
    /// The serial number of the new leaf, or of the existing leaf of that root; or why it was
    /// skipped.
    pub leaf: Result<Serial, NotReissued>,
}

/// Why an identity keeps its leaf in a rollover.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum NotReissued {
    /// This authority did not issue it.
    NotOurs,
    /// Its leaf is revoked.
    Revoked,
}

impl LockedDirectory {
    /// Creates the new root, and writes both roots and both lists to every directory.
    pub fn begin_rollover(&mut self) -> Result<Rollover, RolloverError> {
        let mut record = self.directory().record()?;
        match step(&record) {
            None | Some(RolloverStep::Aborted | RolloverStep::Finished) => {
                self.make_next_root(&mut record)?;
            }
            Some(RolloverStep::Beginning | RolloverStep::Begun) => {}
            Some(step) => return Err(RolloverError::OutOfOrder { asked: "begin", step }),
        }
        self.refresh_lists(&mut record)?;
        self.spread_trust()?;
        self.set_step(&mut record, RolloverStep::Begun)
    }

    /// Gives every identity a leaf of the new root, with a new key and the same names.
    pub fn issue_rollover(&mut self) -> Result<(Rollover, Vec<Reissued>), RolloverError> {
        let mut record = self.directory().record()?;
        match step(&record).ok_or(RolloverError::NotUnderWay)? {
            RolloverStep::Begun | RolloverStep::Issuing => {}
            step => return Err(RolloverError::OutOfOrder { asked: "issue", step }),
        }
        let rollover = self.set_step(&mut record, RolloverStep::Issuing)?;
        self.refresh_lists(&mut record)?;
        self.spread_trust()?;
        Ok((rollover, self.reissue(&record)?))
    }

    /// Removes the old root from every directory; the new one becomes the only root.
    pub fn finish_rollover(&mut self) -> Result<Rollover, RolloverError> {
        let mut record = self.directory().record()?;
        match step(&record).ok_or(RolloverError::NotUnderWay)? {
            RolloverStep::Finished => return known(&record),
            RolloverStep::Finishing | RolloverStep::Issuing => {}
            step => return Err(RolloverError::OutOfOrder { asked: "finish", step }),
        }
        let Signers { next, present } = self.signers(&record)?;
        self.refuse_leaves_of(&present, &record, "issue")?;
        self.set_step(&mut record, RolloverStep::Finishing)?;
        self.refresh_lists(&mut record)?;
        self.spread_trust()?;

        let next = next.ok_or(RolloverError::NotUnderWay)?;
        let trust = self.trust_files(&record)?.alone();
        let rollover = ended(&mut record, RolloverStep::Finished)?;
        let files = [
            ("ca.key", next.key_pem(), Readers::Owner),
            ("ca.crt", trust.roots, Readers::Everybody),
            ("ca.crl", trust.lists, Readers::Everybody),
            ("issued.json", text_of(&record), Readers::Everybody),
        ];
        let replaced = self.directory().replace_ca(&files);
        replaced.map_err(DirectoryError::file("write", self.directory().ca()))?;
        Ok(rollover)
    }

    /// Aborts: writes both roots and both lists to every directory again, and makes the old root
    /// issue.
    pub fn begin_abort(&mut self) -> Result<Rollover, RolloverError> {
        let mut record = self.directory().record()?;
        match step(&record).ok_or(RolloverError::NotUnderWay)? {
            RolloverStep::Aborted | RolloverStep::Withdrawing => return known(&record),
            step @ RolloverStep::Finished => {
                return Err(RolloverError::OutOfOrder { asked: "abort", step });
            }
            _ => {}
        }
        let rollover = self.set_step(&mut record, RolloverStep::Aborting)?;
        self.refresh_lists(&mut record)?;
        self.spread_trust()?;
        Ok(rollover)
    }

    /// Continues to abort: gives every identity whose leaf is of the new root one of the old root.
    pub fn issue_abort(&mut self) -> Result<Vec<Reissued>, RolloverError> {
        let record = self.directory().record()?;
        if step(&record) == Some(RolloverStep::Aborting) {
            self.reissue(&record)
        } else {
            Ok(Vec::new())
        }
    }

    /// Ends the abort: removes the new root from every directory.
    pub fn finish_abort(&mut self) -> Result<Rollover, RolloverError> {
        let mut record = self.directory().record()?;
        match step(&record).ok_or(RolloverError::NotUnderWay)? {
            RolloverStep::Aborted => return known(&record),
            RolloverStep::Aborting | RolloverStep::Withdrawing => {}
            step => return Err(RolloverError::OutOfOrder { asked: "abort", step }),
        }
        if let Some(next) = self.signers(&record)?.next {
            self.refuse_leaves_of(&next, &record, "abort")?;
        }
        self.set_step(&mut record, RolloverStep::Withdrawing)?;
        self.refresh_lists(&mut record)?;
        self.spread_trust()?;

        let trust = self.trust_files(&record)?.alone();
        self.write_in_ca(&[
            ("ca.crl", &trust.lists, Readers::Everybody),
            ("ca.crt", &trust.roots, Readers::Everybody),
        ])?;
        let rollover = ended(&mut record, RolloverStep::Aborted)?;
        self.write_record(&record)?;
        self.directory()
            .forget_next_root()
            .map_err(DirectoryError::file("clear up", self.directory().ca()))?;
        Ok(rollover)
    }

    fn make_next_root(&self, record: &mut Record) -> Result<(), RolloverError> {
        let present = self.signers(&Record { rollover: None, ..record.clone() })?.present;
        let next = Authority::generate(&AuthorityRequest::default())?;
        self.write_in_ca(&[
            (NEXT_KEY, &next.key_pem(), Readers::Owner),
            (NEXT_ROOT, next.root().pem(), Readers::Everybody),
        ])?;
        // No list is signed yet: the first one will have the number 1.
        let no_list = RevocationListRequest::new(0);
        record.authorities.push(AuthorityEntry::new(&next, &no_list));
        record.rollover = Some(Rollover::new(present.root(), next.root()));
        Ok(self.write_record(record)?)
    }

    fn set_step(&self, record: &mut Record, step: RolloverStep) -> Result<Rollover, RolloverError> {
        let rollover = record.rollover.as_mut().ok_or(RolloverError::NotUnderWay)?;
        if rollover.step != step {
            rollover.step = step;
            self.write_record(record)?;
        }
        known(record)
    }

    fn reissue(&mut self, record: &Record) -> Result<Vec<Reissued>, RolloverError> {
        let signers = self.signers(record)?;
        let mut all = Vec::new();
        for name in self.identities()? {
            let leaf = match plan(&self.place_of(&name), &name, &signers, record) {
                Plan::Keep(serial) => Ok(serial),
                Plan::Skip(why) => Err(why),
                Plan::Renew(name) => Ok(self.renew(&name)?.serial().clone()),
            };
            all.push(Reissued { name, leaf });
        }
        Ok(all)
    }

    fn refuse_leaves_of(
        &self,
        root: &Authority,
        record: &Record,
        renewing: &'static str,
    ) -> Result<(), RolloverError> {
        let mut names = self.identities()?;
        names.retain(|name| stands_in(&self.place_of(name), name, root, record));
        if names.is_empty() {
            return Ok(());
        }
        let root = root.root().common_name().to_owned();
        Err(RolloverError::LeavesStand { names, renewing, root })
    }
}

enum Plan {
    Keep(Serial),
    Renew(IdentityName),
    Skip(NotReissued),
}

fn plan(place: &IdentityDirectory, name: &str, signers: &Signers, record: &Record) -> Plan {
    let issuing = signers.issuing(record).root();
    let foreign = Plan::Skip(NotReissued::NotOurs);
    let (Some(newest), Ok(parsed)) = (record.newest(name), name.parse()) else {
        return foreign;
    };
    // If no leaf can be read, only the record has its issuer.
    let leaf = place.chain().ok().map(|mut chain| chain.swap_remove(0));
    let signed = |leaf| signers.all().any(|authority| authority.root().signed(leaf));
    if leaf.as_ref().is_some_and(|leaf| !signed(leaf)) {
        return foreign;
    }
    let entry = leaf.as_ref().map_or(Some(newest), |leaf| record.find(leaf.serial()));
    match entry {
        None => foreign,
        Some(entry) if entry.revoked.is_some() => Plan::Skip(NotReissued::Revoked),
        Some(_) => match place.leaf() {
            Ok(leaf) if issuing.signed(&leaf) => Plan::Keep(leaf.serial().clone()),
            _ => Plan::Renew(parsed),
        },
    }
}

// An intermediate may have issued the leaf, so the whole chain counts.
fn stands_in(place: &IdentityDirectory, name: &str, root: &Authority, record: &Record) -> bool {
    match place.chain() {
        Ok(chain) => chain.iter().any(|certificate| root.root().signed(certificate)),
        Err(_) => {
            let newest = record.newest(name);
            newest.is_some_and(|newest| newest.authority == key_identifier(root.root()))
        }
    }
}

fn step(record: &Record) -> Option<RolloverStep> {
    record.rollover.as_ref().map(|rollover| rollover.step)
}

fn known(record: &Record) -> Result<Rollover, RolloverError> {
    record.rollover.clone().ok_or(RolloverError::NotUnderWay)
}

// The present root is the last one in the record.
fn ended(record: &mut Record, step: RolloverStep) -> Result<Rollover, RolloverError> {
    let rollover = record.rollover.as_mut().ok_or(RolloverError::NotUnderWay)?;
    rollover.step = step;
    let rollover = rollover.clone();
    let issuing_root = &rollover.issuing().key_identifier;
    record.authorities.sort_by_key(|entry| entry.key_identifier == *issuing_root);
    Ok(rollover)
}
