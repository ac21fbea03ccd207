//! When something last happened on a connection, and so when it has been silent for too long.

use std::time::Instant;

use super::abandoned_requests::AbandonedRequests;
use crate::limits::Limits;

#[derive(Debug)]
pub(super) struct Activity {
    abandoned: AbandonedRequests,
    /// Since when a write makes no progress.
    blocked_since: Option<Instant>,
    /// Since when bytes of a request's head arrive that is not complete yet.
    head_since: Option<Instant>,
    idle_since: Instant,
    in_flight: usize,
    moved: Instant,
    /// Requests whose client has yet to take a piece of its answer, and since when; oldest first.
    untaken: Vec<(u64, Instant)>,
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
        Self {
            abandoned: AbandonedRequests::new(now),
            blocked_since: None,
            head_since: None,
            idle_since: now,
            in_flight: 0,
            moved: now,
            untaken: Vec::new(),
            upgraded: false,
        }
    }

    pub(super) fn received(&mut self, now: Instant, may_be_head: bool) {
        self.moved = now;
        if may_be_head && self.in_flight == 0 && !self.upgraded {
            self.head_since.get_or_insert(now);
        }
    }

    pub(super) fn sent(&mut self, now: Instant) {
        self.moved = now;
        if let Some(since) = &mut self.blocked_since {
            *since = now;
        }
    }

    /// A write waits for the other end.
    pub(super) fn blocked(&mut self, now: Instant) {
        self.blocked_since.get_or_insert(now);
    }

    /// All that was written is on its way. A client that read a response slowly is idle only now,
    /// though the body was handed over long ago.
    pub(super) fn flushed(&mut self, now: Instant) {
        self.blocked_since = None;
        self.idle_since = now;
    }

    pub(super) fn request_begins(&mut self) {
        self.in_flight += 1;
        self.head_since = None;
    }

    pub(super) fn request_ends(&mut self, now: Instant) {
        self.in_flight -= 1;
        self.idle_since = now;
    }

    pub(super) fn request_answered(&mut self) {
        self.abandoned.answered();
    }

    /// A request is given up before its answer is complete. Whether there are too many of them.
    pub(super) fn request_abandoned(&mut self, now: Instant) -> bool {
        self.abandoned.add(now)
    }

    /// A piece of a request's answer waits for the client to take it.
    pub(super) fn piece_waits(&mut self, request: u64, now: Instant) {
        self.untaken.push((request, now));
    }

    /// The piece was taken, or its request is over.
    pub(super) fn piece_taken(&mut self, request: u64) {
        self.untaken.retain(|(waiting, _)| *waiting != request);
    }

    pub(super) fn upgrade(&mut self) {
        self.upgraded = true;
    }

    pub(super) fn is_upgraded(&self) -> bool {
        self.upgraded
    }

    pub(super) fn in_flight(&self) -> usize {
        self.in_flight
    }

    /// The next moment at which a limit is reached if nothing more happens.
    pub(super) fn deadline(&self, limits: &Limits) -> (Instant, TimeLimit) {
        if let Some(since) = self.head_since {
            return (since + limits.header_timeout, TimeLimit::Header);
        }
        let since = if self.upgraded {
            self.moved
        } else {
            let busy = if self.in_flight > 0 { self.moved } else { self.idle_since };
            let untaken = self.untaken.first().map(|(_, since)| *since);
            match (self.blocked_since, untaken) {
                (None, None) => busy,
                (Some(since), None) | (None, Some(since)) => since,
                (Some(blocked), Some(untaken)) => blocked.min(untaken),
            }
        };
        (since + limits.idle_timeout, TimeLimit::Idle)
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::{Activity, TimeLimit};
    use crate::limits::Limits;

    #[test]
    fn a_new_connection_has_the_idle_timeout() {
        let (start, limits) = (Instant::now(), Limits::default());

        let activity = Activity::new(start);

        assert_eq!(activity.deadline(&limits), (start + limits.idle_timeout, TimeLimit::Idle));
    }

    #[test]
    fn a_head_has_its_timeout_from_its_first_byte_and_more_bytes_do_not_extend_it() {
        let (start, limits) = (Instant::now(), Limits::default());
        let mut activity = Activity::new(start);

        for second in 5..9 {
            activity.received(start + SECOND * second, true);
        }

        let expected = (start + SECOND * 5 + limits.header_timeout, TimeLimit::Header);
        assert_eq!(activity.deadline(&limits), expected);
    }

    #[test]
    fn bytes_that_cannot_be_a_head_have_no_header_timeout() {
        let (start, limits) = (Instant::now(), Limits::default());
        let mut activity = Activity::new(start);

        activity.received(start + SECOND, false);

        assert_eq!(activity.deadline(&limits), (start + limits.idle_timeout, TimeLimit::Idle));
    }

    #[test]
    fn a_request_has_the_idle_timeout_from_the_last_byte_that_moved() {
        let (start, limits) = (Instant::now(), Limits::default());
        let mut activity = Activity::new(start);

        activity.received(start + SECOND, true);
        activity.request_begins();
        activity.received(start + SECOND * 2, true);
        activity.sent(start + SECOND * 3);

        let expected = (start + SECOND * 3 + limits.idle_timeout, TimeLimit::Idle);
        assert_eq!(activity.deadline(&limits), expected);
    }

    #[test]
    fn after_its_last_request_a_connection_is_idle_until_the_next_head_begins() {
        let (start, limits) = (Instant::now(), Limits::default());
        let mut activity = Activity::new(start);

        activity.request_begins();
        activity.request_begins();
        activity.request_ends(start + SECOND);
        assert_eq!(activity.in_flight(), 1);
        activity.request_ends(start + SECOND * 2);
        let idle = activity.deadline(&limits);
        activity.received(start + SECOND * 3, true);
        let head = activity.deadline(&limits);

        assert_eq!(idle, (start + SECOND * 2 + limits.idle_timeout, TimeLimit::Idle));
        assert_eq!(head, (start + SECOND * 3 + limits.header_timeout, TimeLimit::Header));
    }

    #[test]
    fn an_answer_that_is_still_being_sent_keeps_its_connection() {
        let (start, limits) = (Instant::now(), Limits::default());
        let mut activity = Activity::new(start);

        activity.request_begins();
        activity.blocked(start);
        activity.request_ends(start + SECOND);
        activity.sent(start + SECOND * 9);
        let sending = activity.deadline(&limits);
        activity.flushed(start + SECOND * 12);

        assert_eq!(sending, (start + SECOND * 9 + limits.idle_timeout, TimeLimit::Idle));
        let expected = (start + SECOND * 12 + limits.idle_timeout, TimeLimit::Idle);
        assert_eq!(activity.deadline(&limits), expected);
    }

    #[test]
    fn bytes_without_a_request_keep_no_connection() {
        let (start, limits) = (Instant::now(), Limits::default());
        let mut activity = Activity::new(start);

        activity.request_begins();
        activity.request_ends(start + SECOND);
        for second in 2..50 {
            activity.received(start + SECOND * second, false);
            activity.sent(start + SECOND * second);
        }

        assert_eq!(
            activity.deadline(&limits),
            (start + SECOND + limits.idle_timeout, TimeLimit::Idle)
        );
    }

    #[test]
    fn bytes_received_do_not_excuse_a_write_that_is_blocked() {
        let (start, limits) = (Instant::now(), Limits::default());
        let mut activity = Activity::new(start);

        activity.request_begins();
        activity.sent(start + SECOND);
        activity.blocked(start + SECOND * 2);
        activity.received(start + SECOND * 9, false);
        activity.blocked(start + SECOND * 9);

        let expected = (start + SECOND * 2 + limits.idle_timeout, TimeLimit::Idle);
        assert_eq!(activity.deadline(&limits), expected);
    }

    #[test]
    fn the_answer_that_waits_longest_ends_its_connection() {
        let (start, limits) = (Instant::now(), Limits::default());
        let mut activity = Activity::new(start);
        let waits_since = |activity: &Activity| activity.deadline(&limits).0 - limits.idle_timeout;

        activity.request_begins();
        activity.request_begins();
        activity.piece_waits(1, start + SECOND);
        activity.piece_waits(2, start + SECOND * 2);
        activity.sent(start + SECOND * 3);
        assert_eq!(waits_since(&activity), start + SECOND);
        activity.piece_taken(1);
        assert_eq!(waits_since(&activity), start + SECOND * 2);
        activity.piece_waits(1, start + SECOND * 4);
        activity.piece_taken(2);
        assert_eq!(waits_since(&activity), start + SECOND * 4);
        activity.piece_taken(1);
        assert_eq!(waits_since(&activity), start + SECOND * 3);
    }

    #[test]
    fn an_upgraded_connection_knows_no_heads() {
        let (start, limits) = (Instant::now(), Limits::default());
        let mut activity = Activity::new(start);

        activity.request_begins();
        activity.upgrade();
        activity.request_ends(start + SECOND);
        activity.received(start + SECOND * 2, true);

        let expected = (start + SECOND * 2 + limits.idle_timeout, TimeLimit::Idle);
        assert_eq!(activity.deadline(&limits), expected);
    }

    const SECOND: Duration = Duration::from_secs(1);
}
