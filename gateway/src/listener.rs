//! A listener: its socket, the terms on which it lets callers in, and its connections.

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

/// A listener that is open.
#[derive(Debug)]
pub(crate) struct Listener {
    address: SocketAddr,
    busy: mpsc::WeakSender<()>,
    terms: ArcSwap<ListenerConfig>,
}

/// Tells a connection when it is to end: its listener's terms are others, or it is gone.
#[derive(Debug)]
struct End {
    over: watch::Receiver<bool>,
    stop: watch::Receiver<bool>,
}

/// Whether the answers of a connection are to say that it ends (RFC 9112, section 9.6).
pub(crate) type Leaving = Arc<AtomicBool>;

/// Held by whatever a stopping gateway waits for.
pub(crate) type Busy = Option<mpsc::Sender<()>>;

impl Listener {
    pub(crate) fn new(address: SocketAddr, terms: ListenerConfig, busy: &mpsc::Sender<()>) -> Self {
        Self { address, busy: busy.downgrade(), terms: ArcSwap::from_pointee(terms) }
    }

    /// Puts other terms in force, for the next request of every connection. Connections that would
    /// be let in on other terms now finish what is in flight, and end.
    pub(crate) fn change(&self, mut terms: ListenerConfig) {
        let before = self.terms.load_full();
        if terms.admit_like(&before) {
            terms.over = Arc::clone(&before.over);
            self.terms.store(Arc::new(terms));
        } else {
            self.terms.store(Arc::new(terms));
            before.over.send_replace(true);
        }
    }

    pub(crate) fn terms(&self) -> Arc<ListenerConfig> {
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
                // Out of descriptors, or a connection that is gone already: others must not wait.
                Err(error) => {
                    if warned.is_none_or(|at| at.elapsed() >= WARN_AGAIN) {
                        warned = Some(Instant::now());
                        warn!(address = %self.address, %error, "a connection was not taken");
                    }
                    tokio::time::sleep(AGAIN).await;
                }
            }
        }
        info!(address = %self.address, "listening no more");
    }

    async fn connection(self: Arc<Self>, tcp: TcpStream, stop: watch::Receiver<bool>) {
        let _busy = self.busy();
        let terms = self.terms();
        let mut end = End { over: terms.over.subscribe(), stop };
        // A refusal is told by the acceptor, on the wire and in the log.
        let leaving = Leaving::default();
        let proxy = Proxy::new(Arc::clone(&self), leaving.clone());
        let Ok((stream, service)) = terms.acceptor.accept(tcp, proxy).await else {
            return;
        };
        let connection = Arc::clone(stream.connection());
        let http2 = connection.session().is_some_and(Session::is_http2);
        let io = TokioIo::new(stream);
        let fields = terms.fields;
        let executor = http2.then(|| StreamExecutor::new(&connection, &terms.limits));
        let streams = terms.requests.max_streams();
        let limits = terms.limits.clone();
        // ListenerConfig that nobody is let in on any more must not be kept for a connection's sake.
        drop(terms);
        let ended = if let Some(executor) = executor {
            let mut server = http2::Builder::new(executor);
            server.timer(TokioTimer::new()).max_concurrent_streams(streams);
            server.max_header_list_size(fields.http2_list());
            let served = server.serve_connection(io, service);
            let shut_down = http2::Connection::graceful_shutdown;
            self.serve_until_end(served, shut_down, &mut end, &limits, &connection, None).await
        } else {
            // The time limits are the stream's: it tells each, and hyper's would only close.
            let mut server = http1::Builder::new();
            server.timer(TokioTimer::new()).header_read_timeout(None);
            server.max_buf_size(fields.bytes).max_header_size(fields.bytes);
            // Up to a quarter more are read, so that the refusal is ours, and says why.
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

    /// Serves a connection to its end, or to the end of what is in flight once told, or of the
    /// time for it.
    ///
    /// By HTTP/2 a caller learns which of its requests were not heard. By HTTP/1.1 it would lose
    /// one that it sends just when we close, so there the next answer says that it is the last,
    /// and only who asks for nothing is closed upon.
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
                if let Ok(ended) = tokio::time::timeout(LAST_WORD, served.as_mut()).await {
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

    /// Cuts a connection that was told to end, once the requests in flight had their time.
    async fn cut_after_drain(&self, connection: &Connection) {
        let limit = self.terms().drain_timeout;
        tokio::time::sleep(limit).await;
        info!(
            peer = %connection.address(),
            listener = &*self.terms().name,
            seconds = limit.as_secs(),
            "connection cut: it was told to end, and did not within drain_timeout"
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

/// How long a caller may take to ask once more, and be told that it was the last time.
const LAST_WORD: Duration = Duration::from_secs(1);

/// After an error a listener waits so long, and tells of it so seldom.
const AGAIN: Duration = Duration::from_millis(50);
const WARN_AGAIN: Duration = Duration::from_secs(10);
