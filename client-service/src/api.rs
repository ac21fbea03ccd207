//! The call to the API: one request over mutual TLS, and every way in which it can fail.

use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::body::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt, Empty, Limited};
use mtls::client::{Client, ConnectOptions, RequestError, Resolver};
use mtls::connection::session::Session;
use mtls::connection::{Connection, InFlight};
use mtls::peer::Peer;
use mtls::pki::certificate::Certificate;
use mtls::pki::spiffe::SpiffeId;
use mtls::untrusted::Untrusted;
use serde_json::Value;
use service_kit::service::Service;
use service_kit::trace::Trace;
use thiserror::Error;
use tracing::info;

use crate::settings::ApiUrl;

/// How long a click may take in all.
const CLICK: Duration = Duration::from_secs(10);

/// The most that is read of an answer.
const LONGEST_ANSWER: usize = 1024 * 1024;

/// The API, as this service calls it.
pub(super) struct Api {
    client: Client<Empty<Bytes>>,
    url: ApiUrl,
}

/// A response, the server that sent it, and the connection's TLS session.
pub(super) struct Answer {
    pub(super) body: Value,
    pub(super) server_cert: Option<Arc<Certificate>>,
    pub(super) tls: Option<Session>,
}

/// Why there is no answer to show.
#[derive(Debug, Error)]
pub(super) enum ApiError {
    #[error("the API at {url} answered, but not with what was asked for: {why}")]
    BadAnswer { url: String, why: String },
    #[error("the API at {url} failed: {why}")]
    Failed { url: String, why: String },
    #[error("{sentence}")]
    Refused { sentence: String, refusal: Value },
    #[error("the API at {url} did not answer in time: {why}")]
    Timeout { url: String, why: String },
    #[error("the API at {url} cannot be reached: {why}")]
    Unreachable { url: String, why: String },
}

impl Api {
    pub(super) fn new(
        url: ApiUrl,
        resolve: Vec<String>,
        spiffe_id: Option<SpiffeId>,
        service: &Service,
    ) -> Self {
        let resolver = (!resolve.is_empty()).then(|| Resolver::of_hosts(resolve));
        let options = ConnectOptions::with(|options| {
            options.expected.spiffe_id = spiffe_id;
            options.resolver = resolver;
        });
        let (limits, connections) = (&service.limits.connection, service.connections.clone());
        let client = Client::new(service.store.clone(), options, limits, connections);
        Self { client, url }
    }

    /// Fetches `GET /api/data`, within ten seconds.
    pub(super) async fn data(&self, trace: &Trace) -> Result<Answer, ApiError> {
        let began = Instant::now();
        let result = match tokio::time::timeout(CLICK, self.fetch(trace)).await {
            Ok(result) => result,
            Err(_) => Err(ApiError::Timeout {
                url: self.url.to_string(),
                why: format!("nothing came within {} seconds", CLICK.as_secs()),
            }),
        };
        let error = result.as_ref().err().map(|error| Untrusted(&error.to_string()).to_string());
        let tls = result.as_ref().ok().and_then(|answer| answer.tls.as_ref());
        info!(
            url = %self.url.with_path(DATA),
            ok = error.is_none(),
            error,
            version = tls.map(|tls| tls.version),
            cipher_suite = tls.map(|tls| tls.cipher_suite.as_str()),
            key_exchange = tls.map(|tls| tls.key_exchange.as_str()),
            duration_us = u64::try_from(began.elapsed().as_micros()).unwrap_or(u64::MAX),
            trace_id = %trace.id(),
            "api called"
        );
        result
    }

    async fn fetch(&self, trace: &Trace) -> Result<Answer, ApiError> {
        let response = self.client.request(self.request(trace)).await;
        let response = response.map_err(|error| self.explained(error))?;
        let connection = response.extensions().get::<Arc<Connection>>().cloned();
        let status = response.status();
        let body = self.body(response).await?;
        if status != StatusCode::OK {
            return Err(self.not_ok(status, body));
        }
        let body = serde_json::from_slice(&body).map_err(|error| ApiError::BadAnswer {
            url: self.url.to_string(),
            why: format!("its body is not JSON ({error})"),
        })?;
        let peer = connection.as_ref().and_then(|connection| connection.peer());
        Ok(Answer {
            body,
            server_cert: peer.map(Peer::certificate).cloned(),
            tls: connection.as_ref().and_then(|connection| connection.session()).cloned(),
        })
    }

    fn request(&self, trace: &Trace) -> Request<Empty<Bytes>> {
        let mut request = Request::new(Empty::new());
        *request.uri_mut() = self.url.with_path(DATA);
        trace.inject(request.headers_mut());
        request
    }

    async fn body(
        &self,
        response: Response<InFlight<hyper::body::Incoming>>,
    ) -> Result<Bytes, ApiError> {
        let body = Limited::new(response.into_body(), LONGEST_ANSWER).collect().await;
        body.map(http_body_util::Collected::to_bytes).map_err(|error| ApiError::BadAnswer {
            url: self.url.to_string(),
            why: format!("its body ended half-way ({error})"),
        })
    }

    /// An answer that is a refusal itself says so in its `refusal` member.
    fn not_ok(&self, status: StatusCode, body: Bytes) -> ApiError {
        let problem: Option<Value> = serde_json::from_slice(&body).ok();
        let refusal = problem.and_then(|mut problem| Some(problem.get_mut("refusal")?.take()));
        match refusal {
            Some(refusal @ Value::Object(_)) => ApiError::Refused {
                sentence: format!("the API refused this service: it answered {status}"),
                refusal,
            },
            _ => {
                ApiError::Failed { url: self.url.to_string(), why: format!("it answered {status}") }
            }
        }
    }

    fn explained(&self, error: RequestError) -> ApiError {
        let url = self.url.to_string();
        match error {
            RequestError::Broken(_) => ApiError::Failed { url, why: error.to_string() },
            RequestError::Refused { refusal, .. } => {
                let who = match refusal.side {
                    mtls::pki::role::Role::Client => "this service refused the API",
                    mtls::pki::role::Role::Server => "the API refused this service",
                };
                let refusal_value = serde_json::to_value(&refusal).unwrap_or(Value::Null);
                ApiError::Refused {
                    sentence: format!("{who}: {}", refusal.sentence),
                    refusal: refusal_value,
                }
            }
            RequestError::TooLarge(_) => ApiError::BadAnswer { url, why: error.to_string() },
            RequestError::Timeout(_) => ApiError::Timeout { url, why: error.to_string() },
            RequestError::Unreachable(_) => ApiError::Unreachable { url, why: error.to_string() },
        }
    }
}

const DATA: &str = "/api/data";
