//! The server side: an acceptor for axum-server that accepts clients whose certificate chain
//! verifies, records each refusal, and puts the [`Peer`] into every request.

mod config;
mod files;
mod http;
mod incoming;
mod linger;
mod serve;
mod service;

#[cfg(feature = "axum")]
use std::future::Future;
use std::io::{Error, ErrorKind, Result};
use std::net::IpAddr;
#[cfg(feature = "axum")]
use std::pin::Pin;
use std::sync::Arc;
use std::time::Instant;

#[cfg(feature = "axum")]
use axum_server::accept::Accept;
use rustls::ServerConfig;
use tokio::net::TcpStream;
use tokio_rustls::{LazyConfigAcceptor, TlsStream};
use tracing::debug;

pub(crate) use self::config::server_config;
pub use self::http::{HttpSettings, serve_connection};
pub use self::incoming::Incoming;
pub use self::serve::Serve;
pub use self::service::PeerService;
use crate::ClientCertificates;
use crate::connection::session::Session;
use crate::connection::stream::{ServerLimits, Stream, Wire};
use crate::connection::{Admission, Connection, Connections};
use crate::credentials::CredentialStore;
use crate::event::Event;
use crate::event::failure::Failure;
use crate::event::refusal::{Code, Reason, Refusal};
use crate::limits::Limits;
use crate::peer::Peer;
use crate::pki::role::Role;
use crate::pki::verifier::Verifier;

/// Accepts connections, for axum-server (feature `axum`) or, by [`Acceptor::handshake`], any server.
///
/// A client certificate is required, unless the acceptor was made by a call that says otherwise.
#[derive(Clone, Debug)]
pub struct Acceptor {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    connections: Arc<Connections>,
    /// Whether this is the operator's listener, which may use the last free file descriptors.
    for_operator: bool,
    limits: Arc<Limits>,
    security: Security,
}

#[derive(Debug)]
enum Security {
    Plain,
    Tls { client_certificates: ClientCertificates, store: Arc<CredentialStore> },
}

impl Acceptor {
    /// TLS: presents the identity of `store`, and verifies client certificates by its trust.
    ///
    /// Unless `client_certificates` says otherwise, only clients whose certificate chain verifies
    /// are accepted. Where it is optional, a client without one is anonymous, and its requests have
    /// no [`Peer`]; one with a bad certificate is refused, never accepted as anonymous.
    pub fn new(
        store: Arc<CredentialStore>,
        client_certificates: ClientCertificates,
        limits: Limits,
        connections: Arc<Connections>,
    ) -> Self {
        match client_certificates {
            ClientCertificates::Off => store.follow_files(),
            ClientCertificates::Optional | ClientCertificates::Required => {
                connections.follow(&store);
            }
        }
        Self::of(Security::Tls { client_certificates, store }, limits, connections, false)
    }

    /// No TLS at all, with the same limits.
    pub fn plain(limits: Limits, connections: Arc<Connections>) -> Self {
        Self::of(Security::Plain, limits, connections, false)
    }

    /// As [`Acceptor::plain`], for the admin listener, which also accepts connections where the
    /// process may open so few more files that other listeners refuse them.
    pub fn admin(limits: Limits, connections: Arc<Connections>) -> Self {
        Self::of(Security::Plain, limits, connections, true)
    }

    /// Makes a TCP connection one of this listener's: admits it, and does the handshake.
    ///
    /// What is returned carries any protocol; reads and writes on it fail once the trust in its
    /// peer has ended.
    ///
    /// # Errors
    ///
    /// The connection was refused or lost. The peer has had its alert, and the refusal is recorded
    /// and logged.
    pub async fn handshake(&self, tcp: TcpStream) -> Result<Stream> {
        self.inner.accept(tcp).await
    }

    pub(crate) fn limits(&self) -> &Limits {
        &self.inner.limits
    }

    fn of(
        security: Security,
        limits: Limits,
        connections: Arc<Connections>,
        for_operator: bool,
    ) -> Self {
        let limits = Arc::new(limits);
        Self { inner: Arc::new(Inner { connections, for_operator, limits, security }) }
    }
}

#[cfg(feature = "axum")]
impl<S: Send + 'static> Accept<TcpStream, S> for Acceptor {
    type Stream = Stream;
    type Service = PeerService<S>;
    type Future = Pin<Box<dyn Future<Output = Result<(Stream, PeerService<S>)>> + Send>>;

    fn accept(&self, tcp: TcpStream, service: S) -> Self::Future {
        let acceptor = self.clone();
        Box::pin(async move {
            let stream = acceptor.handshake(tcp).await?;
            let service = PeerService::new(service, Arc::clone(stream.connection()));
            Ok((stream, service))
        })
    }
}

