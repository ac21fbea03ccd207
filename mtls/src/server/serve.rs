//! HTTP on accepted connections: one loop, which can end each connection gracefully by itself.

use std::error::Error;
use std::future::{Future, IntoFuture, Pending, pending};
use std::net::TcpListener as StdListener;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use http_body::Body;
use hyper::body::Incoming;
use hyper::server::conn::{http1, http2};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tower::Service;
use tracing::{debug, info, warn};

use super::{Acceptor, PeerService};
use crate::connection::Connection;
use crate::connection::session::Session;
use crate::connection::stream_executor::StreamExecutor;
use crate::limits::Limits;

/// A listener that serves HTTP once it is awaited; made by [`Mtls::serve`](crate::Mtls::serve).
#[derive(Debug)]
#[must_use = "nothing is served until it is awaited"]
pub struct Serve<S, F = Pending<()>> {
    acceptor: Acceptor,
    app: S,
    drain_timeout: Duration,
    listener: StdListener,
    max_streams: u32,
    shutdown: F,
}

impl<S> Serve<S> {
    /// Serves the connections that this acceptor accepts.
    pub fn new(listener: StdListener, acceptor: Acceptor, app: S) -> Self {
        Self {
            acceptor,
            app,
            drain_timeout: DRAIN_TIMEOUT,
            listener,
            max_streams: STREAMS,
            shutdown: pending(),
        }
    }
}

impl<S, F> Serve<S, F> {
    /// Serves until `signal` completes: no connection is accepted from then on, and requests in
    /// flight have the drain timeout to finish.
    pub fn with_graceful_shutdown<G>(self, signal: G) -> Serve<S, G> {
        let Self { acceptor, app, drain_timeout, listener, max_streams, .. } = self;
        Serve { acceptor, app, drain_timeout, listener, max_streams, shutdown: signal }
    }

    /// Streams that a client may have open on one HTTP/2 connection; 128 by default.
    pub fn max_streams(self, max_streams: u32) -> Self {
        Self { max_streams, ..self }
    }

    /// How long requests in flight have after the shutdown signal, and on a connection that has
    /// reached its age; 20 seconds by default.
    pub fn drain_timeout(self, drain_timeout: Duration) -> Self {
        Self { drain_timeout, ..self }
    }
}

impl<S, F, B> IntoFuture for Serve<S, F>
where
    S: Service<Request<Incoming>, Response = Response<B>> + Clone + Send + 'static,
    S::Future: Send + 'static,
    S::Error: Into<Box<dyn Error + Send + Sync>> + Send + 'static,
    B: Body<Data = Bytes> + Send + 'static,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
    F: Future + Send + 'static,
{
    type Output = std::io::Result<()>;
    type IntoFuture = Pin<Box<dyn Future<Output = std::io::Result<()>> + Send>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(async move {
            self.listener.set_nonblocking(true)?;
            let listener = TcpListener::from_std(self.listener)?;
            let (stop, stopping) = watch::channel(false);
            let mut connections = JoinSet::new();
            let (drain_timeout, max_streams) = (self.drain_timeout, self.max_streams);
            let shutdown = self.shutdown;
            tokio::pin!(shutdown);
            loop {
                let accepted = tokio::select! {
                    accepted = listener.accept() => accepted,
                    Some(_) = connections.join_next(), if !connections.is_empty() => continue,
                    _ = &mut shutdown => break,
                };
                match accepted {
                    Ok((tcp, _)) => {
                        let (acceptor, app) = (self.acceptor.clone(), self.app.clone());
                        let end = End { drain_timeout, stopping: stopping.clone() };
                        connections.spawn(async move {
                            serve_connection(&acceptor, tcp, app, max_streams, end).await;
                        });
                    }
                    // Out of descriptors, or a connection that is gone already.
                    Err(error) => {
                        warn!(%error, "a connection was not accepted");
                        tokio::time::sleep(RETRY_ACCEPT).await;
                    }
                }
            }
            drop(listener);
            stop.send_replace(true);
            let all = async { while connections.join_next().await.is_some() {} };
            if tokio::time::timeout(self.drain_timeout + CUT_TIME, all).await.is_err() {
                warn!("some requests did not end within the drain timeout, and are cut");
            }
            Ok(())
        })
    }
}

