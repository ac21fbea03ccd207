//! What the gateway is told to do, checked as a whole. It opens no socket and reads no
//! certificate.
//!
//! ```text
//!  bytes ──> file ──> toml's tables with their places ──> table, value: one key at a time
//!                                                            │
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
use mtls::field_limits::FieldLimits;
use mtls::limits::Limits;
use mtls::pki::spiffe::SpiffeId;
use mtls::pki::trust::Revocation;
use mtls::policy::PathPrefix;

pub use self::problems::{Position, Problem, Problems};

/// A gateway's file, checked.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Config {
    /// Where the admin listener stands; by default on loopback, port 9002.
    pub admin: SocketAddr,
    /// How long requests in flight have once the gateway stops.
    pub drain_timeout: Duration,
    /// What every listener bears.
    pub limits: Limits,
    /// Refusals that are logged a second; all are counted.
    pub log_refusals_per_second: u32,
    /// Requests in flight at once on each listener.
    pub max_requests: usize,
    /// Requests in flight at once on all of them.
    pub max_requests_total: usize,
    /// The registries, at least one, each with a name and an address of its own.
    pub listeners: Vec<ListenerSettings>,
    /// How large the heads and the trailers of requests may be.
    pub request_fields: FieldLimits,
    /// The same of responses.
    pub response_fields: FieldLimits,
    /// What is made of revocation lists, in front and behind.
    pub revocation: Revocation,
    /// The ways through.
    pub routes: Vec<RouteConfig>,
}

/// One door.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ListenerSettings {
    /// What routes, logs and metrics call it.
    pub name: String,
    /// Where it stands.
    pub listen: SocketAddr,
    /// What it asks of those who come.
    pub security: Security,
}

/// What a listener asks of those who come.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Security {
    /// Plain HTTP, by `plain = true`.
    Plain,
    /// Plain HTTP that answers nothing but 308, to this port.
    Redirect(u16),
    /// HTTPS.
    Tls {
        /// Whether callers show a certificate.
        client_certificates: ClientCertificates,
        /// The identity directory.
        identity: PathBuf,
    },
}

/// Whether callers show a certificate. One that is shown is always verified.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum ClientCertificates {
    /// They are not asked for one.
    Off,
    /// They may; who does not reaches only routes with `anonymous = true`.
    Optional,
    /// They must.
    #[default]
    Required,
}

/// One way through.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct RouteConfig {
    /// What logs and metrics call it: its `name`, or else its host and prefix.
    pub name: String,
    /// The listeners that take it, by name; at least one.
    pub listeners: Vec<String>,
    /// Which hosts.
    pub host: HostPattern,
    /// Which paths.
    pub path_prefix: PathPrefix,
    /// Who may come; without it, any verified peer.
    pub allow: Option<mtls::policy::Policy>,
    /// Whether those who showed no certificate may come too.
    pub anonymous: bool,
    /// What the service is told of the caller.
    pub identity_headers: IdentityHeaders,
    /// Where it leads, at least one, all of one scheme.
    pub upstreams: Vec<Upstream>,
    /// How `https` upstreams are met; there if and only if they are.
    pub upstream_tls: Option<UpstreamTls>,
    /// How long its upstreams may take.
    pub timeouts: Timeouts,
}

/// Which hosts a route is for. Names are in lower case and without a port.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub enum HostPattern {
    /// All of them.
    Any,
    /// This one.
    Exact(String),
    /// Each name that has one label more than this: `*.local` holds `local`.
    Wildcard(String),
}

/// One service behind.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub struct Upstream {
    /// How it is spoken to.
    pub scheme: UpstreamScheme,
    /// Host and port; the port is always there.
    pub authority: Authority,
}

/// How an upstream is spoken to.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum UpstreamScheme {
    /// `h2c://`: HTTP/2 without TLS, known beforehand (RFC 9113, section 3.3), as for gRPC.
    H2c,
    /// `http://`: HTTP/1.1 without TLS.
    Http,
    /// `https://`: mutual TLS, with the HTTP version that ALPN chose.
    Https,
}

/// How an upstream is met by TLS: always with our own certificate, and always verified.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub struct UpstreamTls {
    /// The identity directory.
    pub identity: PathBuf,
    /// The name that its certificate must bear; by default the one in its URL.
    pub server_name: Option<String>,
    /// The SPIFFE ID that its certificate must bear besides.
    pub spiffe_id: Option<SpiffeId>,
}

/// What the service behind a route is told of the caller.
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
    /// Its `Cert` element, the whole certificate; off by default.
    pub x_forwarded_client_cert_pem: bool,
}

/// How long the upstreams of a route may take.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub struct Timeouts {
    /// From the first packet to an open connection, the handshake included.
    pub connect: Duration,
    /// From the last byte of a request to the first of its answer.
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
