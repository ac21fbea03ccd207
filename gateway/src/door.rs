//! A listener: its socket, the terms on which it lets callers in, and its connections.

use std::future::Future;
use std::net::{SocketAddr, TcpListener as StdListener};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use arc_swap::ArcSwap;
use axum_server::accept::Accept;
use hyper::server::conn::{http1, http2};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use mtls::connections::Connection;
use mtls::handshake::Handshakes;
use mtls::limits::Limits;
use mtls::live::Live;
use mtls::peer::Peer;
use mtls::refusal::{Code, Reason};
use mtls::role::Role;
use mtls::server::Acceptor;
use mtls::session::Session;
use time::OffsetDateTime;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, watch};
use tracing::{debug, info, warn};

use crate::config::{ClientCertificates, ListenerConfig, Security};
use crate::proxy::Proxy;
use crate::route_metrics::RouteMetrics;
use crate::routes::Routes;
use crate::upstream::Doors;

/// A listener that is open.
#[derive(Debug)]
pub(crate) struct Door {
    address: SocketAddr,
    busy: mpsc::WeakSender<()>,
    terms: ArcSwap<Terms>,
}

/// On which terms a listener lets callers in, and where they may go.
#[derive(Debug)]
pub(crate) struct Terms {
    acceptor: Acceptor,
    pub(crate) handshakes: Arc<Handshakes>,
    limits: Limits,
    pub(crate) live: Option<Arc<Live>>,
    pub(crate) name: Arc<str>,
    /// Told when connections that were made on these terms are to end.
    over: Arc<watch::Sender<bool>>,
    requests: Arc<Semaphore>,
    pub(crate) routes: Routes,
    pub(crate) security: Security,
    /// Of requests that found no route.
    pub(crate) unrouted: Arc<RouteMetrics>,
}

/// Whether the answers of a connection are to say that it ends (RFC 9112, section 9.6).
pub(crate) type Leaving = Arc<AtomicBool>;

/// Held by whatever a stopping gateway waits for.
pub(crate) type Busy = Option<mpsc::Sender<()>>;

impl Terms {
    pub(crate) fn new(
        config: &ListenerConfig,
        live: Option<Arc<Live>>,
        routes: Routes,
        limits: &Limits,
        requests: Arc<Semaphore>,
        doors: &Doors,
    ) -> Self {
        let (events, open) = (Arc::clone(&doors.handshakes), Arc::clone(&doors.connections));
        let acceptor = match (&config.security, &live) {
            (Security::Tls { client_certificates, .. }, Some(live)) => {
                let make = match client_certificates {
                    ClientCertificates::Off => Acceptor::without_client_certificates,
                    ClientCertificates::Optional => Acceptor::optional,
                    ClientCertificates::Required => Acceptor::mutual,
                };
                make(Arc::clone(live), limits.clone(), events, open)
            }
            _ => Acceptor::plain(limits.clone(), events, open),
        };
        Self {
            acceptor,
            handshakes: Arc::clone(&doors.handshakes),
            limits: limits.clone(),
            live,
            name: config.name.as_str().into(),
            over: Arc::new(watch::Sender::new(false)),
            requests,
            routes,
            security: config.security.clone(),
            unrouted: Arc::new(RouteMetrics::new("none")),
        }
    }

    /// A place among the requests in flight.
    pub(crate) fn place(&self) -> Option<OwnedSemaphorePermit> {
        Arc::clone(&self.requests).try_acquire_owned().ok()
    }

    /// Judges a connection that may have been let in on other terms. It was told to end, and a
    /// caller who does not heed that can still open streams on it in HTTP/2.
    pub(crate) fn still_admit(&self, connection: &Connection) -> Result<(), Reason> {
        let (Security::Tls { client_certificates, .. }, Some(live)) = (&self.security, &self.live)
        else {
            return Ok(());
        };
        match (client_certificates, connection.peer()) {
            (ClientCertificates::Required, None) => Err(Reason::new(Code::NoCertificate)),
            (ClientCertificates::Off, _) | (_, None) => Ok(()),
            (_, Some(_)) if connection.is_judged_by(live) => Ok(()),
            (_, Some(peer)) => {
                let now = OffsetDateTime::now_utc();
                live.current().trust.judge(peer.presented(), Role::Client, now).map(drop)
            }
        }
    }

    /// Whom a connection speaks for here. Where nobody is verified any more, that is nobody, though
    /// it was made when somebody was.
    pub(crate) fn peer_of<'a>(&self, connection: &'a Connection) -> Option<&'a Peer> {
        let verifies = match &self.security {
            Security::Plain | Security::Redirect(_) => false,
            Security::Tls { client_certificates, .. } => {
                *client_certificates != ClientCertificates::Off
            }
        };
        connection.peer().filter(|_| verifies)
    }

    /// Whether a connection that was let in on the other terms would be let in alike on these.
    fn admit_like(&self, other: &Self) -> bool {
        let same_live = match (&self.live, &other.live) {
            (Some(one), Some(two)) => Arc::ptr_eq(one, two),
            (one, two) => one.is_none() && two.is_none(),
        };
        same_live && self.security == other.security && self.limits == other.limits
    }
}

