//! The directory of one identity: is it fit for use, and how it is filled.

use std::{
    fmt, fs, io,
    path::{Path, PathBuf},
};

use rcgen::{KeyPair, PublicKeyData};
use time::OffsetDateTime;

use crate::{
    Certificate, DirectoryError, Leaf, Record, Subject,
    file::{self, Readers, TEMPORARY},
};

/// `DIR/NAME/` with `tls.crt`, `tls.key`, `ca.crt` and `ca.crl`.
pub(crate) struct IdentityDirectory {
    path: PathBuf,
}

/// Why an identity must be made anew.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Fault {
    /// It has ended.
    Ended,
    /// Its key belongs to another certificate.
    KeyDoesNotFit,
    /// A file is not there.
    Missing(&'static str),
    /// Less than a third of its life is left.
    NearItsEnd,
    /// Other names, another use or another kind of key were asked for.
    OtherNames,
    /// The present authority did not sign it.
    OtherAuthority,
    /// It was revoked.
    Revoked,
    /// A file cannot be read or parsed.
    Unreadable(&'static str),
    /// The record does not know it.
    Unrecorded,
}

/// The authority's half of an identity directory.
#[derive(Clone, Copy)]
pub(crate) struct TrustFiles<'a> {
    pub(crate) list: &'a str,
    pub(crate) root: &'a str,
}

impl IdentityDirectory {
    pub(crate) fn new(path: PathBuf) -> Self {
        Self { path }
    }

    pub(crate) fn exists(&self) -> bool {
        self.path.symlink_metadata().is_ok()
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// What makes the leaf or its key unfit, if anything does.
    pub(crate) fn fault(
        &self,
        root: &Certificate,
        record: &Record,
        wanted: Option<&Subject>,
    ) -> Option<Fault> {
        let leaf = match self.leaf() {
            Ok(leaf) => leaf,
            Err(fault) => return Some(fault),
        };
        let now = OffsetDateTime::now_utc();
        let Some(entry) = record.find(leaf.serial()) else {
            return Some(Fault::Unrecorded);
        };
        if !root.signed(&leaf) {
            Some(Fault::OtherAuthority)
        } else if entry.revoked.is_some() {
            Some(Fault::Revoked)
        } else if leaf.not_after() < now {
            Some(Fault::Ended)
        } else if entry.is_near_its_end(now) {
            Some(Fault::NearItsEnd)
        } else if wanted.is_some_and(|wanted| *wanted != entry.subject) {
            Some(Fault::OtherNames)
        } else {
            None
        }
    }

    /// The leaf in `tls.crt`, if `tls.key` fits it.
    pub(crate) fn leaf(&self) -> Result<Certificate, Fault> {
        let certificates = self.read("tls.crt")?;
        let certificates = Certificate::read_all(&certificates);
        let leaf = certificates.map_err(|_| Fault::Unreadable("tls.crt"))?;
        let leaf = leaf.into_iter().next().ok_or(Fault::Unreadable("tls.crt"))?;
        let key = KeyPair::from_pem(&self.read("tls.key")?);
        let key = key.map_err(|_| Fault::Unreadable("tls.key"))?;
        if key.subject_public_key_info() == leaf.public_key() {
            Ok(leaf)
        } else {
            Err(Fault::KeyDoesNotFit)
        }
    }

    /// Writes `ca.crt` and `ca.crl` where they differ; tells which ones it wrote.
    pub(crate) fn write_trust(
        &self,
        trust: TrustFiles<'_>,
    ) -> Result<Vec<&'static str>, DirectoryError> {
        let mut written = Vec::new();
        for (name, content) in [("ca.crt", trust.root), ("ca.crl", trust.list)] {
            if self.read(name).as_deref() != Ok(content) {
                self.write(name, content, Readers::Everybody)?;
                written.push(name);
            }
        }
        Ok(written)
    }

    /// Whether its `ca.crt` is just this root.
    pub(crate) fn trusts(&self, root: &Certificate) -> bool {
        self.read("ca.crt").as_deref() == Ok(root.pem())
    }

    /// Fills the directory: at once where it is new, file by file where it is in use.
    pub(crate) fn fill(&self, leaf: &Leaf, trust: TrustFiles<'_>) -> Result<(), DirectoryError> {
        if self.exists() {
            return self.write_all(leaf, trust);
        }
        let parent = self.path.parent().unwrap_or(Path::new("."));
        let name = self.path.file_name().unwrap_or_default().to_string_lossy();
        let staged = Self::new(parent.join(format!("{TEMPORARY}{name}")));
        file::make_directory(&staged.path, 0o755)
            .map_err(DirectoryError::file("make", &staged.path))?;
        staged.write_all(leaf, trust)?;
        fs::rename(&staged.path, &self.path)
            .and_then(|()| file::sync_directory(parent))
            .map_err(DirectoryError::file("make", &self.path))
    }

    // Readers look again for two seconds while key and certificate do not fit.
    fn write_all(&self, leaf: &Leaf, trust: TrustFiles<'_>) -> Result<(), DirectoryError> {
        self.write_trust(trust)?;
        self.write("tls.key", &leaf.key_pem(), Readers::Owner)?;
        self.write("tls.crt", &leaf.chain_pem(), Readers::Everybody)
    }

    fn read(&self, name: &'static str) -> Result<String, Fault> {
        fs::read_to_string(self.path.join(name)).map_err(|error| match error.kind() {
            io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => Fault::Missing(name),
            _ => Fault::Unreadable(name),
        })
    }

    fn write(&self, name: &str, content: &str, readers: Readers) -> Result<(), DirectoryError> {
        let path = self.path.join(name);
        file::write(&path, content.as_bytes(), readers).map_err(DirectoryError::file("write", path))
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ended => formatter.write_str("it had ended"),
            Self::KeyDoesNotFit => formatter.write_str("tls.key did not fit tls.crt"),
            Self::Missing(file) => write!(formatter, "{file} was missing"),
            Self::NearItsEnd => formatter.write_str("less than a third of its life was left"),
            Self::OtherAuthority => formatter.write_str("another authority had signed it"),
            Self::OtherNames => formatter.write_str("it was made for other names, use or key"),
            Self::Revoked => formatter.write_str("it was revoked"),
            Self::Unreadable(file) => write!(formatter, "{file} could not be read"),
            Self::Unrecorded => formatter.write_str("the record did not know it"),
        }
    }
}
