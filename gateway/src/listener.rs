//! A listener: its socket, its configuration, and its connections.

mod config;

use std::future::Future;
use std::net::{SocketAddr, TcpListener as StdListener};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;
use axum_server::accept::Accept;
use hyper::server::conn::{http1, http2};
use hyper_util::rt::{TokioIo, TokioTimer};
use mtls::connection::Connection;
use mtls::connection::session::Session;
use mtls::connection::stream_executor::StreamExecutor;
use mtls::limits::Limits;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, watch};
use tracing::{debug, info, warn};

pub(crate) use self::config::ListenerConfig;
use crate::proxy::Proxy;

/// An open listener.
#[derive(Debug)]
pub(crate) struct Listener {
    address: SocketAddr,
    busy: mpsc::WeakSender<()>,
    config: ArcSwap<ListenerConfig>,
}

/// Signals a connection to end: its listener's configuration has changed, or the listener is
/// closed.
#[derive(Debug)]
struct End {
    over: watch::Receiver<bool>,
    stop: watch::Receiver<bool>,
}

/// Whether responses on a connection announce that it closes (RFC 9112, section 9.6).
pub(crate) type Leaving = Arc<AtomicBool>;

/// Held by every task that shutdown waits for.
pub(crate) type Busy = Option<mpsc::Sender<()>>;

impl Listener {
    pub(crate) fn new(
        address: SocketAddr,
        config: ListenerConfig,
        busy: &mpsc::Sender<()>,
    ) -> Self {
        Self { address, busy: busy.downgrade(), config: ArcSwap::from_pointee(config) }
    }

    /// Applies another configuration to the next request of every connection. Where it admits
    /// callers differently, existing connections close after the requests in flight.
    pub(crate) fn change(&self, mut config: ListenerConfig) {
        let before = self.config.load_full();
        if config.admits_like(&before) {
            config.over = Arc::clone(&before.over);
            self.config.store(Arc::new(config));
        } else {
            self.config.store(Arc::new(config));
            before.over.send_replace(true);
        }
    }

    pub(crate) fn config(&self) -> Arc<ListenerConfig> {
        self.config.load_full()
    }

