//! The certificates of a run: one authority, and the identities that every server and the load
//! generator use. Nothing here outlives the run.

use std::fs;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use tempfile::TempDir;

use authority::{
    Authority, AuthorityRequest, Leaf, LeafRequest, RevocationList, RevocationListRequest, Usage,
};

/// An authority and a directory for each identity (`tls.crt`, `tls.key`, `ca.crt`).
#[derive(Debug)]
pub struct Pki {
    authority: Authority,
    directory: TempDir,
}

impl Pki {
    /// Issues the identities of the services: ECDSA P-256, no intermediates, no revocation list.
    ///
    /// # Errors
    ///
    /// The directory cannot be written.
    pub fn generate() -> Result<Self> {
        let authority = Authority::generate(&AuthorityRequest::default())?;
        let pki = Self { authority, directory: tempfile::tempdir()? };
        for name in [Self::API, Self::CLIENT, Self::GATEWAY] {
            pki.issue(name, name)?;
        }
        Ok(pki)
    }

    /// The identity of the servers that answer a constant, and of api-service.
    pub const API: &str = "api-service";
    /// The identity of the load generator, and of client-service.
    pub const CLIENT: &str = "client-service";
    /// The identity of the proxies.
    pub const GATEWAY: &str = "gateway";

    /// Writes a new identity to the directory `directory`, as `certs issue NAME` names it.
    ///
    /// # Errors
    ///
    /// The directory cannot be written.
    pub fn issue(&self, directory: &str, name: &str) -> Result<PathBuf> {
        self.write(directory, &self.leaf(name)?, &[])
    }

    /// Writes an identity that trusts `others` besides the authority of this run.
    ///
    /// # Errors
    ///
    /// The directory cannot be written.
    pub fn issue_trusting(&self, directory: &str, others: &[Authority]) -> Result<PathBuf> {
        self.write(directory, &self.leaf(Self::API)?, others)
    }

    /// A list that revokes `serials` leaves, none of which is in use.
    ///
    /// # Errors
    ///
    /// The list cannot be signed.
    pub fn revocation_list(&self, serials: u32) -> Result<RevocationList> {
        let mut request = RevocationListRequest::new(1);
        for serial in 0..serials {
            // As long as the serial numbers that the authority itself draws: 16 bytes.
            let serial = format!("4242424242424242424242{serial:010x}").parse()?;
            request = request.revoke(&serial, authority::RevocationReason::default());
        }
        Ok(self.authority.revocation_list(&request)?)
    }

    /// The directory of an identity.
    pub fn identity(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// The file with the root.
    pub fn roots(&self) -> PathBuf {
        self.identity(Self::API).join("ca.crt")
    }

    fn leaf(&self, name: &str) -> Result<Leaf> {
        let spiffe = format!("spiffe://mtls-demo.local/ns/default/sa/{name}");
        let request = LeafRequest::new(name)
            .organization("mtls-demo")
            .dns(name)
            .dns("localhost")
            .ip(Ipv4Addr::LOCALHOST)
            .spiffe(spiffe)
            .usage(Usage::Both);
        Ok(self.authority.issue(&request)?)
    }

    fn write(&self, directory: &str, leaf: &Leaf, others: &[Authority]) -> Result<PathBuf> {
        let path = self.identity(directory);
        let mut roots = self.authority.root().pem().to_owned();
        roots.extend(others.iter().map(|other| other.root().pem()));
        write_identity(&path, leaf, &roots)
            .with_context(|| format!("cannot write {}", path.display()))?;
        Ok(path)
    }
}

fn write_identity(path: &Path, leaf: &Leaf, roots: &str) -> std::io::Result<()> {
    fs::create_dir_all(path)?;
    fs::write(path.join("tls.crt"), leaf.chain_pem())?;
    fs::write(path.join("tls.key"), leaf.key_pem())?;
    fs::write(path.join("ca.crt"), roots)
}
