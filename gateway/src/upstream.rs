//! What stands behind: how each upstream is spoken to, which of several is taken, and whether it
//! still answers.

mod health;
mod upstreams;

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use http::uri::{Authority, PathAndQuery, Scheme};
use http::{Request, Response, Uri};
use hyper::body::Incoming;
use metrics::{Counter, counter};
use mtls::client::{Client, ConnectOptions, ExpectedServer, Failed, Protocol, Resolver};
use mtls::connection::{Connections, InFlight};
use mtls::credentials::CredentialStore;
use mtls::event::Events;
use mtls::field_limits::FieldLimits;
use mtls::limits::Limits;

pub(crate) use self::health::Health;
pub(crate) use self::upstreams::Upstreams;
use crate::body::RequestBody;
use crate::config::{Timeouts, Upstream as Url, UpstreamScheme, UpstreamTls};

/// One service behind, and the connections to it.
#[derive(Debug)]
pub(crate) struct Upstream {
    answered: Counter,
    client: Arc<Client<RequestBody>>,
    failed: Counter,
    /// How large the heads and the trailers of its responses may be.
    pub(crate) fields: FieldLimits,
    pub(crate) health: Health,
    in_flight: AtomicUsize,
    /// It is asked for the host that the caller asked for, and not for its own.
    ///
    /// A plain service is. One that has a name to prove is asked for that name: it would answer
    /// another with 421 (RFC 9110, section 7.4).
    pub(crate) keeps_host: bool,
    /// Where it is dialled.
    dial: Authority,
    /// Its URL, as logs and metrics have it.
    pub(crate) name: Arc<str>,
    place: (Scheme, Authority),
    /// The HTTP that it is spoken to in.
    pub(crate) protocol: Protocol,
    /// HTTP/1.1 only, which alone can be left for another protocol.
    upgrades: Arc<Client<RequestBody>>,
}

/// A request's place at an upstream, given back when dropped.
#[derive(Debug)]
pub(crate) struct Lease(Arc<Upstream>);

/// What happens at all registries, in front and behind.
#[derive(Clone, Debug)]
pub(crate) struct Registries {
    pub(crate) connections: Arc<Connections>,
    pub(crate) events: Arc<Events>,
}

impl Upstream {
    /// An upstream that nobody has spoken to yet; `tls` are its terms and our identity.
    pub(crate) fn new(
        url: Url,
        tls: Option<(&UpstreamTls, Arc<CredentialStore>)>,
        timeouts: &Timeouts,
        fields: FieldLimits,
        registries: &Registries,
    ) -> Self {
        // The name to prove stands in the URL of each request, and the place to dial apart.
        let name = tls.as_ref().and_then(|(terms, _)| terms.server_name.as_deref());
        let authority = name.and_then(|name| with_port_of(name, &url.authority));
        let authority = authority.unwrap_or_else(|| url.authority.clone());
        let protocol = match url.scheme {
            UpstreamScheme::H2c => Protocol::Http2,
            UpstreamScheme::Http => Protocol::Http1,
            UpstreamScheme::Https => Protocol::Any,
        };
        let client = |protocol| {
            let reach = ConnectOptions {
                connect_timeout: timeouts.connect,
                dial: Some(url.authority.clone()),
                protocol,
                resolver: resolver(&url),
                response_fields: fields,
            };
            Arc::new(client(reach, tls.as_ref(), timeouts, registries))
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
            place: (scheme, authority),
            protocol,
            upgrades,
        }
    }

    /// Requests that are under way to it.
    pub(crate) fn in_flight(&self) -> usize {
        self.in_flight.load(Ordering::Relaxed)
    }

    /// The authorities by which it may name itself: where it is dialled, and the name it proves.
    pub(crate) fn authorities(&self) -> [&Authority; 2] {
        [&self.dial, &self.place.1]
    }

    fn address(&self, path: Option<PathAndQuery>) -> Uri {
        let (scheme, authority) = self.place.clone();
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

    /// Sends a request whose URL has a path only, once; `upgrade` where it asks to leave HTTP.
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

    /// The upstream did not answer, and that is nobody else's fault.
    pub(crate) fn failed(&self, why: &dyn std::fmt::Display) {
        self.0.failed.increment(1);
        self.0.health.failed(why);
    }

    /// The upstream answered, whatever it said.
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
    reach: ConnectOptions,
    tls: Option<&(&UpstreamTls, Arc<CredentialStore>)>,
    timeouts: &Timeouts,
    registries: &Registries,
) -> Client<RequestBody> {
    let limits = Limits {
        handshake_timeout: timeouts.connect,
        idle_timeout: timeouts.idle,
        ..Limits::default()
    };
    let (events, open) = (Arc::clone(&registries.events), Arc::clone(&registries.connections));
    match tls {
        Some((terms, store)) => {
            let expectation = ExpectedServer { spiffe_id: terms.spiffe_id.clone() };
            Client::new(Arc::clone(store), expectation, reach, &limits, events, open)
        }
        None => Client::plain(reach, &limits, events, open),
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
