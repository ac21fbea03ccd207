//! Builds an [`Mtls`] from its options.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use tokio::runtime::Handle;

use super::{Inner, Mtls, MtlsError};
use crate::connection::Connections;
use crate::credentials::{BadFile, CredentialFiles, CredentialStore};
use crate::event::{Event, Events, Sink};
use crate::limits::Limits;
use crate::pki::role::Role;
use crate::pki::trust::Revocation;

/// Options for an [`Mtls`]; an option that is not set has its strictest value.
#[derive(Debug, Default)]
#[must_use = "nothing is read until `build` is called"]
pub struct Builder {
    client_certificates: ClientCertificates,
    files: Option<CredentialFiles>,
    limits: Limits,
    logged_refusals_per_second: Option<u32>,
    revocation: Revocation,
    role: Option<Role>,
    sinks: Vec<Sink>,
}

/// Whether a server asks its clients for a certificate.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum ClientCertificates {
    /// No certificate is requested: clients are not authenticated.
    Off,
    /// A certificate is requested. A client without one is accepted, and its requests have no
    /// `Peer`; a client with a bad one is refused.
    Optional,
    /// A handshake without a certificate that verifies is refused.
    #[default]
    Required,
}

impl Builder {
    /// The directory of `tls.crt`, `tls.key`, `ca.crt` and `ca.crl`.
    pub fn directory(self, directory: impl Into<PathBuf>) -> Self {
        self.files(CredentialFiles::from(directory.into()))
    }

    /// The files, each at a path of its own.
    pub fn files(self, files: CredentialFiles) -> Self {
        Self { files: Some(files), ..self }
    }

    /// Whether servers request a client certificate; [`ClientCertificates::Required`] by default.
    pub fn client_certificates(self, client_certificates: ClientCertificates) -> Self {
        Self { client_certificates, ..self }
    }

    /// Calls this function with each event as it happens, besides the log and the metrics. It runs
    /// on the task where the event happens, so it must not block.
    pub fn event_sink(mut self, receive: impl Fn(&Event) + Send + Sync + 'static) -> Self {
        self.sinks.push(Sink::new(receive));
        self
    }

    /// How many refusals are logged each second, so that a flood of them does not fill the disk; 50
    /// by default. All are counted, kept and given to the sinks.
    pub fn logged_refusals_per_second(self, count: u32) -> Self {
        Self { logged_refusals_per_second: Some(count), ..self }
    }

    /// Limits of servers, and the handshake and idle timeouts of clients.
    pub fn limits(self, limits: Limits) -> Self {
        Self { limits, ..self }
    }

    /// How revocation lists are used; [`Revocation::Checked`] by default.
    pub fn revocation(self, revocation: Revocation) -> Self {
        Self { revocation, ..self }
    }

    /// The role that the identity must be fit for, now and after each reload. By default it is
    /// each role that the first files are fit for, and at least one.
    pub fn role(self, role: Role) -> Self {
        Self { role: Some(role), ..self }
    }

    /// Reads and verifies the files, and follows them from now on.
    ///
    /// # Errors
    ///
    /// Everything that is wrong with the files; or the call is made outside of a Tokio runtime.
    pub fn build(self) -> Result<Mtls, MtlsError> {
        if Handle::try_current().is_err() {
            return Err(MtlsError::NoRuntime);
        }
        let store = match self.role {
            Some(role) => self.load(&[role]),
            None => self
                .load(&[Role::Client, Role::Server])
                .or_else(|_| self.load(&[Role::Server]))
                .or_else(|problems| self.load(&[Role::Client]).map_err(|_| problems)),
        };
        let store = Arc::new(store.map_err(MtlsError::Credentials)?);
        let logged = self.logged_refusals_per_second.unwrap_or(50);
        let connections = Connections::new(Events::with_sinks(logged, self.sinks));
        connections.follow(&store);
        Ok(Mtls {
            inner: Arc::new(Inner {
                client_certificates: self.client_certificates,
                connections,
                limits: self.limits,
                store,
            }),
        })
    }

    fn load(&self, roles: &[Role]) -> Result<CredentialStore, Vec<BadFile>> {
        let files = self.files.clone().unwrap_or_else(|| CredentialFiles::from(Path::new("")));
        CredentialStore::load(files, roles, self.revocation)
    }
}
