//! What all measurements of a run share: programs, certificates, processors, and how long each
//! sample takes.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use tempfile::TempDir;

use crate::arguments::Arguments;
use crate::cpu::{Place, Processors};
use crate::load::tls::{KeyExchange, Protocol, Target};
use crate::load::window::Window;
use crate::peers::Peers;
use crate::pki::Pki;
use crate::progress::Progress;
use crate::server::Server;

/// What all measurements of a run share.
#[derive(Debug)]
pub struct Environment {
    /// Where our release binaries are.
    pub binaries: PathBuf,
    /// Whether the run is a short one.
    pub is_quick: bool,
    /// The other servers.
    pub peers: Peers,
    /// The certificates.
    pub pki: Pki,
    /// Which program runs where.
    pub processors: Processors,
    /// Reports what is measured now.
    pub progress: Progress,
    /// How often each server is measured.
    pub rounds: usize,
    /// How long each sample takes.
    pub window: Window,
    directory: TempDir,
}

impl Environment {
    /// Prepares a run: installs the other servers, and issues certificates.
    ///
    /// # Errors
    ///
    /// Our binaries are not built, or the other servers cannot be installed.
    pub fn prepare(arguments: &Arguments) -> Result<Self> {
        let binaries = arguments.binaries()?;
        for name in ["api-service", "client-service", "gateway"] {
            let path = binaries.join(name);
            ensure!(path.is_file(), "{} is missing: run \"./setup.sh bench\"", path.display());
        }
        let processors = Processors::divide()?;
        let peers = Peers::install(&arguments.peers)?;
        processors.enter(Place::Load)?;
        Ok(Self {
            binaries,
            is_quick: arguments.quick,
            peers,
            pki: Pki::generate()?,
            processors,
            progress: Progress::default(),
            rounds: arguments.rounds(),
            window: arguments.window(),
            directory: tempfile::tempdir().context("cannot make a temporary directory")?,
        })
    }

    /// A directory for the files of one program.
    ///
    /// # Errors
    ///
    /// It cannot be made.
    pub fn directory(&self, name: &str) -> Result<PathBuf> {
        let path = self.directory.path().join(name);
        std::fs::create_dir_all(&path)
            .with_context(|| format!("cannot make {}", path.display()))?;
        Ok(path)
    }

    /// A server, called with the client service's certificate.
    ///
    /// # Errors
    ///
    /// The certificate cannot be read.
    pub fn target(
        &self,
        server: &Server,
        key_exchange: KeyExchange,
        protocol: Protocol,
    ) -> Result<Target> {
        let identity = self.pki.identity(Pki::CLIENT);
        Target::new(server.address, &identity, (key_exchange, protocol))
    }

    /// One of our release binaries.
    pub fn binary(&self, name: &str) -> PathBuf {
        self.binaries.join(name)
    }

    /// The same environment's window, shortened or lengthened.
    pub fn window_of(&self, measured: Duration) -> Window {
        Window { measured, ..self.window }
    }

    /// The directory of an identity, as text for a configuration file.
    pub fn identity(&self, name: &str) -> String {
        self.pki.identity(name).display().to_string()
    }
}

/// A path as text for a configuration file.
pub fn text(path: &Path) -> String {
    path.display().to_string()
}
