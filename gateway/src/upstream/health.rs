//! Passive health of an upstream: taken out after consecutive failures, and tried again later.

use std::fmt::Display;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use metrics::gauge;
use mtls::untrusted::Excerpt;
use tracing::{info, warn};

/// Consecutive failures that take an upstream out.
const FAILURES: u32 = 3;
/// The first outage, doubled with each further failure up to the longest.
const SHORTEST: Duration = Duration::from_secs(1);
const LONGEST: Duration = Duration::from_secs(30);

/// The health of an upstream, from its last requests.
#[derive(Debug)]
pub(crate) struct Health {
    state: Mutex<State>,
    upstream: Arc<str>,
}

#[derive(Clone, Debug, Default)]
struct State {
    failures: u32,
    last_failure: Option<Excerpt>,
    out_until: Option<Instant>,
}

impl Health {
    pub(super) fn new(upstream: &Arc<str>) -> Self {
        gauge!("gateway_upstream_up", "upstream" => Arc::clone(upstream)).set(1.0);
        Self { state: Mutex::default(), upstream: Arc::clone(upstream) }
    }

    /// Whether requests should go to other upstreams.
    pub(crate) fn is_out(&self) -> bool {
        self.state().out_until.is_some_and(|until| Instant::now() < until)
    }

    /// How long it is still out; zero once the next request may try it again. None while it is up.
    pub(crate) fn out_for(&self, now: Instant) -> Option<Duration> {
        self.state().out_until.map(|until| until.saturating_duration_since(now))
    }

    /// The last failure; none after a success.
    pub(crate) fn failure(&self) -> Option<Excerpt> {
        self.state().last_failure.clone()
    }

    pub(super) fn succeeded(&self) {
        let mut state = self.state();
        if state.failures == 0 {
            return;
        }
        let was_out = state.out_until.is_some();
        *state = State::default();
        drop(state);
        if was_out {
            gauge!("gateway_upstream_up", "upstream" => Arc::clone(&self.upstream)).set(1.0);
            info!(upstream = &*self.upstream, "upstream answers again");
        }
    }

    pub(super) fn failed(&self, why: &dyn Display) {
        let now = Instant::now();
        let mut state = self.state();
        // Requests that were in flight when it was taken out are no new failures.
        if state.out_until.is_some_and(|until| now < until) {
            return;
        }
        let why = Excerpt::of(&why.to_string());
        state.failures += 1;
        state.last_failure = Some(why.clone());
        let Some(again) = state.failures.checked_sub(FAILURES) else {
            return;
        };
        let rest = SHORTEST.saturating_mul(1 << again.min(10)).min(LONGEST);
        state.out_until = Some(now + rest);
        drop(state);
        gauge!("gateway_upstream_up", "upstream" => Arc::clone(&self.upstream)).set(0.0);
        warn!(
            upstream = &*self.upstream,
            rest_seconds = rest.as_secs(),
            "upstream taken out after failures: {why}"
        );
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
