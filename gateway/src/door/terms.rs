//! On which terms a listener lets callers in, and where they may go.

use std::sync::Arc;
use std::time::Duration;

use mtls::connections::Connection;
use mtls::field_limits::FieldLimits;
use mtls::handshake::Handshakes;
use mtls::limits::Limits;
use mtls::live::Live;
use mtls::peer::Peer;
use mtls::refusal::{Code, Reason};
use mtls::role::Role;
use mtls::server::Acceptor;
use time::OffsetDateTime;
use tokio::sync::watch;

use crate::config::{ClientCertificates, Config, ListenerConfig, Security};
use crate::redirect::Hosts;
use crate::request_limits::RequestLimits;
use crate::route_metrics::RouteMetrics;
use crate::routes::Routes;
use crate::upstream::Doors;

/// On which terms a listener lets callers in, and where they may go.
#[derive(Debug)]
pub(crate) struct Terms {
    pub(super) acceptor: Acceptor,
    /// How long requests in flight have once their connection is told to end.
    pub(super) drain_timeout: Duration,
    /// How large the heads and the trailers of requests may be.
    pub(crate) fields: FieldLimits,
    pub(crate) handshakes: Arc<Handshakes>,
    /// Where a listener that redirects may lead to.
    pub(crate) hosts: Hosts,
    pub(super) limits: Limits,
    pub(crate) live: Option<Arc<Live>>,
    pub(crate) name: Arc<str>,
    /// Told when connections that were made on these terms are to end.
    pub(super) over: Arc<watch::Sender<bool>>,
    pub(crate) requests: RequestLimits,
    pub(crate) routes: Routes,
    pub(crate) security: Security,
    /// Of requests that found no route.
    pub(crate) unrouted: Arc<RouteMetrics>,
}

impl Terms {
    pub(crate) fn new(
        listener: &ListenerConfig,
        live: Option<Arc<Live>>,
        routes: Routes,
        config: &Config,
        requests: RequestLimits,
        doors: &Doors,
    ) -> Self {
        let (events, open) = (Arc::clone(&doors.handshakes), Arc::clone(&doors.connections));
        let limits = &config.limits;
        let acceptor = match (&listener.security, &live) {
            (Security::Tls { client_certificates, .. }, Some(live)) => {
                let make = match client_certificates {
                    ClientCertificates::Off => Acceptor::without_client_certificates,
                    ClientCertificates::Optional => Acceptor::optional,
                    ClientCertificates::Required => Acceptor::mutual,
                };
                make(Arc::clone(live), limits.clone(), events, open)
            }
            _ => Acceptor::plain(limits.clone(), events, open),
        };
        Self {
            acceptor,
            drain_timeout: config.drain_timeout,
            fields: config.request_fields,
            handshakes: Arc::clone(&doors.handshakes),
            hosts: Hosts::default(),
            limits: limits.clone(),
            live,
            name: listener.name.as_str().into(),
            over: Arc::new(watch::Sender::new(false)),
            requests,
            routes,
            security: listener.security.clone(),
            unrouted: Arc::new(RouteMetrics::new("none")),
        }
    }

    /// Judges a connection that may have been let in on other terms. It was told to end, and a
    /// caller who does not heed that can still open streams on it in HTTP/2.
    pub(crate) fn still_admit(&self, connection: &Connection) -> Result<(), Reason> {
        let (Security::Tls { client_certificates, .. }, Some(live)) = (&self.security, &self.live)
        else {
            return Ok(());
        };
        if connection.session().is_none() {
            return Err(Reason::new(Code::NotTls));
        }
        match (client_certificates, connection.peer()) {
            (ClientCertificates::Required, None) => Err(Reason::new(Code::NoCertificate)),
            (ClientCertificates::Off, _) | (_, None) => Ok(()),
            (_, Some(_)) if connection.is_judged_by(live) => Ok(()),
            (_, Some(peer)) => {
                let now = OffsetDateTime::now_utc();
                live.current().trust.judge(peer.presented(), Role::Client, now).map(drop)
            }
        }
    }

    /// Whom a connection speaks for here. Where nobody is verified any more, that is nobody, though
    /// it was made when somebody was.
    pub(crate) fn peer_of<'a>(&self, connection: &'a Connection) -> Option<&'a Peer> {
        connection.peer().filter(|_| self.verifies_callers())
    }

    /// Whether callers that show a certificate are verified here.
    pub(crate) fn verifies_callers(&self) -> bool {
        match &self.security {
            Security::Plain | Security::Redirect(_) => false,
            Security::Tls { client_certificates, .. } => {
                *client_certificates != ClientCertificates::Off
            }
        }
    }

    /// Whether a connection that was let in on the other terms would be let in alike on these.
    pub(super) fn admit_like(&self, other: &Self) -> bool {
        let same_live = match (&self.live, &other.live) {
            (Some(one), Some(two)) => Arc::ptr_eq(one, two),
            (one, two) => one.is_none() && two.is_none(),
        };
        same_live && self.security == other.security && self.limits == other.limits
    }
}
