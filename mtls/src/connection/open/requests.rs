//! The requests on a connection, and the bytes that move on it, as its time limits need them.

use std::sync::atomic::Ordering;
use std::time::Instant;

use super::Connection;
use crate::connection::activity::TimeLimit;
use crate::event::EventKind;
use crate::event::refusal::{Code, Reason};
use crate::limits::Limits;
use crate::pki::role::Role;

impl Connection {
    /// How many requests are in flight on it, whether or not their answers have begun.
    pub fn requests_in_flight(&self) -> usize {
        self.activity().in_flight()
    }

    /// Whether HTTP was left on it.
    pub fn is_upgraded(&self) -> bool {
        self.activity().is_upgraded()
    }

    /// Its streams are ended one by one by the task that serves it.
    pub(crate) fn note_streams_end_alone(&self) {
        self.streams_end_alone.store(true, Ordering::Relaxed);
    }

    /// Whether answers that are not taken end the connection.
    pub(in crate::connection) fn watches_pieces(&self) -> bool {
        self.side == Role::Server && !self.streams_end_alone.load(Ordering::Relaxed)
    }

    pub(in crate::connection) fn piece_waits(&self, request: u64) {
        self.activity().piece_waits(request, Instant::now());
    }

    pub(in crate::connection) fn piece_taken(&self, request: u64) {
        self.activity().piece_taken(request);
    }

    /// Whether its requests end because it does.
    pub(super) fn is_over(&self) -> bool {
        self.ended.load(Ordering::Acquire) || self.gone.get().is_some() || self.is_cut()
    }

    /// Bytes that have come since something was last sent, without those of TLS itself. On a
    /// connection of HTTP/1.1 they are the beginning of a response.
    pub(crate) fn received(&self) -> u64 {
        self.received.load(Ordering::Relaxed)
    }

    pub(crate) fn note_received(&self, bytes: usize) {
        self.received.fetch_add(u64::try_from(bytes).unwrap_or(u64::MAX), Ordering::Relaxed);
        if self.has_time_limits() {
            self.activity().received(Instant::now(), !self.is_http2());
        }
    }

    pub(crate) fn note_sent(&self) {
        self.received.store(0, Ordering::Relaxed);
        if self.has_time_limits() {
            self.activity().sent(Instant::now());
        }
    }

    /// A server keeps its clients to them; a client has those of its requests.
    pub(super) fn has_time_limits(&self) -> bool {
        self.side == Role::Server
    }

    /// A write waits for the other end.
    pub(crate) fn note_blocked(&self) {
        self.activity().blocked(Instant::now());
    }

    /// Nothing that was written waits any more.
    pub(crate) fn note_flushed(&self) {
        self.activity().flushed(Instant::now());
    }

    pub(crate) fn note_upgrade(&self) {
        self.activity().upgrade();
    }

    /// Whether somebody waits for more of the request's body: then a client that sends no more has
    /// broken it off, and else it may wait for its response. Requests of HTTP/1.1 have one at a
    /// time.
    pub fn note_body_wanted(&self, wanted: bool) {
        self.wants_body.store(wanted, Ordering::SeqCst);
        if wanted && self.half_closed.load(Ordering::SeqCst) {
            self.read_waker.wake();
        }
    }

    /// The other end sends no more.
    pub(crate) fn note_half_closed(&self) {
        self.half_closed.store(true, Ordering::SeqCst);
    }

    /// Whether a client of HTTP/1.1 that sends no more is still to get a response.
    pub(crate) fn is_answering(&self) -> bool {
        let activity = self.activity();
        activity.in_flight() > 0 && !activity.is_upgraded() && !self.is_http2()
    }

    /// Whether somebody waits for more of the request's body.
    pub(crate) fn wants_body(&self) -> bool {
        self.wants_body.load(Ordering::SeqCst)
    }

    pub(in crate::connection) fn request_begins(&self) {
        self.wants_body.store(true, Ordering::SeqCst);
        self.activity().request_begins();
    }

    pub(in crate::connection) fn request_answered(&self) {
        self.activity().request_answered();
    }

    /// A client's answer is whole once its body was read, so its draining connection can go; a
    /// server's may still have to be written.
    pub(in crate::connection) fn request_ends(&self, is_answered: bool) {
        let now = Instant::now();
        let (idle, too_many) = {
            let mut activity = self.activity();
            activity.request_ends(now);
            // A connection that is lost takes its requests with it, which nobody gave up.
            let lost = is_answered || self.is_over() || !self.is_http2();
            let too_many = !lost && self.side == Role::Server && activity.request_abandoned(now);
            (activity.in_flight() == 0, too_many)
        };
        if too_many {
            self.cut(EventKind::ClosedByLimit, Reason::new(Code::TooManyResets));
        }
        if idle && self.side == Role::Client && self.is_draining() {
            self.end();
        }
    }

    pub(crate) fn deadline(&self, limits: &Limits) -> (Instant, TimeLimit) {
        self.activity().deadline(limits)
    }
}
