//! The configuration of a listener: which callers it admits, its limits, and its routes.

use std::sync::Arc;

use mtls::connection::{Connection, Connections};
use mtls::credentials::CredentialStore;
use mtls::event::refusal::{Code, Reason};
use mtls::field_limits::FieldLimits;
use mtls::limits::max_streams;
use mtls::peer::Peer;
use mtls::pki::role::Role;
use mtls::server::{Acceptor, HttpSettings};
use time::OffsetDateTime;
use tokio::sync::watch;

use crate::config::{ClientCertificates, Config, ListenerSettings, Security};
use crate::redirect::Hosts;
use crate::request_limits::RequestLimits;
use crate::route_metrics::RouteMetrics;
use crate::routes::Routes;

/// Which callers a listener admits, its limits, and its routes.
#[derive(Debug)]
pub(crate) struct ListenerConfig {
    pub(crate) acceptor: Acceptor,
    /// The size limits of request heads and trailers.
    pub(crate) fields: FieldLimits,
    /// The hosts that a redirecting listener redirects to.
    pub(crate) hosts: Hosts,
    /// How its connections are served.
    pub(crate) http: HttpSettings,
    pub(crate) store: Option<Arc<CredentialStore>>,
    pub(crate) name: Arc<str>,
    /// Set once connections accepted under this configuration are to end.
    pub(crate) over: Arc<watch::Sender<bool>>,
    pub(crate) requests: RequestLimits,
    pub(crate) routes: Routes,
    pub(crate) security: Security,
    /// The metrics of requests that match no route.
    pub(crate) unrouted: Arc<RouteMetrics>,
}

impl ListenerConfig {
    /// Verifies a connection that may have been accepted under another configuration. It has been
    /// signaled to end, but an HTTP/2 caller that ignores that can still open streams on it.
    pub(crate) fn verify_again(&self, connection: &Connection) -> Result<(), Reason> {
        let (Security::Tls { client_certificates, .. }, Some(store)) =
            (&self.security, &self.store)
        else {
            return Ok(());
        };
        if connection.session().is_none() {
            return Err(Reason::new(Code::NotTls));
        }
        match (client_certificates, connection.peer()) {
            (ClientCertificates::Required, None) => Err(Reason::new(Code::NoCertificate)),
            (ClientCertificates::Off, _) | (_, None) => Ok(()),
            (_, Some(_)) if connection.is_verified_by(store) => Ok(()),
            (_, Some(peer)) => {
                let now = OffsetDateTime::now_utc();
                store.current().trust.verify(peer.presented(), Role::Client, now).map(drop)
            }
        }
    }

    /// The peer of a connection, if this listener verifies callers. None otherwise, even if the
    /// peer was verified when the connection was accepted.
    pub(crate) fn peer_of<'a>(&self, connection: &'a Connection) -> Option<&'a Peer> {
        connection.peer().filter(|_| self.verifies_clients())
    }

    /// Whether client certificates are requested and verified here.
    pub(crate) fn verifies_clients(&self) -> bool {
        match &self.security {
            Security::Plain | Security::Redirect(_) => false,
            Security::Tls { client_certificates, .. } => {
                *client_certificates != ClientCertificates::Off
            }
        }
    }

    /// Whether both configurations admit the same connections.
    pub(super) fn admits_the_same_clients(&self, other: &Self) -> bool {
        let same_store = match (&self.store, &other.store) {
            (Some(one), Some(two)) => Arc::ptr_eq(one, two),
            (one, two) => one.is_none() && two.is_none(),
        };
        same_store && self.security == other.security && self.http.limits == other.http.limits
    }
}

/// The acceptor of a listener that presents and verifies certificates by `store`.
pub(crate) fn acceptor(
    listener: &ListenerSettings,
    store: Option<&Arc<CredentialStore>>,
    config: &Config,
    connections: &Arc<Connections>,
) -> Acceptor {
    let (limits, connections) = (config.limits.clone(), Arc::clone(connections));
    match (&listener.security, store) {
        (Security::Tls { client_certificates, .. }, Some(store)) => {
            Acceptor::new(Arc::clone(store), *client_certificates, limits, connections)
        }
        _ => Acceptor::plain(limits, connections),
    }
}

/// How the connections of a listener are served.
pub(crate) fn http_settings(config: &Config) -> HttpSettings {
    let fields = config.request_fields;
    let mut settings = HttpSettings::new(&config.limits);
    settings.drain_timeout = config.drain_timeout;
    settings.max_header_bytes = fields.bytes;
    // Up to a quarter more are read, so that the gateway itself answers with the reason.
    settings.max_header_fields = Some(fields.fields + fields.fields / 4);
    settings.max_header_list_bytes = fields.http2_list();
    settings.max_streams = max_streams(config.max_requests);
    settings
}