    /// The address that it is bound to.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    pub(crate) fn port(&self) -> u16 {
        self.address.port()
    }

    /// None once the gateway stops.
    pub(crate) fn busy(&self) -> Busy {
        self.busy.upgrade()
    }

    /// Accepts connections until `stop`; open ones then close after the requests in flight.
    pub(crate) async fn serve(
        self: Arc<Self>,
        listener: StdListener,
        mut stop: watch::Receiver<bool>,
    ) {
        let listener = match TcpListener::from_std(listener) {
            Ok(listener) => listener,
            Err(error) => return warn!(address = %self.address, %error, "cannot listen"),
        };
        info!(address = %self.address, name = &*self.config().name, "listening");
        let mut warned: Option<Instant> = None;
        loop {
            let accepted = tokio::select! {
                accepted = listener.accept() => accepted,
                _ = stop.wait_for(|stop| *stop) => break,
            };
            match accepted {
                Ok((tcp, _)) => {
                    tokio::spawn(Arc::clone(&self).connection(tcp, stop.clone()));
                }
                // Out of file descriptors, or a connection that is already closed: keep accepting
                // others.
                Err(error) => {
                    if warned.is_none_or(|at| at.elapsed() >= WARN_INTERVAL) {
                        warned = Some(Instant::now());
                        warn!(address = %self.address, %error, "cannot accept a connection");
                    }
                    tokio::time::sleep(ERROR_PAUSE).await;
                }
            }
        }
        info!(address = %self.address, "stopped listening");
    }

    async fn connection(self: Arc<Self>, tcp: TcpStream, stop: watch::Receiver<bool>) {
        let _busy = self.busy();
        let config = self.config();
        let mut end = End { over: config.over.subscribe(), stop };
        // The acceptor reports a refusal on the wire and in the log.
        let leaving = Leaving::default();
        let proxy = Proxy::new(Arc::clone(&self), leaving.clone());
        let Ok((stream, service)) = config.acceptor.accept(tcp, proxy).await else {
            return;
        };
        let connection = Arc::clone(stream.connection());
        let http2 = connection.session().is_some_and(Session::is_http2);
        let io = TokioIo::new(stream);
        let fields = config.fields;
        let executor = http2.then(|| StreamExecutor::new(&connection, &config.limits));
        let streams = config.requests.max_streams();
        let limits = config.limits.clone();
        // A connection must not keep a replaced configuration alive.
        drop(config);
        let ended = if let Some(executor) = executor {
            let mut server = http2::Builder::new(executor);
            server.timer(TokioTimer::new()).max_concurrent_streams(streams);
            server.max_header_list_size(fields.http2_list());
            let served = server.serve_connection(io, service);
            let shut_down = http2::Connection::graceful_shutdown;
            self.serve_until_end(served, shut_down, &mut end, &limits, &connection, None).await
        } else {
            // The stream enforces time limits and reports each timeout; hyper would only close.
            let mut server = http1::Builder::new();
            server.timer(TokioTimer::new()).header_read_timeout(None);
            server.max_buf_size(fields.bytes).max_header_size(fields.bytes);
            // Up to a quarter more are read, so that the gateway itself answers with the reason.
            server.max_headers(fields.fields + fields.fields / 4);
            let served = server.serve_connection(io, service).with_upgrades();
            let shut_down = http1::UpgradeableConnection::graceful_shutdown;
            self.serve_until_end(served, shut_down, &mut end, &limits, &connection, Some(&leaving))
                .await
        };
        if let Err(error) = ended {
            debug!(%error, "a connection ended");
        }
        if connection.is_upgraded() {
            let cut = async {
                end.requested().await;
                self.cut_after_drain(&connection).await;
            };
            tokio::select! {
                () = connection.gone() => {}
                () = cut => {}
            }
        }
    }

    /// Serves a connection until it closes. Once it is to end, requests in flight are served for up
    /// to `drain_timeout`.
    ///
    /// HTTP/2 informs a caller which of its requests were not processed. On HTTP/1.1 a request sent
    /// just as the connection closes would be lost, so the next response announces the close, and
    /// an idle connection is closed after [`LAST_REQUEST_TIME`].
    async fn serve_until_end<C: Future<Output = Result<(), hyper::Error>>>(
        &self,
        served: C,
        shut_down: impl FnOnce(Pin<&mut C>),
        end: &mut End,
        limits: &Limits,
        connection: &Connection,
        leaving: Option<&Leaving>,
    ) -> Result<(), hyper::Error> {
        tokio::pin!(served);
        tokio::select! {
            biased;
            ended = served.as_mut() => return ended,
            () = end.requested() => {}
            () = limits.connection_ages() => {}
        }
        let drained = async {
            if let Some(leaving) = leaving {
                leaving.store(true, Ordering::Relaxed);
                if let Ok(ended) = tokio::time::timeout(LAST_REQUEST_TIME, served.as_mut()).await {
                    return ended;
                }
            }
            shut_down(served.as_mut());
            served.await
        };
        tokio::select! {
            ended = drained => ended,
            () = self.cut_after_drain(connection) => Ok(()),
        }
    }

    /// Closes a connection that is to end, after `drain_timeout`.
    async fn cut_after_drain(&self, connection: &Connection) {
        let limit = self.config().drain_timeout;
        tokio::time::sleep(limit).await;
        info!(
            peer = %connection.address(),
            listener = &*self.config().name,
            seconds = limit.as_secs(),
            "connection closed: its requests did not finish within drain_timeout"
        );
        connection.close();
    }
}

impl End {
    /// Waits until the connection is to end.
    async fn requested(&mut self) {
        tokio::select! {
            biased;
            _ = self.over.wait_for(|over| *over) => {}
            _ = self.stop.wait_for(|stop| *stop) => {}
        }
    }
}

/// How long an HTTP/1.1 caller may take to send one more request, whose response announces the
/// close.
const LAST_REQUEST_TIME: Duration = Duration::from_secs(1);

/// The pause after an accept error, and the least time between two warnings.
const ERROR_PAUSE: Duration = Duration::from_millis(50);
const WARN_INTERVAL: Duration = Duration::from_secs(10);
