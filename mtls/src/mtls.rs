//! One handle for a service's mutual TLS: its credentials, its limits, its events, and the tasks
//! that keep what the crate promises.

mod builder;
#[cfg(any(feature = "client", feature = "server"))]
mod unmanaged;

use std::path::PathBuf;
use std::sync::Arc;

use thiserror::Error;

pub use self::builder::{Builder, ClientCertificates};
#[cfg(feature = "client")]
use crate::client;
use crate::connection::Connections;
use crate::credentials::{BadFile, CredentialStore, Credentials};
use crate::event::Events;
use crate::limits::Limits;
#[cfg(feature = "server")]
use crate::server::{Acceptor, Serve};

/// Mutual TLS for one identity.
///
/// A clone is another handle to the same. The files of the identity are followed, open connections
/// are verified again when roots or revocation lists change, and closed when a certificate on them
/// expires. The tasks that do so belong to this value: they run until the last clone, acceptor, client
/// and open connection made from it is gone. There is nothing else to start.
#[derive(Clone, Debug)]
pub struct Mtls {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    client_certificates: ClientCertificates,
    connections: Arc<Connections>,
    limits: Limits,
    store: Arc<CredentialStore>,
}

/// Errors of creating an [`Mtls`].
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum MtlsError {
    /// The files are missing, unreadable, or not fit for the role; all problems are listed.
    #[error("{}", lines(.0))]
    Credentials(Vec<BadFile>),
    /// The tasks that follow the files need a runtime.
    #[error("no Tokio runtime: create the Mtls inside of one")]
    NoRuntime,
}

fn lines(problems: &[BadFile]) -> String {
    let problems: Vec<String> = problems.iter().map(ToString::to_string).collect();
    problems.join("\n")
}

impl Mtls {
    /// Reads and verifies an identity directory (`tls.crt`, `tls.key`, `ca.crt` and, if there is
    /// one, `ca.crl`), and follows it from now on.
    ///
    /// Everything else is as [`Mtls::builder`] has it by default: client certificates are required,
    /// and revocation lists are used where they are.
    ///
    /// # Errors
    ///
    /// Everything that is wrong with the files; or the call is made outside of a Tokio runtime.
    pub fn from_directory(directory: impl Into<PathBuf>) -> Result<Self, MtlsError> {
        Self::builder().directory(directory).build()
    }

    /// A builder with all options.
    pub fn builder() -> Builder {
        Builder::default()
    }

    #[cfg(feature = "server")]
    /// Accepts connections for a server of your own: for axum-server, or, with
    /// [`Acceptor::handshake`], for any protocol on TCP.
    pub fn acceptor(&self) -> Acceptor {
        Acceptor::new(
            Arc::clone(&self.inner.store),
            self.inner.client_certificates,
            self.inner.limits.clone(),
            Arc::clone(&self.inner.connections),
        )
    }

    #[cfg(feature = "server")]
    /// Serves HTTP/1.1 and HTTP/2 on a listener, until the signal of
    /// [`Serve::with_graceful_shutdown`]; without one, for ever.
    ///
    /// `app` is an `axum::Router`, or any tower service of HTTP. Each request's extensions hold the
    /// [`Peer`](crate::Peer) that sent it, if one was proven, and the `Arc` of its
    /// [`Connection`](crate::connection::Connection).
    pub fn serve<S>(&self, listener: std::net::TcpListener, app: S) -> Serve<S> {
        Serve::new(listener, self.acceptor(), app)
    }

    #[cfg(feature = "client")]
    /// A client that presents this identity, and verifies servers by this trust.
    pub fn client(&self) -> client::Builder {
        client::Builder::new(
            Arc::clone(&self.inner.store),
            self.inner.limits.clone(),
            Arc::clone(&self.inner.connections),
        )
    }

    /// The credentials that are in force now; what is returned never changes.
    pub fn credentials(&self) -> Arc<Credentials> {
        self.inner.store.current()
    }

    /// The connections that are open, in both directions.
    pub fn connections(&self) -> &Arc<Connections> {
        &self.inner.connections
    }

    /// The newest handshakes and refusals.
    pub fn events(&self) -> &Arc<Events> {
        self.inner.connections.events()
    }
}
