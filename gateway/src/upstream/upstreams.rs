//! Load balancing over the upstreams of one route: the one with the fewest requests in flight is
//! used.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::{Lease, Upstream};

/// The upstreams of one route, at least one.
#[derive(Debug)]
pub(crate) struct Upstreams {
    all: Vec<Arc<Upstream>>,
    /// Where the search begins, for round robin among equals.
    turn: AtomicUsize,
}

impl Upstreams {
    pub(crate) fn new(all: Vec<Arc<Upstream>>) -> Self {
        Self { all, turn: AtomicUsize::new(0) }
    }

    pub(crate) fn all(&self) -> &[Arc<Upstream>] {
        &self.all
    }

    /// The upstream with the fewest requests in flight, among those that are up and not yet tried.
    /// Where none is up, one that is out is tried: it may have recovered.
    pub(crate) fn lease(&self, tried: &[Arc<Upstream>]) -> Option<Lease> {
        let turn = self.turn.fetch_add(1, Ordering::Relaxed);
        let (before, after) = self.all.split_at(turn % self.all.len().max(1));
        let untried = after
            .iter()
            .chain(before)
            .filter(|upstream| !tried.iter().any(|known| Arc::ptr_eq(known, upstream)));
        let best = untried.min_by_key(|upstream| (upstream.health.is_out(), upstream.in_flight()));
        best.map(Lease::of)
    }
}
