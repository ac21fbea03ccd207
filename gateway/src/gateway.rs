//! The whole gateway: one plan in force, its listeners open, and the change to another plan.

use std::collections::HashMap;
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use anyhow::anyhow;
use arc_swap::ArcSwap;
use mtls::connection::Connections;
use mtls::event::Events;
use service_kit::admin::Admin;
use service_kit::capacity::Capacity;
use service_kit::identities::Identities;
use service_kit::process::Shutdown;
use service_kit::settings::ServiceLimits;
use service_kit::{metrics, server};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tracing::{info, warn};

use crate::config::{Config, ListenerSettings};
use crate::dashboard;
use crate::listener::Listener;
use crate::plan::Plan;
use crate::reload::Reloads;
use crate::settings::Settings;
use crate::upstream::Registries;

/// A gateway that runs.
#[derive(Debug)]
pub(crate) struct Gateway {
    /// Cloned by whatever a stopping gateway waits for; none once it stops.
    busy: Mutex<Option<mpsc::Sender<()>>>,
    pub(crate) registries: Registries,
    file: PathBuf,
    identities: Identities,
    open: Mutex<HashMap<ListenerKey, OpenListener>>,
    plan: ArcSwap<Plan>,
    pub(crate) reloads: Reloads,
}

/// Where a listener is configured to stand. Each that leaves the port to the system has one of its
/// own.
#[derive(Debug, Eq, Hash, PartialEq)]
struct ListenerKey(SocketAddr, Option<String>);

/// A door that is open.
#[derive(Debug)]
struct OpenListener {
    door: Arc<Listener>,
    stop: watch::Sender<bool>,
}

/// Serves until told to stop; then lets requests in flight finish, for `drain_timeout` at most.
///
/// # Errors
///
/// An address is taken, or an identity has become unusable since it was checked.
pub async fn serve(settings: Box<Settings>, mut shutdown: Shutdown) -> anyhow::Result<()> {
    settings.logs.start();
    let recorder = metrics::recorder()?;
    let config = settings.config;
    let limits = of_admin(&config);
    let admin_listener = server::bind(config.admin, "listen in [admin]")?;
    let registries = Registries {
        connections: Connections::new(),
        events: Events::new(config.log_refusals_per_second),
    };
    let (busy, mut all_done) = mpsc::channel(1);
    let gateway = Gateway::open(config, settings.file, registries.clone(), busy)?;

    let admin = Admin {
        connections: Arc::clone(&registries.connections),
        events: Arc::clone(&registries.events),
        identities: gateway.identities.clone(),
        more_checks: Arc::new({
            let gateway = Arc::clone(&gateway);
            move || vec![gateway.reloads.check()]
        }),
        recorder: recorder.clone(),
        shutdown: shutdown.clone(),
    };
    let admin_routes = admin.clone().routes().merge(dashboard::routes(Arc::clone(&gateway)));
    let mut beside = JoinSet::new();
    beside.spawn(admin.serve(admin_listener, admin_routes, limits));
    beside.spawn(metrics::upkeep(recorder));
    beside.spawn(Arc::clone(&gateway).follow_file());

    shutdown.requested().await;
    let patience = gateway.plan().config.drain_timeout;
    gateway.close();
    // Each connection cuts itself off after `drain_timeout`, and says so.
    if tokio::time::timeout(patience + CUT_TIME, all_done.recv()).await.is_err() {
        warn!(seconds = patience.as_secs(), "some requests did not end in time, and are cut off");
    }
    info!("the gateway has stopped");
    Ok(())
}

impl Gateway {
    fn open(
        config: Config,
        file: PathBuf,
        registries: Registries,
        busy: mpsc::Sender<()>,
    ) -> anyhow::Result<Arc<Self>> {
        let together = |problems: Vec<String>| anyhow!(problems.join("\n"));
        let (config, notes) = fitted(config);
        notes.iter().for_each(|note| warn!("{note}"));
        let sockets = sockets(&config.listeners, |_| false).map_err(together)?;
        let plan = Plan::of(config, None, &registries).map_err(together)?;
        let gateway = Self {
            busy: Mutex::new(Some(busy)),
            registries,
            file,
            identities: Identities::new(plan.identities()),
            open: Mutex::default(),
            plan: ArcSwap::from_pointee(plan),
            reloads: Reloads::default(),
        };
        gateway.put_in_force(sockets);
        Ok(Arc::new(gateway))
    }

