//! Our gateway as a process: its file, its listeners, and its changes.

use std::fs;
use std::net::SocketAddr;
use std::os::unix::fs::symlink;
use std::path::PathBuf;

use anyhow::{Context, Result};
use tempfile::TempDir;

use crate::curl::Curl;
use crate::deadline::eventually;
use crate::identity::Identity;
use crate::pki::TestPki;
use crate::service::{Launch, Service};

/// A gateway that listens.
#[derive(Debug)]
pub struct Gateway {
    file: PathBuf,
    /// The process; its address is that of the listener `secure`, where there is one.
    pub service: Service,
    _place: TempDir,
}

impl Gateway {
    /// Starts a gateway with this file, in a directory where `certs/pki` is the pki's, and waits
    /// until all of its listeners are open.
    ///
    /// # Errors
    ///
    /// They are not; the error has its output.
    pub fn start(pki: &TestPki, config: &str) -> Result<Self> {
        let place = tempfile::tempdir()?;
        fs::create_dir(place.path().join("certs"))?;
        symlink(pki.path(), place.path().join("certs/pki"))?;
        let file = place.path().join("gateway.toml");
        fs::write(&file, config)?;
        let launch = Launch::of("gateway").argument("--config").argument("gateway.toml");
        let service = launch.directory(place.path()).start()?;
        let mut gateway = Self { file, service, _place: place };
        let listeners = config.matches("[[listener]]").count();
        eventually("all listeners", || {
            let open = gateway.service.log().iter().filter(|line| is_open(line)).count();
            Ok((open == listeners).then_some(()))
        })?;
        // They open in any order.
        if let Ok(address) = gateway.address("secure") {
            gateway.service.address = address;
        }
        Ok(gateway)
    }

    /// A gateway with one listener, `secure`, and one route, to an upstream that is spoken to
    /// without TLS.
    ///
    /// # Errors
    ///
    /// As for [`Gateway::start`].
    pub fn before(pki: &TestPki, client_certificates: &str, upstream: &str) -> Result<Self> {
        let route = format!("[[route]]\nupstreams = [\"{upstream}\"]\n");
        Self::start(pki, &format!("{}{route}", secure(client_certificates)))
    }

    /// Where a listener stands.
    ///
    /// # Errors
    ///
    /// There is none of this name.
    pub fn address(&self, listener: &str) -> Result<SocketAddr> {
        let log = self.service.log();
        let line = log.iter().rev().find(|line| is_open(line) && line["name"] == *listener);
        let address = line.and_then(|line| line["address"].as_str());
        Ok(address.with_context(|| format!("no listener {listener}"))?.parse()?)
    }

    /// A URL of its listener `secure`, by the name `localhost`.
    pub fn url(&self, path: &str) -> String {
        self.service.url(path)
    }

    /// `curl` of a path, showing an identity.
    pub fn curl(&self, path: &str, identity: &Identity) -> Curl {
        Curl::get(&self.url(path)).presenting(identity)
    }

    /// What its file says.
    ///
    /// # Errors
    ///
    /// It cannot be read.
    pub fn config(&self) -> Result<String> {
        Ok(fs::read_to_string(&self.file)?)
    }

    /// Writes another file in place of its own, at once.
    ///
    /// # Errors
    ///
    /// It cannot be written.
    pub fn write(&self, config: &str) -> Result<()> {
        let new = self.file.with_extension("new");
        fs::write(&new, config)?;
        Ok(fs::rename(&new, &self.file)?)
    }

    /// Writes another file, and waits until it is in force.
    ///
    /// # Errors
    ///
    /// It is not.
    pub fn change_to(&self, config: &str) -> Result<()> {
        let count = || {
            let log = self.service.log();
            log.iter().filter(|line| line["message"] == "configuration reloaded").count()
        };
        let before = count();
        self.write(config)?;
        eventually("the new file in force", || Ok((count() > before).then_some(())))
    }

    /// The most memory that it ever had, in KiB.
    ///
    /// # Errors
    ///
    /// The system does not say.
    pub fn peak_memory(&self) -> Result<u64> {
        self.service.peak_memory()
    }
}

/// The beginning of a file: the admin listener, and one listener for HTTPS, on free ports.
pub fn secure(client_certificates: &str) -> String {
    format!(
        r#"[admin]
listen = "127.0.0.1:0"
[[listener]]
name = "secure"
listen = "127.0.0.1:0"
identity = "certs/pki/gateway"
client_certificates = "{client_certificates}"
"#
    )
}

fn is_open(line: &serde_json::Value) -> bool {
    line["message"] == "listening"
}
