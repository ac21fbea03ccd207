//! One open connection: who is at its other end, and whether it may still be used.

use std::io::{Error, ErrorKind};
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU8, AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::task::Waker;
use std::time::{Duration, Instant};

use futures_util::task::AtomicWaker;
use time::OffsetDateTime;
use tokio::sync::SetOnce;

use super::Connections;
use super::activity::{Activity, TimeLimit};
use crate::connection::session::Session;
use crate::credentials::CredentialStore;
use crate::event::EventKind;
use crate::event::alert::Alert;
use crate::event::refusal::{Code, Reason};
use crate::limits::Limits;
use crate::peer::Peer;
use crate::pki::role::Role;
use crate::pki::trust::VerifiedChain;

/// An open connection, as requests on it and its registry see it.
#[derive(Debug)]
pub struct Connection {
    activity: Mutex<Activity>,
    address: SocketAddr,
    alert: OnceLock<Alert>,
    drained: SetOnce<()>,
    drained_since: OnceLock<Instant>,
    /// It cannot be used any more, or the other end sends no more.
    ended: AtomicBool,
    gone: SetOnce<()>,
    half_closed: AtomicBool,
    last_response: AtomicBool,
    /// The last stream that an HTTP/2 server processes.
    last_stream: AtomicU32,
    /// The store whose trust accepted the peer.
    store: Option<Arc<CredentialStore>>,
    peer: Option<Peer>,
    read_waker: AtomicWaker,
    /// Bytes that have come since something was last sent, without those of TLS itself.
    received: AtomicU64,
    /// Kept alive, so that the tasks that end this connection run for as long as it is open.
    registry: OnceLock<Arc<Connections>>,
    session: Option<Session>,
    side: Role,
    state: AtomicU8,
    /// A client that does not take an answer loses its stream, and not the whole connection.
    streams_end_alone: AtomicBool,
    /// Until when the verdict on the peer holds by itself, in seconds of Unix time.
    trusted_until: AtomicI64,
    /// Somebody waits for more of a request's body, or nobody knows whether there is more.
    wants_body: AtomicBool,
    write_waker: AtomicWaker,
}

/// States only move forward.
const OPEN: u8 = 0;
const DRAINING: u8 = 1;
const CUT: u8 = 2;

/// How long requests in flight have once their connection drains.
const DRAIN: Duration = Duration::from_secs(1);

impl Connection {
    pub(crate) fn new(
        side: Role,
        address: SocketAddr,
        session: Option<Session>,
        proven: Option<(Peer, Arc<CredentialStore>)>,
    ) -> Self {
        let (peer, store) = proven.unzip();
        let trusted_until = AtomicI64::new(peer.as_ref().map_or(i64::MAX, end_of_trust));
        Self {
            activity: Mutex::new(Activity::new(Instant::now())),
            address,
            alert: OnceLock::new(),
            drained: SetOnce::new(),
            drained_since: OnceLock::new(),
            ended: AtomicBool::new(false),
            gone: SetOnce::new(),
            half_closed: AtomicBool::new(false),
            last_response: AtomicBool::new(false),
            last_stream: AtomicU32::new(u32::MAX),
            store,
            peer,
            read_waker: AtomicWaker::new(),
            received: AtomicU64::new(0),
            registry: OnceLock::new(),
            session,
            side,
            state: AtomicU8::new(OPEN),
            streams_end_alone: AtomicBool::new(false),
            trusted_until,
            wants_body: AtomicBool::new(true),
            write_waker: AtomicWaker::new(),
        }
    }

    /// The address of the other end.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Who the other end proved to be; none where no certificate was asked for.
    pub fn peer(&self) -> Option<&Peer> {
        self.peer.as_ref()
    }

    /// What was agreed on; none where the connection is not TLS.
    pub fn session(&self) -> Option<&Session> {
        self.session.as_ref()
    }

    /// Which end of it we are.
    pub fn side(&self) -> Role {
        self.side
    }

    /// How many requests are in flight on it, whether or not their answers have begun.
    pub fn requests_in_flight(&self) -> usize {
        self.activity().in_flight()
    }

    /// Ends it at once: every read and write fails from now on.
    pub fn close(&self) {
        self.end();
    }

    /// The alert by which the other end closed it, if it did.
    pub fn alert(&self) -> Option<Alert> {
        self.alert.get().copied()
    }

    /// Lets requests in flight finish within a second, and no new one begin; then cuts.
    fn drain(&self, reason: Reason) {
        if self.state.compare_exchange(OPEN, DRAINING, Ordering::AcqRel, Ordering::Acquire).is_err()
        {
            return;
        }
        let _ = self.drained_since.set(Instant::now());
        let _ = self.drained.set(());
        self.record(EventKind::Drained, reason, Duration::ZERO);
        if self.activity().in_flight() == 0 {
            self.end();
        }
    }

    /// Ends it at once: every read and write fails from now on.
    fn cut(&self, kind: EventKind, reason: Reason) {
        if self.end() {
            self.record(kind, reason, Duration::ZERO);
        }
    }

    /// The store whose trust verified the peer; none where the peer was not asked for a certificate.
    pub(super) fn store(&self) -> Option<&Arc<CredentialStore>> {
        self.store.as_ref()
    }

    /// Whether the peer was verified by this store's trust, and is verified again as that changes.
    pub fn is_verified_by(&self, store: &Arc<CredentialStore>) -> bool {
        self.store.as_ref().is_some_and(|its| Arc::ptr_eq(its, store))
    }

