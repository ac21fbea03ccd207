//! The events of a connection.

use std::sync::Arc;
use std::time::Duration;

use time::OffsetDateTime;

use super::Connection;
use crate::event::refusal::{Reason, Refusal};
use crate::event::{Event, EventKind};
use crate::pki::certificate::Certificate;
use crate::pki::role::Role;

impl Connection {
    /// Records that a request on it was refused, `waited` after it had begun. The refusal is for
    /// the response.
    pub fn refuse_request(&self, reason: Reason, waited: Duration) -> Refusal {
        self.record(EventKind::RequestRefused, reason, waited)
    }

    /// Records that its handshake succeeded.
    pub(crate) fn record_accepted(&self, duration: Duration) {
        self.record_event(EventKind::HandshakeAccepted, duration, None);
    }

    /// Records that it, or a request on it, was ended by this side.
    pub(crate) fn record(&self, kind: EventKind, mut reason: Reason, waited: Duration) -> Refusal {
        reason.certificate = reason.certificate.or_else(|| self.certificate());
        let refusal = Refusal::new(reason, self.side(), None, self.address());
        self.record_event(kind, waited, Some(refusal.clone()));
        refusal
    }

    fn record_event(&self, kind: EventKind, duration: Duration, refusal: Option<Refusal>) {
        let Some(registry) = self.registry() else {
            return;
        };
        let certificate = self.certificate();
        let (client_cert, server_cert) = match self.side() {
            Role::Server => (certificate, None),
            Role::Client => (None, certificate),
        };
        registry.events().record(Event {
            at: refusal.as_ref().map_or_else(OffsetDateTime::now_utc, |refusal| refusal.at),
            peer: self.address(),
            side: self.side(),
            kind,
            duration,
            tls: self.session().cloned(),
            client_cert,
            server_cert,
            refusal,
        });
    }

    fn certificate(&self) -> Option<Arc<Certificate>> {
        self.peer().map(|peer| Arc::clone(peer.certificate()))
    }
}
