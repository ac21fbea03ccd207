//! For axum: the [`Peer`] as an extractor, and a layer that authorizes it by a [`Policy`].

use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use ::axum::body::Body;
use ::axum::extract::{FromRequestParts, OptionalFromRequestParts, Request};
use ::axum::response::{IntoResponse, Response};
use http::header::CONTENT_TYPE;
use http::request::Parts;
use http::{HeaderValue, StatusCode};
use serde_json::json;
use tower::{Layer, Service};

use crate::Mtls;
use crate::connection::Connection;
use crate::event::refusal::{Code, Reason, Refusal};
use crate::peer::Peer;
use crate::policy::Policy;

/// No peer was proven on the connection of a request; the response is 403.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("a client certificate is needed, and none was presented")]
pub struct NoPeer;

impl IntoResponse for NoPeer {
    fn into_response(self) -> Response {
        forbidden(&self.to_string(), None)
    }
}

impl<S: Sync> FromRequestParts<S> for Peer {
    type Rejection = NoPeer;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, NoPeer> {
        parts.extensions.get::<Self>().cloned().ok_or(NoPeer)
    }
}

impl<S: Sync> OptionalFromRequestParts<S> for Peer {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Option<Self>, Infallible> {
        Ok(parts.extensions.get::<Self>().cloned())
    }
}

impl Mtls {
    /// A layer that passes on the requests of the peers that `policy` allows. All other
    /// requests, also those of clients without a certificate, are answered 403 with the refusal,
    /// which is recorded and logged as a refused handshake is.
    pub fn authorize(&self, policy: Policy) -> AuthorizeLayer {
        AuthorizeLayer::new(policy)
    }
}

/// Authorizes requests, as [`Mtls::authorize`] has it.
#[derive(Clone, Debug)]
pub struct AuthorizeLayer {
    policy: Arc<Policy>,
}

impl AuthorizeLayer {
    /// Passes on the requests of the peers that `policy` allows, and records the refusal of others
    /// among the events of the connection that they came by.
    pub fn new(policy: Policy) -> Self {
        Self { policy: Arc::new(policy) }
    }
}

/// A service behind an [`AuthorizeLayer`].
#[derive(Clone, Debug)]
pub struct Authorized<S> {
    inner: S,
    policy: Arc<Policy>,
}

impl<S> Layer<S> for AuthorizeLayer {
    type Service = Authorized<S>;

    fn layer(&self, inner: S) -> Authorized<S> {
        Authorized { inner, policy: Arc::clone(&self.policy) }
    }
}

impl<S> Service<Request> for Authorized<S>
where
    S: Service<Request>,
    S::Response: IntoResponse,
    S::Future: Send + 'static,
{
    type Response = Response;
    type Error = S::Error;
    type Future = Pin<Box<dyn Future<Output = Result<Response, S::Error>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request) -> Self::Future {
        match check(&self.policy, &request) {
            Ok(()) => {
                let response = self.inner.call(request);
                Box::pin(async move { Ok(response.await?.into_response()) })
            }
            Err(response) => Box::pin(async move { Ok(*response) }),
        }
    }
}

fn check(policy: &Policy, request: &Request) -> Result<(), Box<Response>> {
    let verdict = match request.extensions().get::<Peer>() {
        Some(peer) => policy.authorize(peer),
        None => Err(Reason::new(Code::NoCertificate)),
    };
    let Err(reason) = verdict else {
        return Ok(());
    };
    // A request that came by no connection of ours has no address to record.
    let Some(connection) = request.extensions().get::<Arc<Connection>>() else {
        return Err(Box::new(forbidden(&reason.sentence(), None)));
    };
    let refusal = connection.refuse_request(reason, Duration::ZERO);
    Err(Box::new(forbidden(&refusal.sentence, Some(&refusal))))
}

/// A 403 as RFC 9457 has it.
fn forbidden(detail: &str, refusal: Option<&Refusal>) -> Response {
    let mut problem = json!({
        "type": "about:blank",
        "title": "Forbidden",
        "status": 403,
        "detail": detail,
    });
    if let Some(refusal) = refusal {
        problem["refusal"] = json!(refusal);
    }
    let mut response = Response::new(Body::from(problem.to_string()));
    *response.status_mut() = StatusCode::FORBIDDEN;
    let kind = HeaderValue::from_static("application/problem+json");
    response.headers_mut().insert(CONTENT_TYPE, kind);
    response
}