impl Door {
    pub(crate) fn new(address: SocketAddr, terms: Terms, busy: &mpsc::Sender<()>) -> Self {
        Self { address, busy: busy.downgrade(), terms: ArcSwap::from_pointee(terms) }
    }

    /// Puts other terms in force, for the next request of every connection. Connections that would
    /// be let in on other terms now finish what is in flight, and end.
    pub(crate) fn change(&self, mut terms: Terms) {
        let before = self.terms.load_full();
        if terms.admit_like(&before) {
            terms.over = Arc::clone(&before.over);
            self.terms.store(Arc::new(terms));
        } else {
            self.terms.store(Arc::new(terms));
            before.over.send_replace(true);
        }
    }

    pub(crate) fn terms(&self) -> Arc<Terms> {
        self.terms.load_full()
    }

    /// Where it stands.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    pub(crate) fn port(&self) -> u16 {
        self.address.port()
    }

    /// None where the gateway has stopped already.
    pub(crate) fn busy(&self) -> Busy {
        self.busy.upgrade()
    }

    /// Takes connections until told to stop; those that are open then finish what is in flight.
    pub(crate) async fn serve(
        self: Arc<Self>,
        listener: StdListener,
        mut stop: watch::Receiver<bool>,
    ) {
        let listener = match TcpListener::from_std(listener) {
            Ok(listener) => listener,
            Err(error) => return warn!(address = %self.address, %error, "cannot listen"),
        };
        info!(address = %self.address, name = &*self.terms().name, "listening");
        loop {
            let accepted = tokio::select! {
                accepted = listener.accept() => accepted,
                _ = stop.wait_for(|stop| *stop) => break,
            };
            match accepted {
                Ok((tcp, _)) => {
                    tokio::spawn(Arc::clone(&self).connection(tcp, stop.clone()));
                }
                // Out of descriptors, or a connection that is gone already: others must not wait.
                Err(error) => {
                    warn!(address = %self.address, %error, "a connection was not taken");
                    tokio::time::sleep(AGAIN).await;
                }
            }
        }
        info!(address = %self.address, "listening no more");
    }

    async fn connection(self: Arc<Self>, tcp: TcpStream, stop: watch::Receiver<bool>) {
        let _busy = self.busy();
        let terms = self.terms();
        let over = terms.over.subscribe();
        // A refusal is told by the acceptor, on the wire and in the log.
        let leaving = Leaving::default();
        let proxy = Proxy::new(Arc::clone(&self), leaving.clone());
        let Ok((stream, service)) = terms.acceptor.accept(tcp, proxy).await else {
            return;
        };
        let http2 = stream.connection().session().is_some_and(Session::is_http2);
        let (io, service) = (TokioIo::new(stream), TowerToHyperService::new(service));
        let head = terms.limits.max_header_bytes;
        // Terms that nobody is let in on any more must not be kept for a connection's sake.
        drop(terms);
        let ended = if http2 {
            let mut server = http2::Builder::new(TokioExecutor::new());
            server.timer(TokioTimer::new()).max_concurrent_streams(STREAMS);
            server.max_header_list_size(u32::try_from(head).unwrap_or(u32::MAX));
            let connection = server.serve_connection(io, service);
            until_told(connection, http2::Connection::graceful_shutdown, over, stop, None).await
        } else {
            // The time limits are the stream's: it tells each, and hyper's would only close.
            let mut server = http1::Builder::new();
            server.timer(TokioTimer::new()).header_read_timeout(None).max_buf_size(head);
            let connection = server.serve_connection(io, service).with_upgrades();
            let shut_down = http1::UpgradeableConnection::graceful_shutdown;
            until_told(connection, shut_down, over, stop, Some(&leaving)).await
        };
        if let Err(error) = ended {
            debug!(%error, "a connection ended");
        }
    }
}

/// Serves a connection to its end, or to the end of what is in flight once told.
///
/// By HTTP/2 a caller learns which of its requests were not heard. By HTTP/1.1 it would lose one
/// that it sends just when we close, so there the next answer says that it is the last, and only
/// who asks for nothing is closed upon.
async fn until_told<C: Future<Output = Result<(), hyper::Error>>>(
    connection: C,
    shut_down: impl FnOnce(Pin<&mut C>),
    mut over: watch::Receiver<bool>,
    mut stop: watch::Receiver<bool>,
    leaving: Option<&Leaving>,
) -> Result<(), hyper::Error> {
    tokio::pin!(connection);
    tokio::select! {
        ended = connection.as_mut() => return ended,
        _ = over.wait_for(|over| *over) => {}
        _ = stop.wait_for(|stop| *stop) => {}
    }
    if let Some(leaving) = leaving {
        leaving.store(true, Ordering::Relaxed);
        if let Ok(ended) = tokio::time::timeout(LAST_WORD, connection.as_mut()).await {
            return ended;
        }
    }
    shut_down(connection.as_mut());
    connection.await
}

/// How long a caller may take to ask once more, and be told that it was the last time.
const LAST_WORD: Duration = Duration::from_secs(1);

/// Streams of one HTTP/2 connection; RFC 9113, section 6.5.2, advises 100 at least.
const STREAMS: u32 = 128;

const AGAIN: Duration = Duration::from_millis(50);
