//! Why a request gets an answer of our own: what the caller is told, and nothing of our insides.

use bytes::Bytes;
use http::header::{CONNECTION, RETRY_AFTER};
use http::{HeaderValue, Response, StatusCode};
use mtls::client::RequestError;
use mtls::refusal::Refusal;
use mtls::untrusted::Untrusted;
use service_kit::problem::Problem;
use thiserror::Error;

use crate::target::BadRequest;

/// A request that no service answered.
#[derive(Debug, Error)]
pub(crate) enum TurnedAway {
    #[error("the request is refused: {0}")]
    BadRequest(#[from] BadRequest),
    #[error("the body of the request is broken: send one that is as its head says")]
    CallerBroke,
    #[error("the caller did not send on")]
    CallerTooSlow,
    #[error("this connection was opened for {asked}, and {host} is another host: open a new one")]
    Misdirected { asked: String, host: String },
    #[error("no service is known at this host and path")]
    NoRoute,
    #[error("{0}")]
    NotAllowed(Box<Refusal>),
    #[error("too many requests are in flight: try again in a second")]
    TooMany,
    #[error("{host} is not served here: ask for a host that a route or the certificate names")]
    UnknownHost { host: String },
    #[error("the service behind ({upstream}) {}", told(.error))]
    Upstream { upstream: String, error: RequestError },
    #[error("the service behind ({upstream}) did not answer in time")]
    UpstreamTooSlow { upstream: String },
    #[error("the service behind ({upstream}) left HTTP without being asked to")]
    UpstreamUpgraded { upstream: String },
}

impl TurnedAway {
    fn status(&self) -> StatusCode {
        match self {
            Self::BadRequest(bad) => bad.status(),
            Self::CallerBroke => StatusCode::BAD_REQUEST,
            Self::CallerTooSlow => StatusCode::REQUEST_TIMEOUT,
            Self::Misdirected { .. } | Self::UnknownHost { .. } => StatusCode::MISDIRECTED_REQUEST,
            Self::NoRoute => StatusCode::NOT_FOUND,
            Self::NotAllowed(_) => StatusCode::FORBIDDEN,
            Self::TooMany => StatusCode::SERVICE_UNAVAILABLE,
            Self::Upstream { error: RequestError::Timeout(_), .. }
            | Self::UpstreamTooSlow { .. } => StatusCode::GATEWAY_TIMEOUT,
            Self::Upstream { .. } | Self::UpstreamUpgraded { .. } => StatusCode::BAD_GATEWAY,
        }
    }

    /// Whether what follows on the connection cannot be told apart from this request's rest.
    fn closes(&self) -> bool {
        matches!(self, Self::BadRequest(_) | Self::CallerBroke | Self::CallerTooSlow)
    }

    fn refusal(&self) -> Option<&Refusal> {
        match self {
            Self::NotAllowed(refusal) => Some(refusal),
            Self::Upstream { error: RequestError::Refused { refusal, .. }, .. } => Some(refusal),
            _ => None,
        }
    }

    /// The answer: a problem (RFC 9457).
    pub(crate) fn answer(&self) -> Response<Bytes> {
        let detail = Untrusted(&self.to_string()).to_string();
        let mut problem = Problem::new(self.status()).with_detail(detail);
        if let Some(refusal) = self.refusal() {
            problem = problem.with("refusal", refusal);
        }
        let mut answer = problem.into_http();
        if self.closes() {
            answer.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
        }
        if matches!(self, Self::TooMany) {
            answer.headers_mut().insert(RETRY_AFTER, HeaderValue::from_static("1"));
        }
        answer
    }
}

/// What stood behind us did, in words for a stranger; the log has the chain of causes.
fn told(error: &RequestError) -> String {
    match error {
        RequestError::Broken(_) => "broke off before it answered".to_owned(),
        RequestError::Refused { refusal, .. } => match refusal.side {
            mtls::role::Role::Client => format!("was refused: {}", refusal.sentence),
            mtls::role::Role::Server => format!("refused this gateway: {}", refusal.sentence),
        },
        RequestError::Timeout(_) => "did not take a connection in time".to_owned(),
        RequestError::Unreachable(_) => "cannot be reached".to_owned(),
    }
}
