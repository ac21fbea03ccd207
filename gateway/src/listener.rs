//! A listener: its socket, its configuration, and its connections.

mod config;

use std::net::{SocketAddr, TcpListener as StdListener};
use std::sync::Arc;

use arc_swap::ArcSwap;
use mtls::server::{Incoming, serve_connection};
use tokio::net::TcpStream;
use tokio::sync::{mpsc, watch};
use tracing::{info, warn};

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
        let mut incoming = match Incoming::new(listener) {
            Ok(incoming) => incoming,
            Err(error) => return warn!(address = %self.address, %error, "cannot listen"),
        };
        info!(address = %self.address, name = &*self.config().name, "listening");
        loop {
            let tcp = tokio::select! {
                tcp = incoming.next() => tcp,
                _ = stop.wait_for(|stop| *stop) => break,
            };
            tokio::spawn(Arc::clone(&self).connection(tcp, stop.clone()));
        }
        info!(address = %self.address, "stopped listening");
    }

    async fn connection(self: Arc<Self>, tcp: TcpStream, stop: watch::Receiver<bool>) {
        let _busy = self.busy();
        let config = self.config();
        let mut end = End { over: config.over.subscribe(), stop };
        // The acceptor reports a refusal on the wire and in the log.
        let Ok(stream) = config.acceptor.handshake(tcp).await else {
            return;
        };
        let settings = config.http.clone();
        // A connection must not keep a replaced configuration alive.
        drop(config);
        let end = async {
            end.requested().await;
            self.config().http.drain_timeout
        };
        serve_connection(stream, Proxy::new(Arc::clone(&self)), &settings, end).await;
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
