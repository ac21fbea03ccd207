//! What happened at our doors, as events in one bounded ring. The log, the metrics and
//! `/handshakes` only read them.

mod tell;

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde::Serialize;
use time::OffsetDateTime;

use self::tell::LogBudget;
use crate::certificate::Certificate;
use crate::refusal::Refusal;
use crate::role::Role;
use crate::session::Session;

/// One handshake, or one request, that was taken or turned away.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Handshake {
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
    /// Why it was turned away.
    pub refusal: Option<Refusal>,
}

/// How a handshake ended.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Outcome {
    /// The other end was let in.
    Accepted,
    /// One end turned the other away.
    Refused,
}

impl Handshake {
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

    /// A handshake or a request that was turned away, by `refusal.side`.
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
}

/// The newest handshakes of a service, [`Handshakes::KEPT`] at most.
#[derive(Debug)]
pub struct Handshakes {
    budget: LogBudget,
    ring: Mutex<VecDeque<Arc<Handshake>>>,
}

impl Handshakes {
    /// How many are kept.
    pub const KEPT: usize = 256;

    /// An empty ring, of whose refusals so many are logged each second; all are counted.
    pub fn new(logged_refusals_per_second: u32) -> Arc<Self> {
        Arc::new(Self {
            budget: LogBudget::new(logged_refusals_per_second),
            ring: Mutex::new(VecDeque::with_capacity(Self::KEPT)),
        })
    }

    /// Tells of a handshake: in the log, in the metrics, and in the ring.
    pub fn record(&self, handshake: Handshake) {
        tell::count(&handshake);
        tell::log(&handshake, &self.budget);
        let mut ring = self.ring.lock().unwrap_or_else(PoisonError::into_inner);
        if ring.len() == Self::KEPT {
            ring.pop_back();
        }
        ring.push_front(Arc::new(handshake));
    }

    /// The handshakes that are kept, newest first.
    pub fn newest(&self) -> Vec<Arc<Handshake>> {
        self.ring.lock().unwrap_or_else(PoisonError::into_inner).iter().cloned().collect()
    }
}

fn as_micros<S: serde::Serializer>(duration: &Duration, to: S) -> Result<S::Ok, S::Error> {
    to.serialize_u64(u64::try_from(duration.as_micros()).unwrap_or(u64::MAX))
}
