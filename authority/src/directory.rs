//! The directory of an authority and its identities: `ca/` and one directory for each identity.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use fs4::fs_std::FileExt;

use crate::file::{self, Readers, TEMPORARY};
use crate::identity_directory::IdentityDirectory;
use crate::signers::Signers;
use crate::{Authority, DirectoryError, Entry, LockedDirectory, Record, Rollover};

/// The directory of an authority, such as `certs/pki`.
///
/// ```text
/// ca/           ca.crt  ca.key (0600)  ca.crl  issued.json
/// api-service/  tls.crt  tls.key (0600)  ca.crt  ca.crl
/// .lock         locked by the process that writes
/// ```
///
/// During a rollover the next root and its key are in `ca/next.crt` and `ca/next.key` (0600),
/// `ca/ca.crt` and `ca/ca.crl` contain the present root and list first and the next ones after
/// them, and the record contains the step of the rollover.
#[derive(Clone, Debug)]
pub struct Directory {
    path: PathBuf,
}

impl Directory {
    /// Creates a handle; reads nothing yet.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into() }
    }

    /// Its path.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Reads the record without taking the lock.
    pub fn record(&self) -> Result<Record, DirectoryError> {
        let path = self.in_ca("issued.json");
        // While another process replaces `ca/`, it is missing for a moment.
        let text = fs::read_to_string(&path)
            .or_else(|_| fs::read_to_string(self.path.join(NEXT).join("issued.json")))
            .or_else(|_| fs::read_to_string(&path));
        let text = match text {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound && !self.ca().exists() => {
                return Err(DirectoryError::NoAuthority(self.path.clone()));
            }
            Err(error) => return Err(DirectoryError::file("read", path)(error)),
        };
        serde_json::from_str(&text).map_err(|source| DirectoryError::Record { path, source })
    }

    /// Takes the lock, waiting until no other process writes here, and removes the temporary files
    /// of an interrupted writer. The lock is held until the result is dropped.
    pub fn lock(&self) -> Result<LockedDirectory, DirectoryError> {
        if !self.path.exists() {
            return Err(DirectoryError::NoAuthority(self.path.clone()));
        }
        self.create_and_lock()
    }

    /// Does the same, and creates the directory if it is missing.
    pub fn create_and_lock(&self) -> Result<LockedDirectory, DirectoryError> {
        file::make_directories(&self.path).map_err(DirectoryError::file("make", &self.path))?;
        let path = self.path.join(".lock");
        let lock = file::open_lock(&path)
            .and_then(|lock| FileExt::lock_exclusive(&lock).map(|()| lock))
            .map_err(DirectoryError::file("lock", path))?;
        self.recover().map_err(DirectoryError::file("clear up", &self.path))?;
        Ok(LockedDirectory::new(self.clone(), lock))
    }

    pub(crate) fn ca(&self) -> PathBuf {
        self.path.join("ca")
    }

    pub(crate) fn in_ca(&self, name: &str) -> PathBuf {
        self.ca().join(name)
    }

    /// The roots whose keys are in `ca/`, if there is one.
    pub(crate) fn signers(&self, record: &Record) -> Result<Option<Signers>, DirectoryError> {
        if !self.ca().exists() {
            return Ok(None);
        }
        let under_way = record.rollover.as_ref().is_some_and(Rollover::is_under_way);
        let next = if under_way { Some(self.authority(NEXT_ROOT, NEXT_KEY)?) } else { None };
        Ok(Some(Signers { next, present: self.authority("ca.crt", "ca.key")? }))
    }

    fn authority(&self, certificate: &str, key: &str) -> Result<Authority, DirectoryError> {
        let refuse = |source| DirectoryError::Authority {
            certificate: certificate.to_owned(),
            key: key.to_owned(),
            path: self.ca(),
            source,
        };
        let read = |name| {
            let path = self.in_ca(name);
            fs::read_to_string(&path).map_err(DirectoryError::file("read", path))
        };
        let files = read(certificate).and_then(|certificate| Ok((certificate, read(key)?)));
        let (certificate, key) = files.map_err(|error| refuse(error.into()))?;
        Authority::from_pem(&certificate, &key).map_err(|error| refuse(error.into()))
    }

    /// Replaces `ca/` with a new one.
    ///
    /// If the process is killed at any point, [`Directory::lock`] finds the old or the new one.
    pub(crate) fn replace_ca(&self, files: &[(&str, String, Readers)]) -> io::Result<()> {
        let staged = self.path.join(format!("{TEMPORARY}ca"));
        let (next, old) = (self.path.join(NEXT), self.path.join(OLD));
        file::make_directory(&staged, 0o700)?;
        for (name, content, readers) in files {
            file::write(&staged.join(name), content.as_bytes(), *readers)?;
        }
        fs::rename(&staged, &next)?;
        if self.ca().exists() {
            fs::rename(self.ca(), &old)?;
        }
        fs::rename(&next, self.ca())?;
        file::sync_directory(&self.path)?;
        remove_if_there(&old)
    }

    /// The identity directories, by name.
    pub(crate) fn identities(&self) -> io::Result<Vec<String>> {
        let mut names = Vec::new();
        for entry in fs::read_dir(&self.path)? {
            let entry = entry?;
            let name = entry.file_name().to_string_lossy().into_owned();
            if name != "ca" && !name.starts_with('.') && entry.path().join("tls.crt").exists() {
                names.push(name);
            }
        }
        names.sort();
        Ok(names)
    }

    /// Each identity, and the record's entry for the leaf in its directory.
    pub fn leaves(&self) -> Result<Vec<(String, Option<Entry>)>, DirectoryError> {
        let record = self.record()?;
        let names = self.identities().map_err(DirectoryError::file("read", &self.path))?;
        let entry = |name: &String| {
            let chain = IdentityDirectory::new(self.path.join(name)).chain().ok()?;
            record.find(chain[0].serial()).cloned()
        };
        Ok(names.into_iter().map(|name| (name.clone(), entry(&name))).collect())
    }

    fn recover(&self) -> io::Result<()> {
        let (next, old) = (self.path.join(NEXT), self.path.join(OLD));
        if next.exists() && !self.ca().exists() {
            fs::rename(&next, self.ca())?;
        }
        remove_if_there(&next)?;
        remove_if_there(&old)?;
        file::sweep(&self.path)?;
        for name in self.identities()? {
            file::sweep(&self.path.join(name))?;
        }
        if self.ca().exists() {
            file::sweep(&self.ca())?;
            self.forget_next_root()?;
        }
        Ok(())
    }

    // An interrupted rollover, killed before the record had it, or after it was over.
    pub(crate) fn forget_next_root(&self) -> io::Result<()> {
        let under_way = |record: Record| record.rollover.is_some_and(|known| known.is_under_way());
        if self.record().map_or(true, under_way) {
            return Ok(());
        }
        for name in [NEXT_KEY, NEXT_ROOT] {
            match fs::remove_file(self.in_ca(name)) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
        }
        Ok(())
    }
}

fn remove_if_there(path: &Path) -> io::Result<()> {
    match fs::remove_dir_all(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// The files of the next root in `ca/`.
pub(crate) const NEXT_KEY: &str = "next.key";
pub(crate) const NEXT_ROOT: &str = "next.crt";

const NEXT: &str = ".next-ca";
const OLD: &str = ".old-ca";
