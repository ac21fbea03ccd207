//! Upstreams: their connections and protocol, load balancing, and health.

mod health;
mod upstreams;

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use http::uri::{Authority, PathAndQuery, Scheme};
use http::{Request, Response, Uri};
use hyper::body::Incoming;
use metrics::{Counter, counter};
use mtls::client::{Client, ConnectOptions, Failed, Protocol, Resolver};
use mtls::connection::{Connections, InFlight};
use mtls::credentials::CredentialStore;
use mtls::field_limits::FieldLimits;
use mtls::limits::Limits;

pub(crate) use self::health::Health;
pub(crate) use self::upstreams::Upstreams;
use crate::body::RequestBody;
use crate::config::{Timeouts, Upstream as Url, UpstreamScheme, UpstreamTls};

/// One upstream, and the connections to it.
#[derive(Debug)]
pub(crate) struct Upstream {
    answered: Counter,
    client: Arc<Client<RequestBody>>,
    failed: Counter,
    /// The size limits of its response heads and trailers.
    pub(crate) fields: FieldLimits,
    pub(crate) health: Health,
    in_flight: AtomicUsize,
    /// Whether requests keep the host that the caller asked for.
    ///
    /// A plain service gets that host. One that proves a name in TLS gets that name: it would
    /// answer any other with 421 (RFC 9110, section 7.4).
    pub(crate) keeps_host: bool,
    /// The address to connect to.
    dial: Authority,
    /// Its URL, in logs and metrics.
    pub(crate) name: Arc<str>,
    origin: (Scheme, Authority),
    /// The HTTP version that it uses.
    pub(crate) protocol: Protocol,
    /// HTTP/1.1 only: only there can a connection be upgraded.
    upgrades: Arc<Client<RequestBody>>,
}

/// What determines the connections to an upstream. Routes with equal settings share them.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub(crate) struct UpstreamSettings {
    /// The size limits of its response heads and trailers.
    pub(crate) fields: FieldLimits,
    pub(crate) timeouts: Timeouts,
    pub(crate) tls: Option<UpstreamTls>,
    pub(crate) url: Url,
}

/// A request in flight at an upstream, counted until it is dropped.
#[derive(Debug)]
pub(crate) struct Lease(Arc<Upstream>);

impl Upstream {
    /// An upstream without connections; `identity` is what the gateway presents to it over TLS.
    pub(crate) fn new(
        settings: UpstreamSettings,
        identity: Option<Arc<CredentialStore>>,
        connections: &Arc<Connections>,
    ) -> Self {
        let UpstreamSettings { fields, timeouts, tls, url } = settings;
        let tls = tls.as_ref().zip(identity);
        // Each request's URL has the server name; the address to connect to is separate.
        let name = tls.as_ref().and_then(|(settings, _)| settings.server_name.as_deref());
        let authority = name.and_then(|name| with_port_of(name, &url.authority));
        let authority = authority.unwrap_or_else(|| url.authority.clone());
        let protocol = match url.scheme {
            UpstreamScheme::H2c => Protocol::Http2,
            UpstreamScheme::Http => Protocol::Http1,
            UpstreamScheme::Https => Protocol::Any,
        };
        let client = |protocol| {
            let mut options = ConnectOptions::default();
            options.connect_timeout = timeouts.connect;
            options.dial = Some(url.authority.clone());
            options.protocol = protocol;
            options.resolver = resolver(&url);
            options.response_fields = fields;
            Arc::new(client(options, tls.as_ref(), &timeouts, connections))
        };
        let (client, upgrades) = (client(protocol), client(Protocol::Http1));
        let name: Arc<str> = url.to_string().into();
        let scheme = if tls.is_some() { Scheme::HTTPS } else { Scheme::HTTP };
        let requests = |result: &'static str| {
            let upstream = Arc::clone(&name);
            counter!("gateway_upstream_requests_total", "upstream" => upstream, "result" => result)
        };
        Self {
            answered: requests("answered"),
            client,
            failed: requests("failed"),
            fields,
            health: Health::new(&name),
            in_flight: AtomicUsize::new(0),
            keeps_host: url.scheme == UpstreamScheme::Http,
            dial: url.authority,
            name,
            origin: (scheme, authority),
            protocol,
            upgrades,
        }
    }

    /// The number of its requests in flight.
    pub(crate) fn in_flight(&self) -> usize {
        self.in_flight.load(Ordering::Relaxed)
    }

    /// The authorities that it may use in its own URLs: its address, and the name it proves.
    pub(crate) fn authorities(&self) -> [&Authority; 2] {
        [&self.dial, &self.origin.1]
    }

    fn address(&self, path: Option<PathAndQuery>) -> Uri {
        let (scheme, authority) = self.origin.clone();
        let path = path.unwrap_or_else(|| PathAndQuery::from_static("/"));
        let url = Uri::builder().scheme(scheme).authority(authority).path_and_query(path);
        url.build().expect("a scheme, an authority and a path must make a URL")
    }
}

impl Lease {
    fn of(upstream: &Arc<Upstream>) -> Self {
        upstream.in_flight.fetch_add(1, Ordering::Relaxed);
        Self(Arc::clone(upstream))
    }

    pub(crate) fn upstream(&self) -> &Arc<Upstream> {
        &self.0
    }

    /// Sends a request whose URL has only a path, once; `upgrade` where it asks for an upgrade.
    pub(crate) async fn send(
        &self,
        mut request: Request<RequestBody>,
        upgrade: bool,
        new_connection: bool,
    ) -> Result<Response<InFlight<Incoming>>, Failed<RequestBody>> {
        let upstream = &self.0;
        *request.uri_mut() = upstream.address(request.uri().path_and_query().cloned());
        let client = if upgrade { &upstream.upgrades } else { &upstream.client };
        client.attempt(request, new_connection).await
    }

    /// Records that the upstream failed to answer, through no fault of the caller.
    pub(crate) fn failed(&self, why: &dyn std::fmt::Display) {
        self.0.failed.increment(1);
        self.0.health.failed(why);
    }

    /// Records that the upstream answered, with any status.
    pub(crate) fn succeeded(&self) {
        self.0.answered.increment(1);
        self.0.health.succeeded();
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        self.0.in_flight.fetch_sub(1, Ordering::Relaxed);
    }
}

fn client(
    mut options: ConnectOptions,
    tls: Option<&(&UpstreamTls, Arc<CredentialStore>)>,
    timeouts: &Timeouts,
    connections: &Arc<Connections>,
) -> Client<RequestBody> {
    let limits = Limits::with(|limits| {
        limits.handshake_timeout = timeouts.connect;
        limits.idle_timeout = timeouts.idle;
    });
    let connections = Arc::clone(connections);
    match tls {
        Some((settings, store)) => {
            options.expected.spiffe_id = settings.spiffe_id.clone();
            Client::new(Arc::clone(store), options, &limits, connections)
        }
        None => Client::plain(options, &limits, connections),
    }
}

/// Follows the addresses of a host name; an address needs none.
fn resolver(url: &Url) -> Option<Resolver> {
    let host = url.authority.host();
    if host.starts_with('[') || host.parse::<IpAddr>().is_ok() {
        return None;
    }
    let default = if url.scheme == UpstreamScheme::Https { 443 } else { 80 };
    let port = url.authority.port_u16().unwrap_or(default);
    Some(Resolver::of_hosts(vec![format!("{host}:{port}")]))
}

fn with_port_of(name: &str, authority: &Authority) -> Option<Authority> {
    let port = authority.port_u16().map_or_else(String::new, |port| format!(":{port}"));
    format!("{name}{port}").parse().ok()
}
