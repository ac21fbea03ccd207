//! What happens on connections: accepted and refused handshakes, refused requests, and connections
//! that are ended. Each event goes to the log, the metrics and the sinks of the library's user.

pub mod alert;
mod events;
pub(crate) mod failure;
mod log;
pub mod refusal;
mod ring;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use serde::ser::SerializeStruct;
use serde::{Serialize, Serializer};
use time::OffsetDateTime;

pub use self::events::{Events, Sink};
use crate::connection::session::Session;
use crate::event::refusal::Refusal;
use crate::pki::certificate::Certificate;
use crate::pki::role::Role;

/// Something that happened on a connection.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct Event {
    /// When it was decided.
    #[serde(with = "time::serde::rfc3339")]
    pub at: OffsetDateTime,
    /// The address of the other end.
    pub peer: SocketAddr,
    /// Which end of it we were.
    pub side: Role,
    /// What happened; as JSON, `kind` and `result`.
    #[serde(flatten)]
    pub kind: EventKind,
    /// Of a handshake, from the first moment of the connection to the decision; of a request, how
    /// long it took until then; of a limit, how long it waited.
    #[serde(rename = "durationMicros", serialize_with = "as_micros")]
    pub duration: Duration,
    /// What was agreed on, as far as it came to that.
    pub tls: Option<Session>,
    /// The client's certificate, where the other end was a client and showed a good one.
    pub client_cert: Option<Arc<Certificate>>,
    /// The server's certificate, where the other end was a server and showed a good one.
    pub server_cert: Option<Arc<Certificate>>,
    /// Why it was refused or ended.
    pub refusal: Option<Refusal>,
}

/// What happened on a connection.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum EventKind {
    /// The handshake succeeded.
    HandshakeAccepted,
    /// One end refused the other in the handshake, or by an alert after it.
    HandshakeRefused,
    /// A policy refused a request.
    RequestRefused,
    /// The peer went beyond a limit, so the connection was closed.
    ClosedByLimit,
    /// The trust in the peer ended by itself: the connection finishes its requests.
    Drained,
    /// The peer is no longer trusted, or revoked: the connection was closed at once.
    Cut,
}

/// How something ended for the peer.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Outcome {
    /// The peer was accepted.
    Accepted,
    /// A connection that had been accepted was ended.
    Ended,
    /// One end refused the other.
    Refused,
}

impl EventKind {
    /// The name in JSON, in kebab case.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::HandshakeAccepted => "handshake-accepted",
            Self::HandshakeRefused => "handshake-refused",
            Self::RequestRefused => "request-refused",
            Self::ClosedByLimit => "closed-by-limit",
            Self::Drained => "drained",
            Self::Cut => "cut",
        }
    }

    /// How it ended for the peer.
    pub fn outcome(self) -> Outcome {
        match self {
            Self::HandshakeAccepted => Outcome::Accepted,
            Self::HandshakeRefused | Self::RequestRefused | Self::ClosedByLimit => Outcome::Refused,
            Self::Drained | Self::Cut => Outcome::Ended,
        }
    }
}

impl Serialize for EventKind {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut both = serializer.serialize_struct("EventKind", 2)?;
        both.serialize_field("kind", self.as_str())?;
        both.serialize_field("result", &self.outcome())?;
        both.end()
    }
}

impl Event {
    /// A handshake that was refused, by `refusal.side`.
    pub fn refused(side: Role, duration: Duration, tls: Option<Session>, refusal: Refusal) -> Self {
        Self {
            at: refusal.at,
            peer: refusal.peer,
            side,
            kind: EventKind::HandshakeRefused,
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

fn as_micros<S: Serializer>(duration: &Duration, to: S) -> Result<S::Ok, S::Error> {
    to.serialize_u64(u64::try_from(duration.as_micros()).unwrap_or(u64::MAX))
}
