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
use crate::event::failure::Failure;
use crate::event::refusal::{Code, Reason, Refusal};
use crate::event::{Event, Events};
use crate::limits::Limits;
use crate::peer::Peer;
use crate::pki::role::Role;
use crate::pki::verifier::Verifier;

/// Accepts connections, for [`axum_server::Server::acceptor`].
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
    events: Arc<Events>,
    limits: Arc<Limits>,
    security: Security,
}

#[derive(Debug)]
enum Security {
    Mutual(Arc<CredentialStore>),
    Optional(Arc<CredentialStore>),
    Plain,
    WithoutClientCertificates(Arc<CredentialStore>),
}

impl Acceptor {
    /// Mutual TLS: presents the identity of `store`, and accepts only clients whose certificate
    /// chain verifies by its trust.
    pub fn mutual(
        store: Arc<CredentialStore>,
        limits: Limits,
        events: Arc<Events>,
        connections: Arc<Connections>,
    ) -> Self {
        Self::new(Security::Mutual(store), limits, events, connections)
    }

    /// TLS with an optional client certificate: a client without one is anonymous, and its requests
    /// have no [`Peer`]. A certificate that is presented is verified as by [`Acceptor::mutual`];
    /// a client with a bad one is refused, never accepted as anonymous.
    pub fn optional(
        store: Arc<CredentialStore>,
        limits: Limits,
        events: Arc<Events>,
        connections: Arc<Connections>,
    ) -> Self {
        Self::new(Security::Optional(store), limits, events, connections)
    }

    /// TLS that requests no client certificate: every client is anonymous.
    pub fn without_client_certificates(
        store: Arc<CredentialStore>,
        limits: Limits,
        events: Arc<Events>,
        connections: Arc<Connections>,
    ) -> Self {
        let security = Security::WithoutClientCertificates(store);
        Self::new(security, limits, events, connections)
    }

    /// No TLS at all, with the same limits.
    pub fn plain(limits: Limits, events: Arc<Events>, connections: Arc<Connections>) -> Self {
        Self::new(Security::Plain, limits, events, connections)
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

    fn new(
        security: Security,
        limits: Limits,
        events: Arc<Events>,
        connections: Arc<Connections>,
    ) -> Self {
        let limits = Arc::new(limits);
        match &security {
            Security::Mutual(store) | Security::Optional(store) => connections.follow(store),
            Security::WithoutClientCertificates(store) => store.follow_files(),
            Security::Plain => {}
        }
        let for_operator = false;
        Self { inner: Arc::new(Inner { connections, for_operator, events, limits, security }) }
    }

    /// As [`Acceptor::plain`], for the admin listener, which also accepts connections where the
    /// process may open so few more files that other listeners refuse them.
    pub fn admin(limits: Limits, events: Arc<Events>, connections: Arc<Connections>) -> Self {
        let (limits, security) = (Arc::new(limits), Security::Plain);
        let for_operator = true;
        Self { inner: Arc::new(Inner { connections, for_operator, events, limits, security }) }
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
                self.refuse(began, None, refusal);
                return Err(ErrorKind::ConnectionRefused.into());
            }
        };
        let wire = Wire::new(tcp, peer);
        if matches!(self.security, Security::Plain) {
            let connection = Arc::new(Connection::new(Role::Server, peer, None, None));
            self.connections.add(&connection);
            return Ok(Stream::plain(wire, connection, Some(self.keeper(admission))));
        }

        let deadline = (began + self.limits.handshake_timeout).into();
        match tokio::time::timeout_at(deadline, self.handshake(wire, began)).await {
            Ok(Ok((tls, connection))) => {
                Ok(Stream::tls(tls, connection, Some(self.keeper(admission))))
            }
            Ok(Err((wire, error))) => {
                if let Some(wire) = wire {
                    linger::until_read(wire).await;
                }
                Err(error)
            }
            Err(_) => {
                let reason = Reason::new(Code::HandshakeTimeout);
                self.refuse(began, None, Refusal::new(reason, Role::Server, None, peer));
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
            self.refuse(began, None, failure.refusal(peer));
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
        let certificate = proven.as_ref().map(|(peer, _)| Arc::clone(peer.certificate()));
        let connection = Connection::new(Role::Server, peer, Some(session.clone()), proven);
        let connection = Arc::new(connection);
        match &verifier {
            Some(verifier) => {
                self.connections.add_verified_by(&connection, verifier.credentials());
            }
            None => self.connections.add(&connection),
        }
        let duration = began.elapsed();
        self.events.record(Event::accepted(Role::Server, peer, duration, session, certificate));
        Ok((TlsStream::Server(tls), connection))
    }

    /// The configuration of one handshake, and the verifier that will know its verdict.
    fn config(&self) -> std::result::Result<(ServerConfig, Option<Arc<Verifier>>), rustls::Error> {
        let (store, client_certificates) = match &self.security {
            Security::Mutual(store) => (store, ClientCertificates::Required),
            Security::Optional(store) => (store, ClientCertificates::Optional),
            Security::WithoutClientCertificates(store) => (store, ClientCertificates::Off),
            Security::Plain => {
                return Err(rustls::Error::General("a plain listener has no TLS".into()));
            }
        };
        server_config(store.current(), client_certificates)
    }

    /// The store whose trust verifies peers.
    fn store(&self) -> Option<Arc<CredentialStore>> {
        match &self.security {
            Security::Mutual(store) | Security::Optional(store) => Some(Arc::clone(store)),
            Security::Plain | Security::WithoutClientCertificates(_) => None,
        }
    }

    fn keeper(&self, admission: Admission) -> ServerLimits {
        ServerLimits {
            admission,
            events: Arc::clone(&self.events),
            limits: Arc::clone(&self.limits),
            timer: None,
        }
    }

    fn refuse(&self, began: Instant, session: Option<Session>, refusal: Refusal) {
        let duration = began.elapsed();
        self.events.record(Event::refused(Role::Server, duration, session, refusal));
    }
}
