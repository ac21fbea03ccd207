//! The running gateway: the plan in force, its open listeners, and the change to another plan.

use std::collections::HashMap;
use std::net::{SocketAddr, TcpListener};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use anyhow::anyhow;
use arc_swap::ArcSwap;
use mtls::connection::Connections;
use service_kit::capacity::Capacity;
use service_kit::identities::Identities;
use service_kit::server;
use tokio::sync::{mpsc, watch};
use tracing::warn;

use crate::accept_loop::accept_connections;
use crate::config::{Config, ListenerSettings};
use crate::listener::Listener;
use crate::plan::Plan;

/// A running gateway.
#[derive(Debug)]
pub(crate) struct Gateway {
    /// Cloned by every task that shutdown waits for; none once the gateway stops.
    busy: Mutex<Option<mpsc::Sender<()>>>,
    pub(crate) connections: Arc<Connections>,
    pub(crate) identities: Identities,
    open: Mutex<HashMap<ListenerKey, OpenListener>>,
    plan: ArcSwap<Plan>,
}

/// The configured address of a listener. Listeners on port 0 are distinguished by name.
#[derive(Debug, Eq, Hash, PartialEq)]
struct ListenerKey(SocketAddr, Option<String>);

/// An open listener.
#[derive(Debug)]
struct OpenListener {
    listener: Arc<Listener>,
    stop: watch::Sender<bool>,
}

impl Gateway {
    /// Opens the listeners of a configuration. `busy` is dropped by the last task that shutdown
    /// waits for.
    ///
    /// # Errors
    ///
    /// Every problem with its identities and addresses.
    pub(crate) fn open(
        config: Config,
        connections: Arc<Connections>,
        busy: mpsc::Sender<()>,
    ) -> anyhow::Result<Arc<Self>> {
        let joined = |problems: Vec<String>| anyhow!(problems.join("\n"));
        let (config, notes) = fit_to_capacity(config);
        notes.iter().for_each(|note| warn!("{note}"));
        let sockets = sockets(&config.listeners, |_| false).map_err(joined)?;
        let plan = Plan::of(config, None, &connections).map_err(joined)?;
        let gateway = Self {
            busy: Mutex::new(Some(busy)),
            connections,
            identities: Identities::new(plan.identities()),
            open: Mutex::default(),
            plan: ArcSwap::from_pointee(plan),
        };
        gateway.apply_plan(sockets);
        Ok(Arc::new(gateway))
    }

    /// The plan in force.
    pub(crate) fn plan(&self) -> Arc<Plan> {
        self.plan.load_full()
    }

    /// Applies another configuration completely, or not at all. Returns whether it differs from the
    /// one in force.
    ///
    /// Requests in flight are not interrupted: connections whose listener is removed, or whose
    /// listener now admits callers differently, close after the requests in flight.
    ///
    /// # Errors
    ///
    /// Every problem with its identities and addresses.
    pub(crate) fn change_to(&self, config: Config) -> Result<bool, Vec<String>> {
        let before = self.plan();
        let (config, notes) = fit_to_capacity(config);
        if config == before.config {
            return Ok(false);
        }
        notes.iter().for_each(|note| warn!("{note}"));
        if config.admin != before.config.admin {
            warn!(in_force = %before.config.admin, "the admin listener moves at the next start");
        }
        let known = |key: &ListenerKey| self.open_listeners().contains_key(key);
        let sockets = sockets(&config.listeners, known)?;
        let plan = Plan::of(config, Some(&before), &self.connections)?;
        self.identities.replace(plan.identities());
        self.plan.store(Arc::new(plan));
        self.apply_plan(sockets);
        Ok(true)
    }

    /// Opens, updates and closes listeners to match the plan; `sockets` are those of the new
    /// listeners.
    fn apply_plan(&self, mut sockets: HashMap<ListenerKey, TcpListener>) {
        let plan = self.plan();
        plan.config.notes().iter().for_each(|note| warn!("{note}"));
        let mut open = self.open_listeners();
        let listeners = &plan.config.listeners;
        let gone = open.extract_if(|key, _| !listeners.iter().any(|l| ListenerKey::of(l) == *key));
        for (_, gone) in gone {
            gone.stop.send_replace(true);
        }
        for listener in listeners {
            let (key, config) = (ListenerKey::of(listener), plan.listener_config(listener));
            if let Some(opened) = open.get(&key) {
                opened.listener.change(config);
            } else if let Some(socket) = sockets.remove(&key)
                && let Some(busy) = &*self.busy()
            {
                let address = socket.local_addr().unwrap_or(listener.listen);
                let opened = Arc::new(Listener::new(address, config, busy));
                let (stop, stopped) = watch::channel(false);
                tokio::spawn(accept_connections(Arc::clone(&opened), socket, stopped));
                open.insert(key, OpenListener { listener: opened, stop });
            }
        }
    }

    /// Stops accepting connections; open ones close after the requests in flight.
    pub(crate) fn close(&self) {
        for open in self.open_listeners().values() {
            open.stop.send_replace(true);
        }
        self.busy().take();
    }

    /// The address that a listener is bound to, with the actual port where port 0 is configured.
    pub(crate) fn address_of(&self, listener: &ListenerSettings) -> SocketAddr {
        let open = self.open_listeners();
        open.get(&ListenerKey::of(listener)).map_or(listener.listen, |open| open.listener.address())
    }

    fn busy(&self) -> MutexGuard<'_, Option<mpsc::Sender<()>>> {
        self.busy.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn open_listeners(&self) -> MutexGuard<'_, HashMap<ListenerKey, OpenListener>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl ListenerKey {
    fn of(listener: &ListenerSettings) -> Self {
        let by_name = listener.listen.port() == 0;
        Self(listener.listen, by_name.then(|| listener.name.clone()))
    }
}

/// Binds sockets for the listeners that are not open yet.
fn sockets(
    listeners: &[ListenerSettings],
    known: impl Fn(&ListenerKey) -> bool,
) -> Result<HashMap<ListenerKey, TcpListener>, Vec<String>> {
    let mut sockets = HashMap::new();
    let mut problems = Vec::new();
    for listener in listeners.iter().filter(|listener| !known(&ListenerKey::of(listener))) {
        match server::bind(listener.listen, "listen") {
            Ok(socket) => {
                sockets.insert(ListenerKey::of(listener), socket);
            }
            Err(error) => problems.push(format!("listener \"{}\": {error}", listener.name)),
        }
    }
    if problems.is_empty() { Ok(sockets) } else { Err(problems) }
}

/// Lowers the limits to what the process has resources for; returns a note for each lowered one.
fn fit_to_capacity(mut config: Config) -> (Config, Vec<String>) {
    let total = &mut config.max_requests_total;
    let notes = Capacity::of_process().fit(&mut config.limits, Some(total));
    config.max_requests = config.max_requests.min(config.max_requests_total);
    (config, notes)
}
