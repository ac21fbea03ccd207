//! An identity directory on disk that changes while it is in use.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use authority::{Leaf, RevocationList, RevocationListRequest};
use mtls::credentials::CredentialStore;
use mtls::pki::role::Role;
use mtls::pki::trust::Revocation;
use tempfile::TempDir;

use super::{TestPki, list};

/// An identity directory.
pub(crate) struct IdentityDirectory {
    directory: TempDir,
    generation: AtomicUsize,
}

/// The content of the four files, by name.
pub(crate) type Files = Vec<(&'static str, Vec<u8>)>;

impl IdentityDirectory {
    /// A directory with these files.
    pub(crate) fn with(files: &Files) -> Self {
        let directory = tempfile::tempdir().expect("a directory must be made");
        let directory = Self { directory, generation: AtomicUsize::new(0) };
        directory.overwrite(files);
        directory
    }

    pub(crate) fn path(&self) -> &Path {
        self.directory.path()
    }

    /// Its content, for a role, followed from now on.
    pub(crate) fn store(&self, role: Role) -> Arc<CredentialStore> {
        let store = CredentialStore::load(self.path().to_owned(), &[role], Revocation::Checked);
        let store = Arc::new(store.expect("the first files must be good"));
        store.follow_files();
        store
    }

    /// Writes each file in place.
    pub(crate) fn overwrite(&self, files: &Files) {
        for (name, content) in files {
            fs::write(self.path().join(name), content).expect("a file must be written");
        }
    }

    /// Writes each file to a temporary file, and renames it.
    pub(crate) fn rename(&self, files: &Files) {
        for (name, content) in files {
            let beside = self.path().join(format!(".{name}.new"));
            fs::write(&beside, content).expect("a file must be written");
            fs::rename(beside, self.path().join(name)).expect("a file must be renamed");
        }
    }

    /// Like the kubelet: the files are links through `..data`, which is swapped atomically.
    pub(crate) fn swap(&self, files: &Files) {
        let generation = self.generation.fetch_add(1, Ordering::Relaxed);
        let data = PathBuf::from(format!("..{generation}"));
        fs::create_dir(self.path().join(&data)).expect("a directory must be made");
        for (name, content) in files {
            fs::write(self.path().join(&data).join(name), content).expect("it must be written");
            let link = self.path().join(name);
            if !link.is_symlink() {
                let _ = fs::remove_file(&link);
                symlink(Path::new("..data").join(name), link).expect("a link must be made");
            }
        }
        let beside = self.path().join("..data_tmp");
        symlink(&data, &beside).expect("a link must be made");
        fs::rename(beside, self.path().join("..data")).expect("it must be renamed");
    }
}

/// The four files of a leaf of `pki`, with this list.
pub(crate) fn files(pki: &TestPki, leaf: &Leaf, list: &RevocationList) -> Files {
    vec![
        ("tls.crt", leaf.chain_pem().into_bytes()),
        ("tls.key", leaf.key_pem().into_bytes()),
        ("ca.crt", pki.roots().as_bytes().to_vec()),
        ("ca.crl", list.pem().as_bytes().to_vec()),
    ]
}

/// The list of that number, without revocations.
pub(crate) fn empty_list(pki: &TestPki, number: u64) -> RevocationList {
    list(&pki.authority, &RevocationListRequest::new(number))
}