async fn serve_connection<S, B>(
    acceptor: &Acceptor,
    tcp: TcpStream,
    app: S,
    max_streams: u32,
    end: End,
) where
    S: Service<Request<Incoming>, Response = Response<B>> + Clone + Send + 'static,
    S::Future: Send + 'static,
    S::Error: Into<Box<dyn Error + Send + Sync>> + Send + 'static,
    B: Body<Data = Bytes> + Send + 'static,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
{
    // A refusal has been sent, recorded and logged by the acceptor.
    let Ok(stream) = acceptor.handshake(tcp).await else {
        return;
    };
    let connection = Arc::clone(stream.connection());
    let limits = acceptor.limits();
    let head = limits.max_header_bytes;
    let service = PeerService::new(app, Arc::clone(&connection));
    let ended = if connection.session().is_some_and(Session::is_http2) {
        let executor = StreamExecutor::new(&connection, limits);
        let mut server = http2::Builder::new(executor);
        server.timer(TokioTimer::new()).max_concurrent_streams(max_streams);
        server.max_header_list_size(u32::try_from(head).unwrap_or(u32::MAX));
        let serving = server.serve_connection(TokioIo::new(stream), service);
        let shut_down = http2::Connection::graceful_shutdown;
        end.serve(serving, shut_down, &connection, limits).await
    } else {
        let mut server = http1::Builder::new();
        // The stream keeps the time limits, since hyper would close without an event.
        server.timer(TokioTimer::new()).header_read_timeout(None).max_buf_size(head);
        let serving = server.serve_connection(TokioIo::new(stream), service).with_upgrades();
        let shut_down = http1::UpgradeableConnection::graceful_shutdown;
        end.serve(serving, shut_down, &connection, limits).await
    };
    if let Err(error) = ended {
        debug!(peer = %connection.address(), %error, "connection ended");
    }
}

/// When a connection ends though its client would keep it.
struct End {
    drain_timeout: Duration,
    stopping: watch::Receiver<bool>,
}

impl End {
    /// Serves a connection to its end; once it drains, is old enough or the server stops, until the
    /// requests in flight are answered: the peer gets GOAWAY, or `Connection: close`.
    ///
    /// In HTTP/1.1 a client can lose a request that it sends just as we close. So on a connection
    /// that is only old, the next response says that it is the last, and an idle one is closed.
    async fn serve<C: Future<Output = Result<(), hyper::Error>>>(
        mut self,
        serving: C,
        shut_down: impl FnOnce(Pin<&mut C>),
        connection: &Connection,
        limits: &Limits,
    ) -> Result<(), hyper::Error> {
        tokio::pin!(serving);
        let is_old = tokio::select! {
            ended = serving.as_mut() => return ended,
            () = connection.drained() => false,
            _ = self.stopping.wait_for(|stopping| *stopping) => false,
            () = limits.connection_ages() => true,
        };
        if is_old && !connection.session().is_some_and(Session::is_http2) {
            connection.note_last_response();
            if let Ok(ended) = tokio::time::timeout(LAST_RESPONSE, serving.as_mut()).await {
                return ended;
            }
        }
        shut_down(serving.as_mut());
        match tokio::time::timeout(self.drain_timeout, serving).await {
            Ok(ended) => ended,
            Err(_) => {
                info!(
                    peer = %connection.address(),
                    seconds = self.drain_timeout.as_secs(),
                    "connection cut: its requests did not end within the drain timeout"
                );
                connection.close();
                Ok(())
            }
        }
    }
}

const DRAIN_TIMEOUT: Duration = Duration::from_secs(20);
/// How long connections may take to end once they are cut.
const CUT_TIME: Duration = Duration::from_secs(1);
/// How long an idle HTTP/1.1 client may take to send its last request on an old connection.
const LAST_RESPONSE: Duration = Duration::from_secs(1);
const RETRY_ACCEPT: Duration = Duration::from_millis(50);

/// Streams of one HTTP/2 connection; RFC 9113, section 6.5.2, advises 100 at least.
const STREAMS: u32 = 128;
