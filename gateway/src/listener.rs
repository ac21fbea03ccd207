//! A listener: its address and its configuration. The accept loop serves its connections.

mod config;

use std::net::SocketAddr;
use std::sync::Arc;

use arc_swap::ArcSwap;
use tokio::sync::mpsc;

pub(crate) use self::config::{ListenerConfig, acceptor, http_settings};

/// An open listener.
#[derive(Debug)]
pub(crate) struct Listener {
    address: SocketAddr,
    busy: mpsc::WeakSender<()>,
    config: ArcSwap<ListenerConfig>,
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
        if config.admits_the_same_clients(&before) {
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
}
