//! Who is who: an authority, and identity directories of what it issues.

use std::fs;
use std::path::{Path, PathBuf};

use authority::{
    Authority, AuthorityRequest, Leaf, LeafRequest, RevocationListRequest, RevocationReason, Usage,
};
use tempfile::TempDir;

/// An authority, and the identities `gateway` and `caller` that it issued.
pub(crate) struct TestPki {
    pub(crate) authority: Authority,
    pub(crate) caller: Leaf,
    directory: TempDir,
}

impl TestPki {
    pub(crate) fn new() -> Self {
        let authority = Authority::generate(&AuthorityRequest::default()).unwrap();
        let directory = tempfile::tempdir().unwrap();
        let caller = LeafRequest::new("caller").spiffe(Self::CALLER).usage(Usage::Client);
        let caller = authority.issue(&caller).unwrap();
        let pki = Self { authority, caller, directory };
        let gateway = LeafRequest::new("gateway").dns("localhost").dns("gateway");
        let gateway = pki.authority.issue(&gateway.ip([127, 0, 0, 1]).usage(Usage::Both)).unwrap();
        pki.write("gateway", &gateway);
        pki.write("caller", &pki.caller);
        pki
    }

    /// The directory of an identity.
    pub(crate) fn of(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    pub(crate) fn write(&self, name: &str, leaf: &Leaf) {
        let directory = self.of(name);
        fs::create_dir_all(&directory).unwrap();
        fs::write(directory.join("tls.crt"), leaf.chain_pem()).unwrap();
        fs::write(directory.join("tls.key"), leaf.key_pem()).unwrap();
        fs::write(directory.join("ca.crt"), self.authority.root().pem()).unwrap();
    }

    /// A listener on a free port, called `secure`, and the beginning of a file.
    pub(crate) fn listener(&self, client_certificates: &str) -> String {
        let identity = self.of("gateway");
        format!(
            "[admin]\nlisten = \"127.0.0.1:0\"\n[[listener]]\nname = \"secure\"\n\
             listen = \"127.0.0.1:0\"\nidentity = {identity:?}\n\
             client_certificates = {client_certificates:?}\n"
        )
    }

    /// Has a list in a directory on which nobody, or the caller, is revoked.
    pub(crate) fn list(&self, directory: &Path, number: u64, revoked: bool) {
        let mut list = RevocationListRequest::new(number);
        if revoked {
            list = list.revoke(self.caller.certificate().serial(), RevocationReason::KeyCompromise);
        }
        let list = self.authority.revocation_list(&list).unwrap();
        fs::write(directory.join("ca.crl"), list.pem()).unwrap();
    }

    pub(crate) const CALLER: &str = "spiffe://mtls-demo.local/ns/default/sa/caller";
}
