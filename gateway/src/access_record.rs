//! One request as the operator sees it: a line in the access log, and metrics by route.

use std::error::Error;
use std::fmt::Display;
use std::sync::Arc;
use std::time::{Duration, Instant};

use http::StatusCode;
use http::request::Parts;
use mtls::connection::Connection;
use mtls::pki::certificate::ShownNames;
use mtls::untrusted::Excerpt;
use service_kit::trace::Trace;
use tracing::{Level, enabled, info};

use crate::body::Progress;
use crate::listener::ListenerConfig;
use crate::request_limits::RequestPermit;
use crate::route_metrics::RouteMetrics;
use crate::routes::Route;

/// What is known of a request; told once, when it is dropped.
#[derive(Debug)]
pub(crate) struct AccessRecord {
    began: Instant,
    connection: Arc<Connection>,
    end: End,
    first_byte: Option<Duration>,
    host: Option<Excerpt>,
    listener: Arc<str>,
    method: Excerpt,
    metrics: Arc<RouteMetrics>,
    path: Excerpt,
    /// Whether the listener verifies callers: else they are nobody in particular.
    peers_count: bool,
    permit: Option<RequestPermit>,
    pub(crate) progress: Arc<Progress>,
    route: Option<Arc<str>>,
    sent: u64,
    status: Option<StatusCode>,
    pub(crate) trace: Trace,
    upstream: Option<Arc<str>>,
    why: Option<Excerpt>,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum End {
    /// The caller went, or was cut off, before the answer was whole.
    Left,
    /// The upstream broke off.
    Broken,
    Complete,
}

impl AccessRecord {
    pub(crate) fn begin(terms: &ListenerConfig, connection: Arc<Connection>, head: &Parts) -> Self {
        terms.unrouted.begin();
        Self {
            began: Instant::now(),
            connection: Arc::clone(&connection),
            end: End::Left,
            first_byte: None,
            host: None,
            listener: Arc::clone(&terms.name),
            method: Excerpt::of(head.method.as_str()),
            metrics: Arc::clone(&terms.unrouted),
            path: Excerpt::of(head.uri.path()),
            peers_count: terms.verifies_callers(),
            permit: None,
            progress: Progress::begin(connection),
            route: None,
            sent: 0,
            status: None,
            trace: Trace::of(&head.headers),
            upstream: None,
            why: None,
        }
    }

    /// It counts as in flight, until it is told.
    pub(crate) fn in_flight(&mut self, permit: RequestPermit) {
        self.permit = Some(permit);
    }

    /// It counts as in flight no more: its answer is our own, or HTTP was left.
    pub(crate) fn release_permit(&mut self) {
        self.permit = None;
    }

    /// For which host it is.
    pub(crate) fn of_host(&mut self, host: &str) {
        self.host = Some(Excerpt::of(host));
    }

    /// Which way it takes.
    pub(crate) fn on_route(&mut self, route: &Route) {
        self.metrics = Arc::clone(&route.metrics);
        self.route = Some(Arc::clone(&route.name));
    }

    /// Where it went.
    pub(crate) fn at_upstream(&mut self, upstream: &Arc<str>) {
        self.upstream = Some(Arc::clone(upstream));
    }

    /// The head of its answer goes out.
    pub(crate) fn answered(&mut self, status: StatusCode) {
        self.status = Some(status);
        self.first_byte = Some(self.began.elapsed());
    }

    /// Why the answer is none of the upstream's.
    pub(crate) fn because(&mut self, why: &dyn Display) {
        self.why = Some(Excerpt::of(&why.to_string()));
    }

    pub(crate) fn elapsed(&self) -> Duration {
        self.began.elapsed()
    }

    pub(crate) fn sent(&mut self, bytes: usize) {
        self.sent += u64::try_from(bytes).unwrap_or(u64::MAX);
    }

    /// Bytes that went both ways after HTTP was left.
    pub(crate) fn tunnelled(&mut self, received: u64, sent: u64) {
        self.progress.add(received);
        self.sent += sent;
        self.end = End::Complete;
    }

    pub(crate) fn broke(&mut self, error: &(dyn Error + 'static)) {
        // A request that was left in its middle takes its answer with it.
        self.end = if self.progress.is_broken() { End::Left } else { End::Broken };
        self.because(&error);
    }

    pub(crate) fn complete(&mut self) {
        self.end = End::Complete;
    }
}

impl Drop for AccessRecord {
    fn drop(&mut self) {
        let duration = self.began.elapsed();
        self.metrics.end(self.status, duration, self.progress.bytes(), self.sent);
        if !enabled!(Level::INFO) {
            return;
        }
        let peer = self.connection.peer().filter(|_| self.peers_count);
        let shown = ShownNames::of(peer.map(|peer| &**peer.certificate()));
        info!(
            method = %self.method,
            host = self.host.as_ref().map(Excerpt::as_str),
            path = %self.path,
            status = self.status.map_or(0, |status| status.as_u16()),
            listener = &*self.listener,
            route = self.route.as_deref(),
            upstream = self.upstream.as_deref(),
            peer = %self.connection.address(),
            cn = shown.cn.as_ref().map(Excerpt::as_str),
            spiffe_id = shown.spiffe_id.as_ref().map(Excerpt::as_str),
            received_bytes = self.progress.bytes(),
            sent_bytes = self.sent,
            first_byte_us = self.first_byte.map(micros),
            duration_us = micros(duration),
            why = self.why.as_ref().map(Excerpt::as_str),
            trace_id = %self.trace.id(),
            "{}", self.end.message()
        );
    }
}

impl End {
    fn message(self) -> &'static str {
        match self {
            Self::Broken => "request broken off by the upstream",
            Self::Complete => "request answered",
            Self::Left => "request left by the caller",
        }
    }
}

fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}
