//! Requests that the gateway answers itself: the error for the log, and the response for the
//! caller.

use bytes::Bytes;
use http::header::{CONNECTION, RETRY_AFTER};
use http::{HeaderValue, Response, StatusCode};
use mtls::client::RequestError;
use mtls::event::refusal::Refusal;
use mtls::field_limits::FieldLimit;
use mtls::untrusted::Untrusted;
use service_kit::problem::Problem;
use service_kit::trace::Trace;
use thiserror::Error;

use crate::target::BadRequest;

/// A request that no upstream answered. The message is for the log: about a failed upstream, the
/// caller learns only that it failed.
#[derive(Debug, Error)]
pub(crate) enum ProxyError {
    #[error("the request is refused: {0}")]
    BadRequest(#[from] BadRequest),
    #[error(
        "the body of the request is malformed, or its trailers exceed the limits of a head: send one \
         that matches its head"
    )]
    ClientBodyInvalid,
    #[error("the caller stopped sending the request body")]
    ClientTooSlow,
    #[error("this connection was opened for {asked}, and {host} is another host: open a new one")]
    Misdirected { asked: String, host: String },
    #[error("the head of the request has {0}: send less")]
    HeadTooLarge(FieldLimit),
    #[error("this gateway has forwarded the request before: a route leads back to it")]
    Loop,
    #[error("no service is known at this host and path")]
    NoRoute,
    #[error("{0}")]
    NotAllowed(Box<Refusal>),
    #[error("too many requests are in flight: try again in a second")]
    TooMany,
    #[error("{host} is not served here: ask for a host that a route or the certificate names")]
    UnknownHost { host: String },
    #[error("{}", described(.0))]
    Upstream(RequestError),
    #[error("the upstream did not answer in time")]
    UpstreamTooSlow,
    #[error("the upstream switched protocols without being asked to")]
    UpstreamUpgraded,
}

impl ProxyError {
    fn status(&self) -> StatusCode {
        match self {
            Self::BadRequest(bad) => bad.status(),
            Self::ClientBodyInvalid => StatusCode::BAD_REQUEST,
            Self::ClientTooSlow => StatusCode::REQUEST_TIMEOUT,
            Self::HeadTooLarge(_) => StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
            Self::Loop => StatusCode::LOOP_DETECTED,
            Self::Misdirected { .. } | Self::UnknownHost { .. } => StatusCode::MISDIRECTED_REQUEST,
            Self::NoRoute => StatusCode::NOT_FOUND,
            Self::NotAllowed(_) => StatusCode::FORBIDDEN,
            Self::TooMany => StatusCode::SERVICE_UNAVAILABLE,
            Self::Upstream(RequestError::Timeout(_)) | Self::UpstreamTooSlow => {
                StatusCode::GATEWAY_TIMEOUT
            }
            Self::Upstream(_) | Self::UpstreamUpgraded => StatusCode::BAD_GATEWAY,
        }
    }

    /// The member `error` of the problem. All upstream failures but a timeout have the same code.
    fn code(&self) -> &'static str {
        match self {
            Self::BadRequest(_) => "bad-request",
            Self::ClientBodyInvalid => "broken-body",
            Self::ClientTooSlow => "request-timeout",
            Self::HeadTooLarge(_) => "head-too-large",
            Self::Loop => "loop-detected",
            Self::Misdirected { .. } => "misdirected",
            Self::NoRoute => "no-route",
            Self::NotAllowed(refusal) => refusal.code.as_str(),
            Self::TooMany => "too-many-requests",
            Self::UnknownHost { .. } => "unknown-host",
            Self::Upstream(RequestError::Timeout(_)) | Self::UpstreamTooSlow => "upstream-timeout",
            Self::Upstream(_) | Self::UpstreamUpgraded => "upstream-failed",
        }
    }

    /// Whether the upstream failed. Its message then describes a service that the caller may not
    /// know about.
    fn is_upstream_failure(&self) -> bool {
        matches!(self, Self::Upstream(_) | Self::UpstreamTooSlow | Self::UpstreamUpgraded)
    }

    /// Whether the end of this request is unknown, so that no further request on the connection can
    /// be read.
    fn closes_connection(&self) -> bool {
        matches!(self, Self::BadRequest(_) | Self::ClientBodyInvalid | Self::ClientTooSlow)
    }

    /// The response: a problem (RFC 9457). The log has the rest under the same trace ID.
    pub(crate) fn response(&self, trace: &Trace) -> Response<Bytes> {
        let mut problem = Problem::new(self.status());
        if !self.is_upstream_failure() {
            problem = problem.with_detail(Untrusted(&self.to_string()).to_string());
        }
        problem = problem.with("error", self.code()).with("traceId", trace.id().to_string());
        if let Self::NotAllowed(refusal) = self {
            problem = problem.with("refusal", refusal);
        }
        let mut response = problem.into_http();
        if self.closes_connection() {
            response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
        }
        if matches!(self, Self::TooMany) {
            response.headers_mut().insert(RETRY_AFTER, HeaderValue::from_static("1"));
        }
        response
    }
}

/// The upstream's error with its chain of causes, for the log.
fn described(error: &RequestError) -> String {
    match error {
        RequestError::Refused { refusal, .. } => match refusal.side {
            mtls::pki::role::Role::Client => {
                format!("this gateway refused the upstream: {refusal}")
            }
            mtls::pki::role::Role::Server => {
                format!("the upstream refused this gateway: {refusal}")
            }
        },
        RequestError::TooLarge(limit) => {
            let setting = match limit {
                FieldLimit::Bytes(_) => "max_response_header_bytes",
                FieldLimit::Fields(_) => "max_header_fields",
            };
            format!("the upstream failed: {error}, which is the limit {setting}")
        }
        error => format!("the upstream failed: {error}"),
    }
}
