//! When something last happened on a connection, and so when it has been silent for too long.

use std::time::Instant;

use crate::limits::Limits;

#[derive(Debug)]
pub(super) struct Activity {
    /// Since when bytes of a request's head arrive that is not complete yet.
    head_since: Option<Instant>,
    idle_since: Instant,
    in_flight: usize,
    moved: Instant,
    /// HTTP was left for another protocol: only bytes count from then on.
    upgraded: bool,
}

/// A time limit of a connection.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum TimeLimit {
    /// The head of a request takes too long.
    Header,
    /// Nothing happens.
    Idle,
}

impl Activity {
    pub(super) fn new(now: Instant) -> Self {
        Self { head_since: None, idle_since: now, in_flight: 0, moved: now, upgraded: false }
    }

    pub(super) fn received(&mut self, now: Instant, may_be_head: bool) {
        self.moved = now;
        if may_be_head && self.in_flight == 0 && !self.upgraded {
            self.head_since.get_or_insert(now);
        }
    }

    pub(super) fn sent(&mut self, now: Instant) {
        self.moved = now;
    }

    pub(super) fn request_begins(&mut self) {
        self.in_flight += 1;
        self.head_since = None;
    }

    pub(super) fn request_ends(&mut self, now: Instant) {
        self.in_flight -= 1;
        self.idle_since = now;
    }

    pub(super) fn upgrade(&mut self) {
        self.upgraded = true;
    }

    pub(super) fn in_flight(&self) -> usize {
        self.in_flight
    }

    /// The next moment at which a limit is reached if nothing more happens.
    pub(super) fn deadline(&self, limits: &Limits) -> (Instant, TimeLimit) {
        if let Some(since) = self.head_since {
            return (since + limits.header_timeout, TimeLimit::Header);
        }
        let since = if self.in_flight > 0 || self.upgraded { self.moved } else { self.idle_since };
        (since + limits.idle_timeout, TimeLimit::Idle)
    }
}
