//! Where a server is found, who it must be, and in which HTTP it is spoken to.

use std::time::Duration;

use http::uri::Authority;

use super::Resolver;
use crate::field_limits::FieldLimits;
use crate::pki::spiffe::SpiffeId;

/// How a server is reached, and who it must be.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ConnectOptions {
    /// How long the name lookup and a TCP connection may take.
    pub connect_timeout: Duration,
    /// Host and port to dial, where the server is not found under the name in the URL. The name
    /// in the URL is the one that it must prove all the same.
    pub dial: Option<Authority>,
    /// Who the server must be; without a meaning where the client is a plain one.
    pub expected: ExpectedServer,
    /// In which HTTP it is spoken to.
    pub protocol: Protocol,
    /// Gives the addresses to dial, instead of `dial`: each has connections of its own, requests
    /// are sent to them by turns, and one that cannot be connected to is passed over.
    pub resolver: Option<Resolver>,
    /// How large the head of a response may be.
    pub response_fields: FieldLimits,
}

/// What a server must be, besides bearing the name in the URL.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct ExpectedServer {
    /// The SPIFFE ID that its certificate must contain.
    pub spiffe_id: Option<SpiffeId>,
}

impl ConnectOptions {
    /// The defaults, changed by this function.
    pub fn with(change: impl FnOnce(&mut Self)) -> Self {
        let mut options = Self::default();
        change(&mut options);
        options
    }
}

/// A version of HTTP.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Protocol {
    /// The one that ALPN chose; without TLS, HTTP/1.1.
    #[default]
    Any,
    /// HTTP/1.1, which alone has the `Upgrade` field (RFC 9110, section 7.8).
    Http1,
    /// HTTP/2, known beforehand (RFC 9113, section 3.3).
    Http2,
}

impl Default for ConnectOptions {
    fn default() -> Self {
        let connect_timeout = Duration::from_secs(3);
        Self {
            connect_timeout,
            dial: None,
            expected: ExpectedServer::default(),
            protocol: Protocol::default(),
            resolver: None,
            response_fields: FieldLimits::default(),
        }
    }
}
