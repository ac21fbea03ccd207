//! Whether an upstream answers: it is taken out after failures in a row, and tried again later.

use std::fmt::Display;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use metrics::gauge;
use mtls::untrusted::Excerpt;
use tracing::{info, warn};

/// So many failures in a row take an upstream out.
const FAILURES: u32 = 3;
/// For so long at first, and twice as long each time that it fails again.
const SHORTEST: Duration = Duration::from_secs(1);
const LONGEST: Duration = Duration::from_secs(30);

/// What the last requests say of an upstream.
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

    /// Whether requests had better go elsewhere.
    pub(crate) fn is_out(&self) -> bool {
        self.state().out_until.is_some_and(|until| Instant::now() < until)
    }

    /// For how long it is still out; zero once the next request may try it again. None while it
    /// is in.
    pub(crate) fn out_for(&self, now: Instant) -> Option<Duration> {
        self.state().out_until.map(|until| until.saturating_duration_since(now))
    }

    /// Why it is out, or failed when it was last asked; none while all is well.
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
        // Requests that were under way when it was taken out say nothing new.
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
