//! Where events go.

use std::fmt::{Debug, Formatter};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::log::{self, LogBudget};
use super::ring::Ring;
use super::{Event, Outcome};

/// The events of a service. All are logged, counted and given to the sinks; kept are the newest
/// handshakes and refusals: [`Events::KEPT`] at most, and no more of them than fit into
/// [`Events::MEMORY`].
#[derive(Debug)]
pub struct Events {
    budget: LogBudget,
    ring: Mutex<Ring>,
    sinks: Vec<Sink>,
}

/// Receives each event as it happens, on the task where it happens: it must not block.
pub struct Sink(Box<dyn Fn(&Event) + Send + Sync>);

impl Sink {
    /// Calls this function with each event.
    pub fn new(receive: impl Fn(&Event) + Send + Sync + 'static) -> Self {
        Self(Box::new(receive))
    }
}

impl Debug for Sink {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Sink")
    }
}

impl Events {
    /// How many are kept.
    pub const KEPT: usize = 256;

    /// How many bytes of memory they take, about. An ordinary handshake takes two or three KiB, so
    /// that 256 of them fit in; the newest one is kept whatever it takes.
    pub const MEMORY: usize = 2 * 1024 * 1024;

    /// No events yet. So many refusals are logged each second; all are counted.
    pub fn new(logged_refusals_per_second: u32) -> Arc<Self> {
        Self::with_sinks(logged_refusals_per_second, Vec::new())
    }

    /// The same, and each event is given to these sinks.
    pub fn with_sinks(logged_refusals_per_second: u32, sinks: Vec<Sink>) -> Arc<Self> {
        Arc::new(Self {
            budget: LogBudget::new(logged_refusals_per_second),
            ring: Mutex::default(),
            sinks,
        })
    }

    /// Records an event: in the log, in the metrics, by the sinks, and, unless it is the end of a
    /// connection, of which there may be thousands at once, among the newest ones.
    pub fn record(&self, event: Event) {
        #[cfg(feature = "metrics")]
        log::count(&event);
        log::log(&event, &self.budget);
        self.sinks.iter().for_each(|sink| (sink.0)(&event));
        if event.kind.outcome() != Outcome::Ended {
            self.ring().push(event);
        }
    }

    /// The newest handshakes and refusals, newest first.
    pub fn newest(&self) -> Vec<Arc<Event>> {
        self.ring().newest().map(|(_, event)| event).collect()
    }

    /// The newest handshakes and refusals, newest first, each looked up when it is asked for.
    ///
    /// A slow reader therefore holds one event in memory, and misses those that were evicted
    /// before it came to them.
    pub fn walk(self: Arc<Self>) -> impl Iterator<Item = Arc<Event>> + Send + 'static {
        let mut last = None;
        std::iter::from_fn(move || {
            let (number, event) = self.ring().before(last)?;
            last = Some(number);
            Some(event)
        })
    }

    fn ring(&self) -> MutexGuard<'_, Ring> {
        self.ring.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
