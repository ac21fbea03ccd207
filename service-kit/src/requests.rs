//! What every request passes through: its trace, its log line, its metrics, its limits.

use std::collections::HashMap;
use std::sync::{Arc, OnceLock, PoisonError, RwLock};
use std::time::Instant;

use ::metrics::{Gauge, gauge};
use axum::Router;
use axum::error_handling::HandleErrorLayer;
use axum::extract::{MatchedPath, Request, State};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use http::{HeaderValue, StatusCode, Version, header};
use mtls::connection::Connection;
use mtls::limits::exceeds_share;
use mtls::pki::certificate::ShownNames;
use mtls::untrusted::Excerpt;
use tower::ServiceBuilder;
use tower::limit::GlobalConcurrencyLimitLayer;
use tower::load_shed::LoadShedLayer;
use tower_http::limit::RequestBodyLimitLayer;
use tower_http::timeout::RequestBodyTimeoutLayer;
use tracing::{Level, enabled, info};

use crate::metrics::RequestMetrics;
use crate::problem::Problem;
use crate::process::Shutdown;
use crate::settings::ServiceLimits;
use crate::trace::Trace;

/// Routes with problems for what is not there, the limits of a request, its log line and metrics.
///
/// Once the service is stopping, an HTTP/1.1 connection ends with its next response. HTTP/2 has
/// no header for that (RFC 9113, section 8.2.2): its connections get GOAWAY from [`serve`].
///
/// [`serve`]: crate::server::Server::serve
pub fn observed(routes: Router, limits: &ServiceLimits, shutdown: Shutdown) -> Router {
    let bounded = ServiceBuilder::new()
        .layer(HandleErrorLayer::new(|_| async { too_many() }))
        .layer(LoadShedLayer::new())
        .layer(GlobalConcurrencyLimitLayer::new(limits.max_requests))
        .layer(RequestBodyLimitLayer::new(limits.max_body_bytes))
        .layer(RequestBodyTimeoutLayer::new(limits.connection.idle_timeout));
    // What is answered without a handler counts as no request in flight.
    routes
        .route_layer(bounded)
        .fallback(Problem::not_found)
        .method_not_allowed_fallback(Problem::method_not_allowed)
        .layer(from_fn_with_state(Arc::new(Observed::new(limits.max_requests, shutdown)), observe))
}

/// What holds for all requests. It is all in one layer, since each costs every request a box.
struct Observed {
    in_flight: OnceLock<Gauge>,
    /// Of which one connection may hold its share.
    max_requests: usize,
    /// By route; those that match none have one together.
    metrics: RwLock<HashMap<String, Arc<RequestMetrics>>>,
    shutdown: Shutdown,
}

impl Observed {
    fn new(max_requests: usize, shutdown: Shutdown) -> Self {
        Self { in_flight: OnceLock::new(), max_requests, metrics: RwLock::default(), shutdown }
    }

    fn request_begins(&self) -> InFlight<'_> {
        let gauge = self.in_flight.get_or_init(|| gauge!("http_requests_in_flight"));
        gauge.increment(1);
        InFlight(gauge)
    }

    fn metrics_of(&self, route: &str) -> Arc<RequestMetrics> {
        let known = self.metrics.read().unwrap_or_else(PoisonError::into_inner).get(route).cloned();
        known.unwrap_or_else(|| {
            let mut all = self.metrics.write().unwrap_or_else(PoisonError::into_inner);
            let new = || Arc::new(RequestMetrics::new(route));
            Arc::clone(all.entry(route.to_owned()).or_insert_with(new))
        })
    }
}

async fn observe(
    State(observed): State<Arc<Observed>>,
    mut request: Request,
    next: Next,
) -> Response {
    let began = Instant::now();
    let trace = Trace::of(request.headers());
    let trace_id = trace.id();
    let method = Excerpt::of(request.method().as_str());
    let path = Excerpt::of(request.uri().path());
    let route = request.extensions().get::<MatchedPath>().cloned();
    let connection = request.extensions().get::<Arc<Connection>>().cloned();
    request.extensions_mut().insert(trace);

    let is_http2 = request.version() == Version::HTTP_2;
    let held = connection.as_ref().map_or(0, |connection| connection.requests_in_flight());
    let in_flight = observed.request_begins();
    let mut response = match route {
        Some(_) if exceeds_share(held, observed.max_requests) => too_many(),
        _ => next.run(request).await,
    };
    drop(in_flight);
    if !is_http2 && observed.shutdown.is_requested() {
        response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    }

    let route = route.as_ref().map_or("none", MatchedPath::as_str);
    let status = response.status().as_u16();
    let duration = began.elapsed();
    observed.metrics_of(route).answered(status, duration);
    if !enabled!(Level::INFO) {
        return response;
    }
    let peer = connection.as_ref().and_then(|connection| connection.peer());
    let shown = ShownNames::of(peer.map(|peer| &**peer.certificate()));
    info!(
        %method,
        %path,
        status,
        duration_us = u64::try_from(duration.as_micros()).unwrap_or(u64::MAX),
        peer = connection.as_ref().map(|connection| connection.address().to_string()),
        cn = shown.cn.as_ref().map(Excerpt::as_str),
        spiffe_id = shown.spiffe_id.as_ref().map(Excerpt::as_str),
        %trace_id,
        "request answered"
    );
    response
}

fn too_many() -> Response {
    let problem = Problem::new(StatusCode::SERVICE_UNAVAILABLE)
        .with_detail("too many requests are in flight: try again in a second");
    let mut response = problem.into_response();
    response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
    response
}

/// Counts a request in `http_requests_in_flight`, also where it is dropped half-way.
struct InFlight<'a>(&'a Gauge);

impl Drop for InFlight<'_> {
    fn drop(&mut self) {
        self.0.decrement(1);
    }
}
