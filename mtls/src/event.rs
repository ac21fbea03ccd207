//! Event events, kept in a ring buffer that is bounded in number and in bytes. The log, the
//! metrics and `/handshakes` only read them.

pub mod alert;
pub(crate) mod failure;
mod log;
pub mod refusal;
mod ring;

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde::Serialize;
use time::OffsetDateTime;

use self::log::LogBudget;
use self::ring::Ring;
use crate::connection::session::Session;
use crate::event::refusal::Refusal;
use crate::pki::certificate::Certificate;
use crate::pki::role::Role;

/// One handshake or request that was accepted or refused.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Event {
    /// When it was decided.
    #[serde(with = "time::serde::rfc3339")]
    pub at: OffsetDateTime,
    /// The address of the other end.
    pub peer: SocketAddr,
    /// Which end of it we were.
    pub side: Role,
    /// How it ended.
    pub result: Outcome,
    /// From the first moment of the connection to the decision.
    #[serde(rename = "durationMicros", serialize_with = "as_micros")]
    pub duration: Duration,
    /// What was agreed on, as far as it came to that.
    pub tls: Option<Session>,
    /// The client's certificate, where the other end was a client and showed a good one.
    pub client_cert: Option<Arc<Certificate>>,
    /// The server's certificate, where the other end was a server and showed a good one.
    pub server_cert: Option<Arc<Certificate>>,
    /// Why it was refused.
    pub refusal: Option<Refusal>,
}

/// How a handshake ended.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Outcome {
    /// The peer was accepted.
    Accepted,
    /// One end turned the other away.
    Refused,
}

impl Event {
    /// A handshake that succeeded.
    pub fn accepted(
        side: Role,
        peer: SocketAddr,
        duration: Duration,
        tls: Session,
        certificate: Option<Arc<Certificate>>,
    ) -> Self {
        let (client_cert, server_cert) = match side {
            Role::Server => (certificate, None),
            Role::Client => (None, certificate),
        };
        Self {
            at: OffsetDateTime::now_utc(),
            peer,
            side,
            result: Outcome::Accepted,
            duration,
            tls: Some(tls),
            client_cert,
            server_cert,
            refusal: None,
        }
    }

    /// A handshake or a request that was refused, by `refusal.side`.
    pub fn refused(side: Role, duration: Duration, tls: Option<Session>, refusal: Refusal) -> Self {
        Self {
            at: refusal.at,
            peer: refusal.peer,
            side,
            result: Outcome::Refused,
            duration,
            tls,
            client_cert: None,
            server_cert: None,
            refusal: Some(refusal),
        }
    }

    /// About how much memory it takes, in bytes. A peer decides it: a certificate may have
    /// thousands of names.
    fn memory(&self) -> usize {
        let certificates = [
            self.client_cert.as_deref(),
            self.server_cert.as_deref(),
            self.refusal.as_ref().and_then(|refusal| refusal.certificate.as_deref()),
        ];
        let tls = self.tls.as_ref().map_or(0, Session::memory);
        let sentence = self.refusal.as_ref().map_or(0, |refusal| refusal.sentence.len());
        let certificates: usize = certificates.into_iter().flatten().map(Certificate::memory).sum();
        size_of::<Self>() + tls + sentence + certificates
    }
}

/// The newest handshakes of a service: [`Events::KEPT`] at most, and no more of them than
/// fit into [`Events::MEMORY`].
#[derive(Debug)]
pub struct Events {
    budget: LogBudget,
    ring: Mutex<Ring>,
}

impl Events {
    /// How many are kept.
    pub const KEPT: usize = 256;

    /// How many bytes of memory they take, about. An ordinary handshake takes two or three KiB, so
    /// that 256 of them fit in; the newest one is kept whatever it takes.
    pub const MEMORY: usize = 2 * 1024 * 1024;

    /// An empty ring, of whose refusals so many are logged each second; all are counted.
    pub fn new(logged_refusals_per_second: u32) -> Arc<Self> {
        Arc::new(Self {
            budget: LogBudget::new(logged_refusals_per_second),
            ring: Mutex::default(),
        })
    }

    /// Records a handshake: in the log, in the metrics, and in the ring.
    pub fn record(&self, handshake: Event) {
        #[cfg(feature = "metrics")]
        log::count(&handshake);
        log::log(&handshake, &self.budget);
        self.ring().push(handshake);
    }

    /// The handshakes that are kept, newest first.
    pub fn newest(&self) -> Vec<Arc<Event>> {
        self.ring().newest().map(|(_, handshake)| handshake).collect()
    }

    /// The handshakes that are kept, newest first, each looked up when it is asked for.
    ///
    /// A slow reader therefore holds one handshake in memory, and misses those that were evicted
    /// before it came to them.
    pub fn walk(self: Arc<Self>) -> impl Iterator<Item = Arc<Event>> + Send + 'static {
        let mut last = None;
        std::iter::from_fn(move || {
            let (number, handshake) = self.ring().before(last)?;
            last = Some(number);
            Some(handshake)
        })
    }

    fn ring(&self) -> MutexGuard<'_, Ring> {
        self.ring.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn as_micros<S: serde::Serializer>(duration: &Duration, to: S) -> Result<S::Ok, S::Error> {
    to.serialize_u64(u64::try_from(duration.as_micros()).unwrap_or(u64::MAX))
}
