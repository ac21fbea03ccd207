//! Every open connection and its peer: how many there may be, and the end of those whose trust
//! has ended. It knows nothing of what is said on them.

mod activity;
mod connection;
mod in_flight;

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use time::OffsetDateTime;

pub(crate) use self::activity::TimeLimit;
pub use self::connection::Connection;
pub use self::in_flight::InFlight;
pub(crate) use self::in_flight::RequestInFlight;
use crate::limits::Limits;
use crate::refusal::{Code, Reason};

/// The open connections of one service, in both directions.
#[derive(Debug, Default)]
pub struct Connections {
    open: Mutex<Open>,
}

#[derive(Debug, Default)]
struct Open {
    admitted: usize,
    by_address: HashMap<IpAddr, usize>,
    connections: Vec<Weak<Connection>>,
}

/// A place among the connections of a listener, given back when dropped.
#[derive(Debug)]
pub(crate) struct Admission {
    address: IpAddr,
    connections: Arc<Connections>,
}

impl Connections {
    /// No connections yet.
    pub fn new() -> Arc<Self> {
        Arc::default()
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
            return Err(refused(format!("MAX_CONNECTIONS is {}", limits.max_connections)));
        }
        let most = limits.max_connections_per_address;
        let from_address = open.by_address.entry(address).or_default();
        if most > 0 && *from_address >= most {
            return Err(refused(format!("MAX_CONNECTIONS_PER_ADDRESS is {most}")));
        }
        *from_address += 1;
        open.admitted += 1;
        Ok(Admission { address, connections: Arc::clone(self) })
    }

    /// Watches over a connection from now on.
    pub(crate) fn add(&self, connection: &Arc<Connection>) {
        let mut open = self.lock();
        if open.connections.len() == open.connections.capacity() {
            open.connections.retain(|known| known.strong_count() > 0);
        }
        open.connections.push(Arc::downgrade(connection));
    }

    /// Ends connections as their peers' certificates end, for as long as it is polled.
    ///
    /// The wall clock is read several times a second, so that a clock that is set counts too.
    pub async fn watch(self: Arc<Self>) {
        let mut ticks = tokio::time::interval(TICK);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            self.end_expired(OffsetDateTime::now_utc());
        }
    }

    /// Drains what has ended by `now`, and cuts what has drained for long enough.
    pub(crate) fn end_expired(&self, now: OffsetDateTime) {
        let connections: Vec<Arc<Connection>> = {
            let mut open = self.lock();
            open.connections.retain(|known| known.strong_count() > 0);
            open.connections.iter().filter_map(Weak::upgrade).collect()
        };
        for connection in connections {
            if connection.peer().is_some_and(|peer| peer.not_after() < now) {
                connection.drain(Code::Expired);
            }
            connection.cut_if_drained();
        }
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

const TICK: Duration = Duration::from_millis(200);
