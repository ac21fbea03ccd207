//! Every open connection and its peer: how many there may be, and the end of those whose trust
//! has ended. It knows nothing of what is said on them.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, Weak};
use std::time::Duration;

use rustls::pki_types::CertificateDer;
use time::OffsetDateTime;
use tokio::sync::watch;
use tokio::time::MissedTickBehavior;

use super::Connection;
use crate::credentials::{CredentialStore, Credentials};
use crate::event::Events;
use crate::event::refusal::{Code, Reason};
use crate::limits::Limits;
use crate::pki::role::Role;
use crate::task::OwnedTask;

/// The open connections of one service, in both directions, and the events on them.
///
/// The tasks that end connections as the trust in their peers ends belong to it: they begin with
/// the first acceptor or client that is given a [`CredentialStore`], and end with the registry, which every
/// open connection keeps alive.
#[derive(Debug)]
pub struct Connections {
    events: Arc<Events>,
    open: Mutex<Open>,
    /// Ends connections whose peer's certificate has ended.
    expiry: OnceLock<OwnedTask>,
}

#[derive(Debug, Default)]
struct Open {
    admitted: usize,
    by_address: HashMap<IpAddr, usize>,
    connections: Vec<Weak<Connection>>,
    /// For each trust that peers are verified by, the task that verifies them again.
    followed: Vec<(Weak<CredentialStore>, OwnedTask)>,
}

/// A place among the connections of a listener, given back when dropped.
#[derive(Debug)]
pub(crate) struct Admission {
    address: IpAddr,
    connections: Arc<Connections>,
}

impl Connections {
    /// No connections yet, whose events go there.
    pub fn new(events: Arc<Events>) -> Arc<Self> {
        Arc::new(Self { events, open: Mutex::default(), expiry: OnceLock::new() })
    }

    /// What happened on them.
    pub fn events(&self) -> &Arc<Events> {
        &self.events
    }

    /// How many are open that were accepted, handshakes included.
    pub fn admitted(&self) -> usize {
        self.lock().admitted
    }

    /// Takes a place for a connection from `address`, if the limits allow one.
    pub(crate) fn admit(
        self: &Arc<Self>,
        address: IpAddr,
        limits: &Limits,
    ) -> Result<Admission, Reason> {
        let refused = |detail: String| Reason::new(Code::TooManyConnections).with_detail(detail);
        let mut open = self.lock();
        if open.admitted >= limits.max_connections {
            return Err(refused(format!("max_connections is {}", limits.max_connections)));
        }
        let most = limits.max_connections_per_address;
        let from_address = open.by_address.entry(address).or_default();
        if most > 0 && *from_address >= most {
            return Err(refused(format!("max_connections_per_address is {most}")));
        }
        *from_address += 1;
        open.admitted += 1;
        Ok(Admission { address, connections: Arc::clone(self) })
    }

    /// Watches over a connection from now on.
    pub(crate) fn add(self: &Arc<Self>, connection: &Arc<Connection>) {
        connection.belong_to(self);
        let mut open = self.lock();
        if open.connections.len() == open.connections.capacity() {
            open.connections.retain(|known| known.strong_count() > 0);
        }
        open.connections.push(Arc::downgrade(connection));
    }

    /// Watches over a connection from now on.
    ///
    /// If the trust that verified its peer is no longer in force, the peer is verified again at
    /// once: the verification of all open connections may have missed this one.
    pub(crate) fn add_verified_by(
        self: &Arc<Self>,
        connection: &Arc<Connection>,
        by: &Arc<Credentials>,
    ) {
        self.add(connection);
        if let Some(store) = connection.store()
            && !Arc::ptr_eq(by, &store.current())
        {
            reverify(std::slice::from_ref(connection), store, OffsetDateTime::now_utc());
        }
    }

    /// From now on ends connections as the trust in their peers ends: each time that roots or lists
    /// of `store` change, and as certificates end. The files of `store` are followed for it.
    ///
    /// # Panics
    ///
    /// Outside of a Tokio runtime.
    pub(crate) fn follow(self: &Arc<Self>, store: &Arc<CredentialStore>) {
        store.follow_files();
        self.expiry.get_or_init(|| OwnedTask::spawn(end_expired(Arc::downgrade(self))));
        let mut open = self.lock();
        open.followed.retain(|(known, _)| known.strong_count() > 0);
        if !open.followed.iter().any(|(known, _)| known.as_ptr() == Arc::as_ptr(store)) {
            let changed = store.subscribe();
            let verify = verify_again(Arc::downgrade(self), Arc::downgrade(store), changed);
            open.followed.push((Arc::downgrade(store), OwnedTask::spawn(verify)));
        }
    }

    /// Verifies peers again whose verification held until `now` only, and cuts connections whose time
    /// to drain is over.
    pub(crate) fn end_expired(&self, now: OffsetDateTime) {
        for connection in self.open() {
            if let Some(store) = connection.store().filter(|_| connection.needs_verification(now)) {
                reverify(std::slice::from_ref(&connection), store, now);
            }
            connection.cut_if_drained();
        }
    }

    /// The connections that are open, in both directions.
    pub fn open(&self) -> Vec<Arc<Connection>> {
        let mut open = self.lock();
        open.connections.retain(|known| known.strong_count() > 0);
        open.connections.iter().filter_map(Weak::upgrade).collect()
    }

    fn lock(&self) -> MutexGuard<'_, Open> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Admission {
    fn drop(&mut self) {
        let mut open = self.connections.lock();
        open.admitted -= 1;
        if let Some(count) = open.by_address.get_mut(&self.address) {
            *count -= 1;
            if *count == 0 {
                open.by_address.remove(&self.address);
            }
        }
    }
}

/// The wall clock is read several times a second, so that a clock that is set counts too.
async fn end_expired(connections: Weak<Connections>) {
    let mut ticks = tokio::time::interval(TICK);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        let Some(connections) = connections.upgrade() else {
            return;
        };
        connections.end_expired(OffsetDateTime::now_utc());
    }
}

/// Verifies the peers of a store's connections again each time its roots or lists change.
async fn verify_again(
    connections: Weak<Connections>,
    store: Weak<CredentialStore>,
    mut changed: watch::Receiver<()>,
) {
    while changed.changed().await.is_ok() {
        let (Some(connections), Some(store)) = (connections.upgrade(), store.upgrade()) else {
            return;
        };
        let open = connections.open();
        // Signatures are verified here: thousands of connections must not hold up the rest.
        let verified = tokio::task::spawn_blocking(move || {
            reverify(&open, &store, OffsetDateTime::now_utc());
        });
        if let Err(failed) = verified.await {
            tracing::error!(%failed, "open connections could not be verified again");
        }
    }
}

/// Verifies the peers of a store's connections by the trust now in force; equal chains once.
fn reverify(connections: &[Arc<Connection>], store: &Arc<CredentialStore>, now: OffsetDateTime) {
    let credentials = store.current();
    let mut verdicts: HashMap<(Role, &[CertificateDer<'static>]), Result<_, _>> = HashMap::new();
    for connection in connections {
        let Some(peer) = connection.peer().filter(|_| connection.is_verified_by(store)) else {
            continue;
        };
        let role = connection.side().other();
        let verdict = verdicts
            .entry((role, peer.presented()))
            .or_insert_with(|| credentials.trust.verify(peer.presented(), role, now));
        connection.follow(verdict);
    }
}

const TICK: Duration = Duration::from_millis(200);