    /// Whether the verdict on its peer held until `now` only.
    pub(super) fn needs_verification(&self, now: OffsetDateTime) -> bool {
        now.unix_timestamp() > self.trusted_until.load(Ordering::Acquire) && !self.is_draining()
    }

    /// Acts on another verification of the peer's chain.
    ///
    /// What has ended by itself, or lost its root, may finish what is in flight; whatever else is
    /// wrong with it, it is cut.
    pub(super) fn follow(&self, verdict: &Result<VerifiedChain, Reason>) {
        match verdict {
            Ok(chain) => {
                self.trusted_until.store(chain.not_after.unix_timestamp(), Ordering::Release);
            }
            Err(reason) if matches!(reason.code, Code::Expired | Code::UnknownIssuer) => {
                self.drain(reason.clone());
            }
            Err(reason) => self.cut(EventKind::Cut, reason.clone()),
        }
    }

    /// Waits until it is to end gracefully, since the trust in its peer has ended by itself.
    pub(crate) async fn drained(&self) {
        self.drained.wait().await;
    }

    pub(super) fn cut_if_drained(&self) {
        if self.drained_since.get().is_some_and(|since| since.elapsed() >= DRAIN) {
            self.end();
        }
    }

    /// The next response of HTTP/1.1 says that it is the last (RFC 9112, section 9.6).
    pub(crate) fn note_last_response(&self) {
        self.last_response.store(true, Ordering::Relaxed);
    }

    pub(crate) fn sends_last_response(&self) -> bool {
        self.is_draining() || self.last_response.load(Ordering::Relaxed)
    }

    pub(crate) fn is_draining(&self) -> bool {
        self.state.load(Ordering::Acquire) >= DRAINING
    }

    pub(crate) fn is_cut(&self) -> bool {
        self.state.load(Ordering::Acquire) == CUT
    }

    /// Whether HTTP was left on it.
    pub fn is_upgraded(&self) -> bool {
        self.activity().is_upgraded()
    }

    pub(super) fn registry(&self) -> Option<&Arc<Connections>> {
        self.registry.get()
    }

    pub(super) fn belong_to(&self, registry: &Arc<Connections>) {
        let _ = self.registry.set(Arc::clone(registry));
    }

    /// Called before each read with the task to wake if the connection is cut meanwhile.
    pub(crate) fn check_readable(&self, waker: &Waker) -> Result<(), Error> {
        self.read_waker.register(waker);
        self.check()
    }

    /// The same for writes.
    pub(crate) fn check_writable(&self, waker: &Waker) -> Result<(), Error> {
        self.write_waker.register(waker);
        self.check()
    }

    pub(crate) fn note_alert(&self, alert: Alert) {
        let _ = self.alert.set(alert);
    }

    pub(crate) fn is_http2(&self) -> bool {
        self.session.as_ref().is_some_and(Session::is_http2)
    }

    /// Its streams are ended one by one by the task that serves it.
    pub(crate) fn note_streams_end_alone(&self) {
        self.streams_end_alone.store(true, Ordering::Relaxed);
    }

    /// Whether answers that are not taken end the connection.
    pub(super) fn watches_pieces(&self) -> bool {
        self.side == Role::Server && !self.streams_end_alone.load(Ordering::Relaxed)
    }

    pub(super) fn piece_waits(&self, request: u64) {
        self.activity().piece_waits(request, Instant::now());
    }

    pub(super) fn piece_taken(&self, request: u64) {
        self.activity().piece_taken(request);
    }

    /// It cannot be used any more, or the other end sends no more.
    pub(crate) fn note_ended(&self) {
        self.ended.store(true, Ordering::Release);
    }

    /// Whether its requests end because it does.
    fn is_over(&self) -> bool {
        self.ended.load(Ordering::Acquire) || self.gone.get().is_some() || self.is_cut()
    }

    /// Its stream was given up, for whatever reason.
    pub(crate) fn note_gone(&self) {
        let _ = self.gone.set(());
    }

    /// Waits until its stream was given up.
    pub async fn gone(&self) {
        self.gone.wait().await;
    }

    /// Bytes that have come since something was last sent, without those of TLS itself. On a
    /// connection of HTTP/1.1 they are the beginning of a response.
    pub(crate) fn received(&self) -> u64 {
        self.received.load(Ordering::Relaxed)
    }

    /// Whether an HTTP/2 server said that it does not process this stream.
    pub(crate) fn is_above_last(&self, stream: u32) -> bool {
        stream > self.last_stream.load(Ordering::Acquire)
    }

    pub(crate) fn note_last_stream(&self, last: u32) {
        self.last_stream.store(last, Ordering::Release);
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
    fn has_time_limits(&self) -> bool {
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

    pub(super) fn request_begins(&self) {
        self.wants_body.store(true, Ordering::SeqCst);
        self.activity().request_begins();
    }

    pub(super) fn request_answered(&self) {
        self.activity().request_answered();
    }

    /// A client's answer is whole once its body was read, so its draining connection can go; a
    /// server's may still have to be written.
    pub(super) fn request_ends(&self, is_answered: bool) {
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

    fn check(&self) -> Result<(), Error> {
        if self.is_cut() {
            let why = "the connection was ended here";
            return Err(Error::new(ErrorKind::ConnectionAborted, why));
        }
        Ok(())
    }

    /// Whether this call ended it.
    fn end(&self) -> bool {
        let before = self.state.swap(CUT, Ordering::AcqRel);
        self.read_waker.wake();
        self.write_waker.wake();
        before != CUT
    }

    fn activity(&self) -> MutexGuard<'_, Activity> {
        self.activity.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn end_of_trust(peer: &Peer) -> i64 {
    peer.not_after().unix_timestamp()
}
