//! A listener, from its address to its graceful end.

use std::net::{SocketAddr, TcpListener};
use std::time::Duration;

use axum::Router;
use axum_server::Handle;
use hyper_util::rt::TokioTimer;
use mtls::limits::max_streams;
use mtls::server::{Acceptor, Serve};
use thiserror::Error;
use tracing::info;

use crate::process::Shutdown;
use crate::settings::ServiceLimits;

/// An address could not be listened on.
#[derive(Debug, Error)]
#[error("cannot listen on {address} ({source}): free it, or set {setting} to another port")]
pub struct CannotListen {
    address: SocketAddr,
    setting: &'static str,
    source: std::io::Error,
}

/// Listens on an address; `setting` is what its port is set by.
///
/// # Errors
///
/// The address is taken, or not ours.
pub fn bind(address: SocketAddr, setting: &'static str) -> Result<TcpListener, CannotListen> {
    let listener = TcpListener::bind(address)
        .and_then(|listener| listener.set_nonblocking(true).map(|()| listener));
    listener.map_err(|source| CannotListen { address, setting, source })
}

/// A bound listener: how its connections are accepted, limited and drained.
#[derive(Debug)]
pub struct Server {
    /// Accepts and secures its connections.
    pub acceptor: Acceptor,
    /// The limits of its connections and requests.
    pub limits: ServiceLimits,
    /// The bound socket.
    pub listener: TcpListener,
    /// Its name in the log.
    pub name: &'static str,
    /// The signal to stop. Connections are accepted for `DRAIN_DELAY` more, since clients may not
    /// know yet that it stops; after that, requests in flight have `DRAIN_TIMEOUT` to finish.
    pub shutdown: Shutdown,
}

impl Server {
    /// Serves routes until it is stopped.
    ///
    /// # Errors
    ///
    /// The listener failed.
    pub async fn serve(self, routes: Router) -> std::io::Result<()> {
        let Self { acceptor, limits, listener, name, shutdown } = self;
        let address = listener.local_addr()?;
        let handle = Handle::new();
        let mut server = axum_server::from_tcp(listener)?.acceptor(acceptor).handle(handle.clone());
        let head = limits.connection.max_header_bytes;
        // The stream enforces the time limits and reports each; hyper would only close.
        server
            .http_builder()
            .http1()
            .timer(TokioTimer::new())
            .header_read_timeout(None)
            .max_buf_size(head);
        server
            .http_builder()
            .http2()
            .timer(TokioTimer::new())
            .max_concurrent_streams(max_streams(limits.max_requests))
            .max_header_list_size(u32::try_from(head).unwrap_or(u32::MAX));

        let (delay, drain) = (limits.drain_delay, limits.drain_timeout);
        let stop = tokio::spawn(async move {
            stop_accepting(shutdown, delay).await;
            handle.graceful_shutdown(Some(drain));
        });
        info!(%address, "{name} is listening");
        let ended = server.serve(routes.into_make_service()).await;
        stop.abort();
        info!(%address, "{name} has stopped");
        ended
    }

    /// Serves routes by the loop of `mtls`, which also ends a single connection gracefully, once it
    /// has reached its maximum age.
    ///
    /// # Errors
    ///
    /// The listener failed.
    pub async fn serve_mutual_tls(self, routes: Router) -> std::io::Result<()> {
        let Self { acceptor, limits, listener, name, shutdown } = self;
        let address = listener.local_addr()?;
        info!(%address, "{name} is listening");
        let ended = Serve::new(listener, acceptor, routes)
            .drain_timeout(limits.drain_timeout)
            .max_streams(max_streams(limits.max_requests))
            .with_graceful_shutdown(stop_accepting(shutdown, limits.drain_delay))
            .await;
        info!(%address, "{name} has stopped");
        ended
    }
}

/// Waits until no more connections are to be accepted: `delay` after the service is asked to stop.
async fn stop_accepting(mut shutdown: Shutdown, delay: Duration) {
    shutdown.requested().await;
    tokio::time::sleep(delay).await;
}
