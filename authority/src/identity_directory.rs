//! The directory of one identity: whether it is fit for use, and how it is written.

use std::{
    fmt, fs, io,
    path::{Path, PathBuf},
};

use rcgen::{KeyPair, PublicKeyData};
use time::OffsetDateTime;

use crate::file::{self, Readers, TEMPORARY};
use crate::trust_files::{TrustFiles, TrustTexts};
use crate::{Certificate, DirectoryError, Leaf, Record, Subject};

/// `DIR/NAME/` with `tls.crt`, `tls.key`, `ca.crt` and `ca.crl`.
pub(crate) struct IdentityDirectory {
    path: PathBuf,
}

/// Why an identity must be replaced.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Fault {
    /// It has expired.
    Expired,
    /// Less than a third of its lifetime is left.
    ExpiresSoon,
    /// Its key belongs to another certificate.
    KeyMismatch,
    /// A file is not there.
    Missing(&'static str),
    /// No currently trusted root signed it.
    OtherAuthority,
    /// Other names, another usage or another kind of key were requested.
    OtherNames,
    /// It was revoked.
    Revoked,
    /// A file cannot be read or parsed.
    Unreadable(&'static str),
    /// The record does not contain it.
    Unrecorded,
}

impl IdentityDirectory {
    pub(crate) fn new(path: PathBuf) -> Self {
        Self { path }
    }

    pub(crate) fn exists(&self) -> bool {
        self.path.symlink_metadata().is_ok()
    }

    /// Whether it is a directory without files, such as a volume mounted too early.
    pub(crate) fn is_empty(&self) -> bool {
        fs::read_dir(&self.path).is_ok_and(|mut entries| entries.next().is_none())
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// The fault of the leaf or its key, if there is one.
    pub(crate) fn fault(
        &self,
        trust: &TrustFiles,
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
        if !trust.signed(&leaf) {
            Some(Fault::OtherAuthority)
        } else if entry.revoked.is_some() {
            Some(Fault::Revoked)
        } else if leaf.not_after() < now {
            Some(Fault::Expired)
        } else if entry.is_near_its_end(now) {
            Some(Fault::ExpiresSoon)
        } else if wanted.is_some_and(|wanted| *wanted != entry.subject) {
            Some(Fault::OtherNames)
        } else {
            None
        }
    }

    /// The leaf in `tls.crt`, if `tls.key` fits it.
    pub(crate) fn leaf(&self) -> Result<Certificate, Fault> {
        let leaf = self.chain()?.swap_remove(0);
        let key = KeyPair::from_pem(&self.read("tls.key")?);
        let key = key.map_err(|_| Fault::Unreadable("tls.key"))?;
        if key.subject_public_key_info() == leaf.public_key() {
            Ok(leaf)
        } else {
            Err(Fault::KeyMismatch)
        }
    }

    /// All certificates of `tls.crt`, at least one, without checking the key.
    pub(crate) fn chain(&self) -> Result<Vec<Certificate>, Fault> {
        Certificate::read_all(&self.read("tls.crt")?).map_err(|_| Fault::Unreadable("tls.crt"))
    }

    /// Writes `ca.crt` and `ca.crl` if they differ; returns which ones it wrote. What others
    /// added stays if `beside_others`.
    pub(crate) fn write_trust(
        &self,
        trust: &TrustFiles,
        beside_others: bool,
    ) -> Result<Vec<&'static str>, DirectoryError> {
        let (present, wanted) = if beside_others {
            let present = self.present_trust()?;
            let wanted = trust.beside_others(&present);
            (present, wanted)
        } else {
            let read = |name| self.read(name).unwrap_or_default();
            (TrustTexts { lists: read("ca.crl"), roots: read("ca.crt") }, trust.alone())
        };
        let mut files = vec![
            ("ca.crt", wanted.roots.as_str(), Readers::Everybody),
            ("ca.crl", wanted.lists.as_str(), Readers::Everybody),
        ];
        if wanted.adds_no_root_to(&present) {
            files.reverse();
        }
        files.retain(|(name, content, _)| self.read(name).as_deref() != Ok(content));
        self.write_together(&files)?;
        let mut written: Vec<&'static str> = files.into_iter().map(|(name, ..)| name).collect();
        written.sort_unstable_by(|one, other| other.cmp(one));
        Ok(written)
    }

    /// The new `ca.crt` and `ca.crl`; an error if rewriting them would lose data.
    pub(crate) fn present_trust(&self) -> Result<TrustTexts, DirectoryError> {
        let damaged = |name| DirectoryError::Damaged(self.path.join(name));
        let read = |name| match self.read(name) {
            Err(Fault::Missing(_)) => Ok(String::new()),
            Err(_) => Err(damaged(name)),
            Ok(text) => Ok(text),
        };
        let present = TrustTexts { lists: read("ca.crl")?, roots: read("ca.crt")? };
        present.damaged().map_or(Ok(present), |name| Err(damaged(name)))
    }

    /// Whether the authority manages its files here.
    pub(crate) fn follows(&self, trust: &TrustFiles) -> bool {
        let chain = self.chain().unwrap_or_default();
        trust.concerns(&self.read("ca.crt").unwrap_or_default(), chain.first())
    }

    /// Writes the directory: at once if it is new, file by file if it is in use.
    pub(crate) fn fill(
        &self,
        leaf: &Leaf,
        trust: &TrustFiles,
        beside_others: bool,
    ) -> Result<(), DirectoryError> {
        if self.exists() {
            return self.write_all(leaf, trust, beside_others);
        }
        let parent = self.path.parent().unwrap_or(Path::new("."));
        let name = self.path.file_name().unwrap_or_default().to_string_lossy();
        let staged = Self::new(parent.join(format!("{TEMPORARY}{name}")));
        file::make_directory(&staged.path, 0o755)
            .map_err(DirectoryError::file("make", &staged.path))?;
        staged.write_all(leaf, trust, false)?;
        fs::rename(&staged.path, &self.path)
            .and_then(|()| file::sync_directory(parent))
            .map_err(DirectoryError::file("make", &self.path))
    }

    // Trust first, so that the leaf is never without its root; readers retry for two
    // seconds while key and certificate do not fit.
    fn write_all(
        &self,
        leaf: &Leaf,
        trust: &TrustFiles,
        beside_others: bool,
    ) -> Result<(), DirectoryError> {
        self.write_trust(trust, beside_others)?;
        self.write_together(&[
            ("tls.key", &leaf.key_pem(), Readers::Owner),
            ("tls.crt", &leaf.chain_pem(), Readers::Everybody),
        ])
    }

    fn read(&self, name: &'static str) -> Result<String, Fault> {
        fs::read_to_string(self.path.join(name)).map_err(|error| match error.kind() {
            io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => Fault::Missing(name),
            _ => Fault::Unreadable(name),
        })
    }

    fn write_together(&self, files: &[(&str, &str, Readers)]) -> Result<(), DirectoryError> {
        file::write_together(&self.path, files)
            .map_err(DirectoryError::file("write into", &self.path))
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Expired => formatter.write_str("it had expired"),
            Self::KeyMismatch => formatter.write_str("tls.key did not fit tls.crt"),
            Self::Missing(file) => write!(formatter, "{file} was missing"),
            Self::ExpiresSoon => formatter.write_str("less than a third of its lifetime was left"),
            Self::OtherAuthority => formatter.write_str("another authority had signed it"),
            Self::OtherNames => formatter.write_str("it was made for other names, usage or key"),
            Self::Revoked => formatter.write_str("it was revoked"),
            Self::Unreadable(file) => write!(formatter, "{file} could not be read"),
            Self::Unrecorded => formatter.write_str("the record did not contain it"),
        }
    }
}
