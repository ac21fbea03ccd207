//! Issued certificates and lists, as OpenSSL reads and verifies them.

#![allow(clippy::unwrap_used, reason = "what fails in a helper fails the test")]

use std::{fs, path::Path, process::Command};

use tempfile::TempDir;

use authority::{Authority, Leaf};

mod issuer;
mod leaf;

struct Files(TempDir);

impl Files {
    fn new(authority: &Authority, leaf: &Leaf) -> Self {
        let files = Self(TempDir::new().unwrap());
        files.write("root.pem", authority.root().pem());
        files.write("leaf.pem", &leaf.chain_pem());
        files.write("leaf.key", &leaf.key_pem());
        files
    }

    fn write(&self, name: &str, content: &str) {
        fs::write(Path::new(self.0.path()).join(name), content).unwrap();
    }

    fn text(&self) -> String {
        self.openssl(&["x509", "-in", "leaf.pem", "-noout", "-text"])
    }

    fn verify(&self, purpose: &str) -> String {
        let level = ["-auth_level", "0", "-x509_strict"];
        let rest = ["-CAfile", "root.pem", "-untrusted", "leaf.pem", "-purpose", purpose];
        self.openssl(&[["verify"].as_slice(), &level, &rest, &["leaf.pem"]].concat())
    }

    fn verify_with_list(&self) -> String {
        let list = ["-crl_check", "-CRLfile", "list.pem"];
        let rest = ["-x509_strict", "-CAfile", "root.pem", "leaf.pem"];
        self.openssl(&[["verify"].as_slice(), &list, &rest].concat())
    }

    fn openssl(&self, arguments: &[&str]) -> String {
        let output = Command::new("openssl")
            .args(arguments)
            .current_dir(self.0.path())
            .output()
            .expect("openssl must be installed");
        let mut text = String::from_utf8(output.stdout).unwrap();
        if !output.status.success() {
            text.push_str(&String::from_utf8_lossy(&output.stderr));
        }
        text
    }
}
