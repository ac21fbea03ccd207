//! The four files of an identity, which are read together.

use std::io::{Error, ErrorKind};
use std::path::{Path, PathBuf};

use aws_lc_rs::digest::{Context, SHA256};
use rustls::pki_types::{CertificateDer, CertificateRevocationListDer, PrivateKeyDer};

use super::bad_file::{BadFile, unreadable};
use crate::pki::pem::{self, BadPem, Cause, Item};

/// Where the files of an identity are, in PEM.
///
/// A directory becomes one with [`From`]; its files are named as Kubernetes and cert-manager name
/// the keys of a Secret: `tls.crt`, `tls.key`, `ca.crt` and `ca.crl`.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct CredentialFiles {
    /// Our own chain: the leaf, then the intermediates.
    pub certificate: PathBuf,
    /// Its private key.
    pub key: PathBuf,
    /// The roots that peers are verified by.
    pub roots: PathBuf,
    /// The revocation lists, several in one file; it need not exist.
    pub revocation_lists: PathBuf,
}

impl From<&Path> for CredentialFiles {
    fn from(directory: &Path) -> Self {
        Self {
            certificate: directory.join("tls.crt"),
            key: directory.join("tls.key"),
            roots: directory.join("ca.crt"),
            revocation_lists: directory.join("ca.crl"),
        }
    }
}

impl From<PathBuf> for CredentialFiles {
    fn from(directory: PathBuf) -> Self {
        Self::from(directory.as_path())
    }
}

impl CredentialFiles {
    /// The directory of the certificate.
    pub(super) fn directory(&self) -> &Path {
        directory_of(&self.certificate)
    }

    /// The directories that have any of the files, each once.
    pub(super) fn directories(&self) -> Vec<PathBuf> {
        let files = [&self.certificate, &self.key, &self.roots, &self.revocation_lists];
        let mut directories: Vec<_> =
            files.into_iter().map(|file| directory_of(file).to_owned()).collect();
        directories.sort_unstable();
        directories.dedup();
        directories
    }
}

/// The directory of a file; the current one where the path is a bare name.
pub fn directory_of(file: &Path) -> &Path {
    match file.parent() {
        Some(parent) if parent != Path::new("") => parent,
        _ => Path::new("."),
    }
}

/// The files as they were at one moment.
pub(super) struct Files {
    pub(super) chain: File,
    directory: Result<(), Error>,
    directory_path: PathBuf,
    pub(super) key: File,
    pub(super) lists: File,
    pub(super) roots: File,
}

/// One file as it was.
pub(super) struct File {
    content: Result<Vec<u8>, Error>,
    pub(super) path: PathBuf,
}

/// Distinguishes states of the files, without keeping a key.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Digest([u8; 32]);

impl Files {
    pub(super) fn read(files: &CredentialFiles) -> Self {
        let directory = files.directory();
        let is_directory = directory.metadata().and_then(|metadata| {
            if metadata.is_dir() { Ok(()) } else { Err(ErrorKind::NotADirectory.into()) }
        });
        Self {
            chain: File::read(files.certificate.clone()),
            directory: is_directory,
            directory_path: directory.to_owned(),
            key: File::read(files.key.clone()),
            lists: File::read(files.revocation_lists.clone()),
            roots: File::read(files.roots.clone()),
        }
    }

    pub(super) fn check_directory(&self) -> Result<(), Vec<BadFile>> {
        let Err(error) = &self.directory else {
            return Ok(());
        };
        Err(vec![match error.kind() {
            ErrorKind::NotADirectory | ErrorKind::NotFound => {
                BadFile::NoDirectory(self.directory_path.clone())
            }
            _ => unreadable(&self.directory_path, again(error)),
        }])
    }

    pub(super) fn digest(&self) -> Digest {
        let mut context = Context::new(&SHA256);
        for file in [&self.chain, &self.key, &self.roots, &self.lists] {
            let (kind, bytes) = match &file.content {
                Ok(content) => (0, content.as_slice()),
                Err(error) => (1 + error.raw_os_error().unwrap_or(0), [].as_slice()),
            };
            context.update(&kind.to_be_bytes());
            context.update(&bytes.len().to_be_bytes());
            context.update(bytes);
        }
        let mut digest = [0; 32];
        digest.copy_from_slice(context.finish().as_ref());
        Digest(digest)
    }
}

impl File {
    fn read(path: PathBuf) -> Self {
        Self { content: pem::read_file(&path), path }
    }

    pub(super) fn certificates(&self) -> Result<Vec<CertificateDer<'static>>, BadFile> {
        self.items("certificate", |item| match item {
            Item::Certificate(certificate) => Some(certificate),
            _ => None,
        })
    }

    pub(super) fn private_key(&self) -> Result<PrivateKeyDer<'static>, BadFile> {
        let mut is_first = true;
        let mut keys = self.items("private key", |item| match item {
            Item::PrivateKey(key) if std::mem::take(&mut is_first) => Some(key),
            _ => None,
        })?;
        Ok(keys.swap_remove(0))
    }

    /// The lists of a file; none where there is no such file.
    pub(super) fn revocation_lists(
        &self,
    ) -> Result<Vec<CertificateRevocationListDer<'static>>, BadFile> {
        let lists = self.items("revocation list", |item| match item {
            Item::RevocationList(list) => Some(list),
            _ => None,
        });
        match lists {
            Err(BadFile::Missing(_)) => Ok(Vec::new()),
            result => result,
        }
    }

    /// What `take` takes of each block, at least one; an error where it takes one of them not.
    fn items<T>(
        &self,
        what: &'static str,
        mut take: impl FnMut(Item) -> Option<T>,
    ) -> Result<Vec<T>, BadFile> {
        let mut items = Vec::new();
        for block in pem::blocks(self.content()?) {
            let block = block.map_err(|bad| self.bad_pem(what, &bad))?;
            let (kind, line) = (block.item.kind(), block.line);
            items.push(take(block.item).ok_or_else(|| {
                let why = if kind == what {
                    format!("line {line}: a second {kind}, and only one may stand here")
                } else {
                    format!("line {line}: a {kind} does not belong here")
                };
                BadFile::Garbage { what, path: self.path.clone(), why }
            })?);
        }
        if items.is_empty() {
            return Err(BadFile::Absent { what, path: self.path.clone() });
        }
        Ok(items)
    }

    fn content(&self) -> Result<&[u8], BadFile> {
        self.content.as_deref().map_err(|error| match error.kind() {
            ErrorKind::FileTooLarge => BadFile::TooLarge(self.path.clone()),
            ErrorKind::NotFound => BadFile::Missing(self.path.clone()),
            _ => unreadable(&self.path, again(error)),
        })
    }

    fn bad_pem(&self, what: &'static str, bad: &BadPem) -> BadFile {
        let path = self.path.clone();
        match bad.cause {
            Cause::Encrypted => BadFile::Encrypted { path, line: bad.line },
            _ => BadFile::Garbage { what, path, why: bad.to_string() },
        }
    }
}

/// The same error once more: the system's errors have no copy.
fn again(error: &Error) -> Error {
    error.raw_os_error().map_or_else(|| error.kind().into(), Error::from_raw_os_error)
}