impl Inner {
    async fn accept(&self, tcp: TcpStream) -> Result<Stream> {
        let began = Instant::now();
        let peer = tcp.peer_addr()?;
        tcp.set_nodelay(true)?;
        let admission = match self.admit(&tcp, peer.ip()) {
            Ok(admission) => admission,
            Err(reason) => {
                let secured = !matches!(self.security, Security::Plain);
                let alert = linger::refuse(tcp, secured).await;
                let refusal = Refusal::new(reason, Role::Server, alert, peer);
                self.refuse(began, refusal);
                return Err(ErrorKind::ConnectionRefused.into());
            }
        };
        let wire = Wire::new(tcp, peer);
        if matches!(self.security, Security::Plain) {
            let connection = Arc::new(Connection::new(Role::Server, peer, None, None));
            self.connections.add(&connection);
            return Ok(Stream::plain(wire, connection, Some(self.server_limits(admission))));
        }

        let deadline = (began + self.limits.handshake_timeout).into();
        match tokio::time::timeout_at(deadline, self.handshake(wire, began)).await {
            Ok(Ok((tls, connection))) => {
                Ok(Stream::tls(tls, connection, Some(self.server_limits(admission))))
            }
            Ok(Err((wire, error))) => {
                if let Some(wire) = wire {
                    linger::until_read(wire).await;
                }
                Err(error)
            }
            Err(_) => {
                let reason = Reason::new(Code::HandshakeTimeout);
                self.refuse(began, Refusal::new(reason, Role::Server, None, peer));
                Err(ErrorKind::TimedOut.into())
            }
        }
    }

    fn admit(&self, tcp: &TcpStream, address: IpAddr) -> std::result::Result<Admission, Reason> {
        if !self.for_operator && !files::are_below(7, tcp) {
            let detail = "the process may open few more files (ulimit -n)";
            return Err(Reason::new(Code::TooManyConnections).with_detail(detail));
        }
        self.connections.admit(address, &self.limits)
    }

    async fn handshake(
        &self,
        wire: Wire,
        began: Instant,
    ) -> std::result::Result<(TlsStream<Wire>, Arc<Connection>), (Option<Wire>, Error)> {
        let peer = wire.peer_address();
        let failed = |error: Error, wire: Option<Wire>, verifier: Option<&Verifier>| {
            let failure =
                Failure { error: &error, side: Role::Server, verifier, wire: wire.as_ref() };
            self.refuse(began, failure.refusal(peer));
            (wire, error)
        };

        let mut hello = LazyConfigAcceptor::new(rustls::server::Acceptor::default(), wire);
        let start = match (&mut hello).await {
            Ok(start) => start,
            Err(error) => {
                let wire = hello.take_io();
                if wire.as_ref().is_some_and(|wire| wire.is_silent()) {
                    // Somebody looked whether the port is open, as load balancers do.
                    debug!(%peer, "closed before a byte was sent");
                    return Err((None, error));
                }
                return Err(failed(error, wire, None));
            }
        };
        let server_name = start.client_hello().server_name().map(str::to_owned);
        let (config, verifier) = match self.config() {
            Ok(config) => config,
            Err(error) => return Err(failed(Error::other(error), Some(start.io), None)),
        };
        let tls = match start.into_stream(Arc::new(config)).into_fallible().await {
            Ok(tls) => tls,
            Err((error, wire)) => return Err(failed(error, Some(wire), verifier.as_deref())),
        };

        tls.get_ref().0.acknowledge();
        let session = Session::of(tls.get_ref().1, server_name);
        let proven = verifier.as_ref().and_then(|verifier| verifier.verified_chain());
        let proven = proven.map(Peer::new).zip(self.store());
        let connection = Connection::new(Role::Server, peer, Some(session), proven);
        let connection = Arc::new(connection);
        match &verifier {
            Some(verifier) => {
                self.connections.add_verified_by(&connection, verifier.credentials());
            }
            None => self.connections.add(&connection),
        }
        connection.record_accepted(began.elapsed());
        Ok((TlsStream::Server(tls), connection))
    }

    /// The configuration of one handshake, and the verifier that will know its verdict.
    fn config(&self) -> std::result::Result<(ServerConfig, Option<Arc<Verifier>>), rustls::Error> {
        match &self.security {
            Security::Tls { client_certificates, store } => {
                server_config(store.current(), *client_certificates)
            }
            Security::Plain => {
                Err(rustls::Error::General("a plain listener has no TLS".to_owned()))
            }
        }
    }

    /// The store whose trust verifies peers.
    fn store(&self) -> Option<Arc<CredentialStore>> {
        match &self.security {
            Security::Plain
            | Security::Tls { client_certificates: ClientCertificates::Off, .. } => None,
            Security::Tls { store, .. } => Some(Arc::clone(store)),
        }
    }

    fn server_limits(&self, admission: Admission) -> ServerLimits {
        ServerLimits::new(admission, Arc::clone(&self.limits))
    }

    fn refuse(&self, began: Instant, refusal: Refusal) {
        let event = Event::refused(Role::Server, began.elapsed(), None, refusal);
        self.connections.events().record(event);
    }
}
