//! Where an authority and its identities live: `ca/` and one directory an identity.

use std::{
    fs::{self, File},
    io,
    path::{Path, PathBuf},
};

use fs4::fs_std::FileExt;

use crate::{
    Authority, DirectoryError, LockedDirectory, Record,
    file::{self, Readers, TEMPORARY},
};

/// The directory of an authority, such as `certs/pki`.
///
/// ```text
/// ca/           ca.crt  ca.key (0600)  ca.crl  issued.json
/// api-service/  tls.crt  tls.key (0600)  ca.crt  ca.crl
/// .lock         held by whoever writes
/// ```
#[derive(Clone, Debug)]
pub struct Directory {
    path: PathBuf,
}

impl Directory {
    /// Names a directory; nothing is read yet.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into() }
    }

    /// Its path.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Reads the record without waiting for anybody.
    pub fn record(&self) -> Result<Record, DirectoryError> {
        let path = self.in_ca("issued.json");
        let text = match fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound && !self.ca().exists() => {
                return Err(DirectoryError::NoAuthority(self.path.clone()));
            }
            Err(error) => return Err(DirectoryError::file("read", path)(error)),
        };
        serde_json::from_str(&text).map_err(|source| DirectoryError::Record { path, source })
    }

    /// Waits until nobody else writes here, clears away what a killed writer left, and keeps all
    /// others out until the answer is dropped.
    pub fn lock(&self) -> Result<LockedDirectory, DirectoryError> {
        if !self.path.exists() {
            return Err(DirectoryError::NoAuthority(self.path.clone()));
        }
        self.create_and_lock()
    }

    /// Does the same, and makes the directory if there is none.
    pub fn create_and_lock(&self) -> Result<LockedDirectory, DirectoryError> {
        fs::create_dir_all(&self.path).map_err(DirectoryError::file("make", &self.path))?;
        let path = self.path.join(".lock");
        let lock = File::options()
            .create(true)
            .truncate(false)
            .write(true)
            .open(&path)
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

    /// The authority, if there is one.
    pub(crate) fn authority(&self) -> Result<Option<Authority>, DirectoryError> {
        let refuse = |source| DirectoryError::Authority { path: self.ca(), source };
        if !self.ca().exists() {
            return Ok(None);
        }
        let read = |name| {
            let path = self.in_ca(name);
            fs::read_to_string(&path).map_err(DirectoryError::file("read", path))
        };
        let files = read("ca.crt").and_then(|certificate| Ok((certificate, read("ca.key")?)));
        let (certificate, key) = files.map_err(|error| refuse(error.into()))?;
        let authority = Authority::from_pem(&certificate, &key);
        authority.map(Some).map_err(|error| refuse(error.into()))
    }

    /// Puts a whole new `ca/` in the place of the old one.
    ///
    /// Killed anywhere within, [`Directory::lock`] finds either the old one or the new one.
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

const NEXT: &str = ".next-ca";
const OLD: &str = ".old-ca";
