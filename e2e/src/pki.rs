//! One test's own pki: an authority and its identities, made by the real `certs` in a directory
//! of the test's own, and the services that live on them.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Result;
use authority::{Authority, Leaf};
use tempfile::TempDir;

use crate::binaries::binary;
use crate::identity::Identity;
use crate::openssl::openssl;
use crate::program::{Outcome, Program};
use crate::service::{Launch, Service};

/// An authority, and what it issued.
#[derive(Debug)]
pub struct TestPki {
    place: TempDir,
}

impl TestPki {
    /// Runs `certs init` in a new directory.
    ///
    /// # Errors
    ///
    /// It failed.
    pub fn new() -> Result<Self> {
        Self::in_namespace("default")
    }

    /// Does the same for a namespace.
    ///
    /// # Errors
    ///
    /// It failed.
    pub fn in_namespace(namespace: &str) -> Result<Self> {
        let pki = Self { place: tempfile::tempdir()? };
        pki.certs(&["init", "--namespace", namespace])?;
        Ok(pki)
    }

    /// Runs `certs` on the pki's directory.
    ///
    /// # Errors
    ///
    /// It failed.
    pub fn certs(&self, arguments: &[&str]) -> Result<Outcome> {
        let mut command = Command::new(binary("certs")?);
        command.args(arguments).arg("--dir").arg(self.place.path());
        Program::run(&mut command, "cargo", b"")?.good()
    }

    /// Issues an identity, with the arguments of `certs issue`.
    ///
    /// # Errors
    ///
    /// `certs` refused.
    pub fn issue(&self, name: &str, arguments: &[&str]) -> Result<Identity> {
        self.certs(&[&["issue", name], arguments].concat())?;
        Ok(self.identity(name))
    }

    /// An identity of the pki.
    pub fn identity(&self, name: &str) -> Identity {
        Identity::at(self.place.path().join(name))
    }

    /// The pki's authority, to make what `certs` refuses to make.
    ///
    /// # Errors
    ///
    /// It cannot be read.
    pub fn authority(&self) -> Result<Authority> {
        let path = self.place.path().join("ca");
        let read = |file: &str| fs::read_to_string(path.join(file));
        Ok(Authority::from_pem(&read("ca.crt")?, &read("ca.key")?)?)
    }

    /// Puts a leaf into a directory of its own, beside the pki's roots.
    ///
    /// # Errors
    ///
    /// It cannot be written.
    pub fn save(&self, name: &str, leaf: &Leaf) -> Result<Identity> {
        self.save_pem(name, &leaf.chain_pem(), &leaf.key_pem())
    }

    /// The same for a chain and a key as PEM blocks.
    ///
    /// # Errors
    ///
    /// It cannot be written.
    pub fn save_pem(&self, name: &str, chain: &str, key: &str) -> Result<Identity> {
        let roots = fs::read_to_string(self.identity("api-service").roots())?;
        Identity::write(self.path().join("strangers").join(name), chain, key, &roots)
    }

    /// An identity that `openssl req -x509` makes: no authority but itself.
    ///
    /// # Errors
    ///
    /// OpenSSL refused.
    pub fn self_signed(&self, name: &str, authority: bool) -> Result<Identity> {
        let identity = self.save_pem(name, "", "")?;
        let (chain, key) = (identity.chain(), identity.key());
        let constraint = if authority { "CA:TRUE" } else { "CA:FALSE" };
        let constraint = format!("basicConstraints=critical,{constraint}");
        let arguments = [
            "req",
            "-x509",
            "-newkey",
            "ec",
            "-pkeyopt",
            "ec_paramgen_curve:prime256v1",
            "-nodes",
            "-days",
            "30",
            "-subj",
            "/CN=client-service/O=mtls-demo",
            "-addext",
            &constraint,
            "-addext",
            "extendedKeyUsage=clientAuth,serverAuth",
            "-addext",
            "subjectAltName=DNS:localhost",
            "-out",
            &text(&chain),
            "-keyout",
            &text(&key),
        ];
        openssl(&arguments)?;
        Ok(identity)
    }

    /// `api-service` with the pki's identity, not started yet.
    pub fn api(&self) -> Launch {
        Launch::of("api-service").identity(&self.identity("api-service"))
    }

    /// `client-service` with the pki's identity, calling `api`, not started yet.
    pub fn client(&self, api: &Service) -> Launch {
        self.client_calling(&api.url(""))
    }

    /// `client-service` with the pki's identity, calling whatever is there.
    pub fn client_calling(&self, url: &str) -> Launch {
        let identity = self.identity("client-service");
        Launch::of("client-service").identity(&identity).set("API_SERVICE_URL", url)
    }

    /// The directory of it all.
    pub fn path(&self) -> PathBuf {
        self.place.path().to_owned()
    }
}

fn text(path: &Path) -> String {
    path.display().to_string()
}
