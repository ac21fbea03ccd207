//! HTTP on the connections of a listener, until it is shut down.

use std::error::Error;
use std::future::{Future, IntoFuture, Pending, pending};
use std::net::TcpListener as StdListener;
use std::pin::Pin;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use http_body::Body;
use hyper::body::Incoming;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tower::Service;
use tracing::warn;

use super::{Acceptor, HttpSettings, Incoming as Connections, serve_connection};

/// A listener that serves HTTP once it is awaited; made by [`Mtls::serve`](crate::Mtls::serve).
#[derive(Debug)]
#[must_use = "nothing is served until it is awaited"]
pub struct Serve<S, F = Pending<()>> {
    acceptor: Acceptor,
    app: S,
    http: HttpSettings,
    listener: StdListener,
    shutdown: F,
}

impl<S> Serve<S> {
    /// Serves the connections that this acceptor accepts.
    pub fn new(listener: StdListener, acceptor: Acceptor, app: S) -> Self {
        let http = HttpSettings::new(acceptor.limits());
        Self { acceptor, app, http, listener, shutdown: pending() }
    }
}

impl<S, F> Serve<S, F> {
    /// Serves until `signal` completes: no connection is accepted from then on, and requests in
    /// flight have the drain timeout to finish.
    pub fn with_graceful_shutdown<G>(self, signal: G) -> Serve<S, G> {
        let Self { acceptor, app, http, listener, .. } = self;
        Serve { acceptor, app, http, listener, shutdown: signal }
    }

    /// Streams that a client may have open on one HTTP/2 connection; 128 by default.
    pub fn max_streams(mut self, max_streams: u32) -> Self {
        self.http.max_streams = max_streams;
        self
    }

    /// How long requests in flight have after the shutdown signal, and on a connection that has
    /// reached its age; 20 seconds by default.
    pub fn drain_timeout(mut self, drain_timeout: Duration) -> Self {
        self.http.drain_timeout = drain_timeout;
        self
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
        let Self { acceptor, app, http, listener, shutdown } = self;
        Box::pin(async move {
            let mut incoming = Connections::new(listener)?;
            let (stop, stopping) = watch::channel(false);
            let drain_timeout = http.drain_timeout;
            let mut connections = JoinSet::new();
            tokio::pin!(shutdown);
            loop {
                let tcp = tokio::select! {
                    tcp = incoming.next() => tcp,
                    Some(_) = connections.join_next(), if !connections.is_empty() => continue,
                    _ = &mut shutdown => break,
                };
                let (acceptor, app, http) = (acceptor.clone(), app.clone(), http.clone());
                let mut stopping = stopping.clone();
                connections.spawn(async move {
                    // A refusal has been sent, recorded and logged by the acceptor.
                    let Ok(stream) = acceptor.handshake(tcp).await else {
                        return;
                    };
                    let end = async {
                        let _ = stopping.wait_for(|stopping| *stopping).await;
                        drain_timeout
                    };
                    serve_connection(stream, app, &http, end).await;
                });
            }
            drop(incoming);
            stop.send_replace(true);
            let all = async { while connections.join_next().await.is_some() {} };
            if tokio::time::timeout(drain_timeout + CUT_TIME, all).await.is_err() {
                warn!("some connections did not end after the drain timeout, and are cut");
            }
            Ok(())
        })
    }
}

/// How long connections may take to end once they are cut.
const CUT_TIME: Duration = Duration::from_secs(1);
