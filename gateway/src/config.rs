//! The gateway's configuration, checked as a whole. It opens no sockets and reads no certificates.
//!
//! ```text
//!  bytes ──> file ──> TOML tables with positions ──> table, value: one key at a time
//!                                                         │
//!        Problems, by line and column <── report <── listener, route, limits ──> routes
//! ```

mod allow;
mod file;
mod host;
mod identity_headers;
mod limits;
mod listener;
mod nearest;
mod notes;
mod problems;
mod report;
mod route;
mod routes;
mod table;
mod timeouts;
mod upstream;
mod upstream_tls;
mod upstreams;
mod value;
mod whole;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use http::uri::Authority;
pub use mtls::ClientCertificates;
use mtls::field_limits::FieldLimits;
use mtls::limits::Limits;
use mtls::pki::spiffe::SpiffeId;
use mtls::pki::trust::Revocation;
use mtls::policy::PathPrefix;

pub use self::problems::{Position, Problem, Problems};

/// A gateway's file, checked.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Config {
    /// The address of the admin listener; by default on loopback, port 9002.
    pub admin: SocketAddr,
    /// How long requests in flight may take once the gateway stops.
    pub drain_timeout: Duration,
    /// The connection limits of every listener.
    pub limits: Limits,
    /// How many refusals are logged per second; all are counted.
    pub log_refusals_per_second: u32,
    /// The most requests in flight on each listener.
    pub max_requests: usize,
    /// The most requests in flight on all listeners together.
    pub max_requests_total: usize,
    /// The listeners, at least one, each with a unique name and address.
    pub listeners: Vec<ListenerSettings>,
    /// The size limits of request heads and trailers.
    pub request_fields: FieldLimits,
    /// The size limits of response heads and trailers.
    pub response_fields: FieldLimits,
    /// How certificate revocation lists are used, for callers and upstreams.
    pub revocation: Revocation,
    /// The routes.
    pub routes: Vec<RouteConfig>,
}

/// One listener.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ListenerSettings {
    /// Its name in routes, logs and metrics.
    pub name: String,
    /// The address to listen on.
    pub listen: SocketAddr,
    /// How its connections are secured.
    pub security: Security,
}

/// How a listener secures its connections.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Security {
    /// Plain HTTP, by `plain = true`.
    Plain,
    /// Plain HTTP that only redirects to HTTPS on this port, with 308.
    Redirect(u16),
    /// HTTPS.
    Tls {
        /// Whether callers must present a certificate.
        client_certificates: ClientCertificates,
        /// The identity directory.
        identity: PathBuf,
    },
}

/// One route.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct RouteConfig {
    /// Its name in logs and metrics: its `name`, or its host and prefix.
    pub name: String,
    /// The names of the listeners that serve it; at least one.
    pub listeners: Vec<String>,
    /// The hosts that it matches.
    pub host: HostPattern,
    /// The paths that it matches.
    pub path_prefix: PathPrefix,
    /// Which peers are authorized; without it, any verified peer.
    pub allow: Option<mtls::policy::Policy>,
    /// Whether callers without a certificate are accepted too.
    pub anonymous: bool,
    /// The headers that forward the caller's identity.
    pub identity_headers: IdentityHeaders,
    /// The upstreams, at least one, all of one scheme.
    pub upstreams: Vec<Upstream>,
    /// TLS settings for upstreams; present if and only if they are `https`.
    pub upstream_tls: Option<UpstreamTls>,
    /// The timeouts of its upstreams.
    pub timeouts: Timeouts,
}

/// The hosts that a route matches. Names are in lower case and without a port.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub enum HostPattern {
    /// Any host.
    Any,
    /// This host.
    Exact(String),
    /// Every name with exactly one more label: `*.local` is stored as `local`.
    Wildcard(String),
}

/// The URL of one upstream.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub struct Upstream {
    /// The protocol.
    pub scheme: UpstreamScheme,
    /// Host and port; the port is always present.
    pub authority: Authority,
}

/// The protocol of an upstream.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum UpstreamScheme {
    /// `h2c://`: HTTP/2 without TLS, with prior knowledge (RFC 9113, section 3.3), as for gRPC.
    H2c,
    /// `http://`: HTTP/1.1 without TLS.
    Http,
    /// `https://`: mutual TLS, with the HTTP version that ALPN selects.
    Https,
}

/// TLS settings for upstreams: the gateway always presents its certificate, and always verifies
/// theirs.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub struct UpstreamTls {
    /// The identity directory.
    pub identity: PathBuf,
    /// The name that the upstream's certificate must have; by default the host in its URL.
    pub server_name: Option<String>,
    /// The SPIFFE ID that its certificate must have too.
    pub spiffe_id: Option<SpiffeId>,
}

/// The headers that forward the caller's identity to the upstream.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct IdentityHeaders {
    /// `Client-Cert` (RFC 9440).
    pub client_cert: bool,
    /// `Client-Cert-Chain` (RFC 9440).
    pub client_cert_chain: bool,
    /// `Forwarded` (RFC 7239); off by default.
    pub forwarded: bool,
    /// `X-Forwarded-For`, `-Proto`, `-Host` and `-Port`, and `X-Real-IP`.
    pub x_forwarded: bool,
    /// `X-Forwarded-Client-Cert`, as Envoy writes it.
    pub x_forwarded_client_cert: bool,
    /// Its `Cert` element, with the whole certificate; off by default.
    pub x_forwarded_client_cert_pem: bool,
}

/// The timeouts of a route's upstreams.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub struct Timeouts {
    /// To open a connection, from the first packet, including the TLS handshake.
    pub connect: Duration,
    /// From the last byte of a request to the first byte of its response.
    pub first_byte: Duration,
    /// Between two bytes of a body.
    pub idle: Duration,
}

impl Default for IdentityHeaders {
    fn default() -> Self {
        Self {
            client_cert: true,
            client_cert_chain: true,
            forwarded: false,
            x_forwarded: true,
            x_forwarded_client_cert: true,
            x_forwarded_client_cert_pem: false,
        }
    }
}

impl Default for Timeouts {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(5),
            first_byte: Duration::from_secs(60),
            idle: Duration::from_secs(60),
        }
    }
}
