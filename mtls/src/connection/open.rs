//! One open connection: who is at its other end, and whether it may still be used.

mod requests;
mod trust;

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU8, AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Instant;

use futures_util::task::AtomicWaker;
use tokio::sync::SetOnce;

use super::Connections;
use super::activity::Activity;
use crate::connection::session::Session;
use crate::credentials::CredentialStore;
use crate::event::alert::Alert;
use crate::peer::Peer;
use crate::pki::role::Role;

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

    /// The alert by which the other end closed it, if it did.
    pub fn alert(&self) -> Option<Alert> {
        self.alert.get().copied()
    }

    /// The next response of HTTP/1.1 says that it is the last (RFC 9112, section 9.6).
    pub(crate) fn note_last_response(&self) {
        self.last_response.store(true, Ordering::Relaxed);
    }

    pub(crate) fn sends_last_response(&self) -> bool {
        self.is_draining() || self.last_response.load(Ordering::Relaxed)
    }

    pub(super) fn registry(&self) -> Option<&Arc<Connections>> {
        self.registry.get()
    }

    pub(super) fn belong_to(&self, registry: &Arc<Connections>) {
        let _ = self.registry.set(Arc::clone(registry));
    }

    pub(crate) fn note_alert(&self, alert: Alert) {
        let _ = self.alert.set(alert);
    }

    pub(crate) fn is_http2(&self) -> bool {
        self.session.as_ref().is_some_and(Session::is_http2)
    }

    /// It cannot be used any more, or the other end sends no more.
    pub(crate) fn note_ended(&self) {
        self.ended.store(true, Ordering::Release);
    }

    /// Its stream was given up, for whatever reason.
    pub(crate) fn note_gone(&self) {
        let _ = self.gone.set(());
    }

    /// Waits until its stream was given up.
    pub async fn gone(&self) {
        self.gone.wait().await;
    }

    /// Whether an HTTP/2 server said that it does not process this stream.
    pub(crate) fn is_above_last(&self, stream: u32) -> bool {
        stream > self.last_stream.load(Ordering::Acquire)
    }

    pub(crate) fn note_last_stream(&self, last: u32) {
        self.last_stream.store(last, Ordering::Release);
    }

    fn activity(&self) -> MutexGuard<'_, Activity> {
        self.activity.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn end_of_trust(peer: &Peer) -> i64 {
    peer.not_after().unix_timestamp()
}