    /// What is in force.
    pub(crate) fn plan(&self) -> Arc<Plan> {
        self.plan.load_full()
    }

    /// The file that it is told by.
    pub(crate) fn file(&self) -> &Path {
        &self.file
    }

    /// Changes to another configuration as a whole, or not at all.
    ///
    /// No connection is dropped: those whose listener is gone, or admits by other terms, finish
    /// what is in flight. Whether there was anything to change.
    ///
    /// # Errors
    ///
    /// Everything that is wrong with its identities and addresses.
    pub(crate) fn change_to(&self, config: Config) -> Result<bool, Vec<String>> {
        let before = self.plan();
        let (config, notes) = fitted(config);
        if config == before.config {
            return Ok(false);
        }
        notes.iter().for_each(|note| warn!("{note}"));
        if config.admin != before.config.admin {
            warn!(in_force = %before.config.admin, "the admin listener moves at the next start");
        }
        let known = |place: &ListenerKey| self.open_listeners().contains_key(place);
        let sockets = sockets(&config.listeners, known)?;
        let plan = Plan::of(config, Some(&before), &self.registries)?;
        self.identities.become_these(plan.identities());
        self.plan.store(Arc::new(plan));
        self.put_in_force(sockets);
        Ok(true)
    }

    /// Has the registries be those of the plan; `sockets` are those of its new listeners.
    fn put_in_force(&self, mut sockets: HashMap<ListenerKey, TcpListener>) {
        let plan = self.plan();
        plan.config.notes().iter().for_each(|note| warn!("{note}"));
        let mut open = self.open_listeners();
        let listeners = &plan.config.listeners;
        let gone =
            open.extract_if(|place, _| !listeners.iter().any(|l| ListenerKey::of(l) == *place));
        for (_, gone) in gone {
            gone.stop.send_replace(true);
        }
        for listener in listeners {
            let (place, terms) = (ListenerKey::of(listener), plan.terms(listener));
            if let Some(known) = open.get(&place) {
                known.door.change(terms);
            } else if let Some(socket) = sockets.remove(&place)
                && let Some(busy) = &*self.busy()
            {
                let address = socket.local_addr().unwrap_or(listener.listen);
                let door = Arc::new(Listener::new(address, terms, busy));
                let (stop, told) = watch::channel(false);
                tokio::spawn(Arc::clone(&door).serve(socket, told));
                open.insert(place, OpenListener { door, stop });
            }
        }
    }

    /// Takes no more connections; those that are open finish what is in flight.
    fn close(&self) {
        for open in self.open_listeners().values() {
            open.stop.send_replace(true);
        }
        self.busy().take();
    }

    /// Where a listener stands, which tells the port that the system chose for port 0.
    pub(crate) fn address_of(&self, listener: &ListenerSettings) -> SocketAddr {
        let open = self.open_listeners();
        open.get(&ListenerKey::of(listener)).map_or(listener.listen, |open| open.door.address())
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

/// Sockets for the listeners that have none yet.
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

/// The configuration with the limits that the process can bear, and which of them are lower.
fn fitted(mut config: Config) -> (Config, Vec<String>) {
    let total = &mut config.max_requests_total;
    let notes = Capacity::of_process().fit(&mut config.limits, Some(total));
    config.max_requests = config.max_requests.min(config.max_requests_total);
    (config, notes)
}

/// The admin listener's limits are the same as those of the others.
fn of_admin(config: &Config) -> ServiceLimits {
    ServiceLimits {
        connection: config.limits.clone(),
        drain_delay: std::time::Duration::ZERO,
        drain_timeout: config.drain_timeout,
        log_refusals_per_second: config.log_refusals_per_second,
        max_body_bytes: 0,
        max_requests: config.max_requests,
    }
}

/// How long connections may take to end once they are cut off.
const CUT_TIME: std::time::Duration = std::time::Duration::from_secs(1);
