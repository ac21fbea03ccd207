//! Builds an [`Mtls`] from its options.

use std::path::PathBuf;
use std::sync::Arc;

use tokio::runtime::Handle;

use super::{Inner, Mtls, MtlsError};
use crate::connection::Connections;
use crate::credentials::{BadFile, CredentialStore};
use crate::event::Events;
use crate::limits::Limits;
use crate::pki::role::Role;
use crate::pki::trust::Revocation;

/// Options for an [`Mtls`]; an option that is not set has its strictest value.
#[derive(Debug, Default)]
#[must_use = "nothing is read until `build` is called"]
pub struct Builder {
    client_certificates: ClientCertificates,
    directory: PathBuf,
    events: Option<Arc<Events>>,
    limits: Limits,
    revocation: Revocation,
    role: Option<Role>,
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
        Self { directory: directory.into(), ..self }
    }

    /// Whether servers request a client certificate; [`ClientCertificates::Required`] by default.
    pub fn client_certificates(self, client_certificates: ClientCertificates) -> Self {
        Self { client_certificates, ..self }
    }

    /// Where handshakes and refusals are recorded; by default a ring that logs 50 refusals a
    /// second at most.
    pub fn events(self, events: Arc<Events>) -> Self {
        Self { events: Some(events), ..self }
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
        let connections = Connections::new();
        connections.follow(&store);
        Ok(Mtls {
            inner: Arc::new(Inner {
                client_certificates: self.client_certificates,
                connections,
                events: self.events.unwrap_or_else(|| Events::new(50)),
                limits: self.limits,
                store,
            }),
        })
    }

    fn load(&self, roles: &[Role]) -> Result<CredentialStore, Vec<BadFile>> {
        CredentialStore::load(self.directory.clone(), roles, self.revocation)
    }
}
