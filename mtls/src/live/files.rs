//! The four files of an identity directory, named as Kubernetes and cert-manager name the keys of
//! a Secret, and read together.

use std::io::{Error, ErrorKind};
use std::path::{Path, PathBuf};

use aws_lc_rs::digest::{Context, SHA256};
use rustls::pki_types::pem::{Error as PemError, PemObject};
use rustls::pki_types::{CertificateDer, CertificateRevocationListDer, PrivateKeyDer};

use super::bad_file::{BadFile, unreadable};

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

/// What tells one state of the files from another, without keeping a key.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Digest([u8; 32]);

impl Files {
    pub(super) fn read(directory: &Path) -> Self {
        let is_directory = directory.metadata().and_then(|metadata| {
            if metadata.is_dir() { Ok(()) } else { Err(ErrorKind::NotADirectory.into()) }
        });
        Self {
            chain: File::read(directory.join("tls.crt")),
            directory: is_directory,
            directory_path: directory.to_owned(),
            key: File::read(directory.join("tls.key")),
            lists: File::read(directory.join("ca.crl")),
            roots: File::read(directory.join("ca.crt")),
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
        Self { content: std::fs::read(&path), path }
    }

    pub(super) fn certificates(&self) -> Result<Vec<CertificateDer<'static>>, BadFile> {
        let what = "certificate";
        let blocks = self.blocks(what)?;
        if blocks.is_empty() { Err(self.absent(what)) } else { Ok(blocks) }
    }

    pub(super) fn private_key(&self) -> Result<PrivateKeyDer<'static>, BadFile> {
        let what = "private key";
        PrivateKeyDer::from_pem_slice(self.content()?).map_err(|error| match error {
            PemError::NoItemsFound => self.absent(what),
            error => self.garbage(what, &error),
        })
    }

    /// The lists of a file; none where there is no such file.
    pub(super) fn revocation_lists(
        &self,
    ) -> Result<Vec<CertificateRevocationListDer<'static>>, BadFile> {
        let what = "revocation list";
        match self.blocks(what) {
            Err(BadFile::Missing(_)) => Ok(Vec::new()),
            Ok(blocks) if blocks.is_empty() => Err(self.absent(what)),
            result => result,
        }
    }

    fn blocks<T: PemObject>(&self, what: &'static str) -> Result<Vec<T>, BadFile> {
        let blocks = T::pem_slice_iter(self.content()?).collect::<Result<_, _>>();
        blocks.map_err(|error| self.garbage(what, &error))
    }

    fn content(&self) -> Result<&[u8], BadFile> {
        self.content.as_deref().map_err(|error| match error.kind() {
            ErrorKind::NotFound => BadFile::Missing(self.path.clone()),
            _ => unreadable(&self.path, again(error)),
        })
    }

    fn absent(&self, what: &'static str) -> BadFile {
        BadFile::Absent { what, path: self.path.clone() }
    }

    fn garbage(&self, what: &'static str, error: &PemError) -> BadFile {
        BadFile::Garbage { what, path: self.path.clone(), why: error.to_string() }
    }
}

/// The same error once more: the system's errors have no copy.
fn again(error: &Error) -> Error {
    error.raw_os_error().map_or_else(|| error.kind().into(), Error::from_raw_os_error)
}
