//! One request in the access log and in the metrics of its route.

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

/// What is known of a request; logged and counted when it is dropped.
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
    /// Whether the listener verifies callers; otherwise the log names no peer.
    verifies_peers: bool,
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
    /// The caller closed its connection, or was disconnected, before the response was complete.
    AbortedByClient,
    /// The upstream aborted the response.
    AbortedByUpstream,
    Complete,
}

impl AccessRecord {
    pub(crate) fn begin(
        config: &ListenerConfig,
        connection: Arc<Connection>,
        head: &Parts,
    ) -> Self {
        config.unrouted.begin();
        Self {
            began: Instant::now(),
            connection: Arc::clone(&connection),
            end: End::AbortedByClient,
            first_byte: None,
            host: None,
            listener: Arc::clone(&config.name),
            method: Excerpt::of(head.method.as_str()),
            metrics: Arc::clone(&config.unrouted),
            path: Excerpt::of(head.uri.path()),
            verifies_peers: config.verifies_clients(),
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

    /// Counts the request as in flight, until this record is dropped.
    pub(crate) fn in_flight(&mut self, permit: RequestPermit) {
        self.permit = Some(permit);
    }

    /// No longer counts it as in flight: the response is the gateway's own, or the connection is
    /// upgraded.
    pub(crate) fn release_permit(&mut self) {
        self.permit = None;
    }

    /// The host that the request is for.
    pub(crate) fn of_host(&mut self, host: &str) {
        self.host = Some(Excerpt::of(host));
    }

    /// The route that it matches.
    pub(crate) fn on_route(&mut self, route: &Route) {
        self.metrics = Arc::clone(&route.metrics);
        self.route = Some(Arc::clone(&route.name));
    }

    /// The upstream that it is sent to.
    pub(crate) fn at_upstream(&mut self, upstream: &Arc<str>) {
        self.upstream = Some(Arc::clone(upstream));
    }

    /// The response head is sent.
    pub(crate) fn answered(&mut self, status: StatusCode) {
        self.status = Some(status);
        self.first_byte = Some(self.began.elapsed());
    }

    /// Why the gateway answers instead of the upstream.
    pub(crate) fn set_error(&mut self, why: &dyn Display) {
        self.why = Some(Excerpt::of(&why.to_string()));
    }

    pub(crate) fn elapsed(&self) -> Duration {
        self.began.elapsed()
    }

    pub(crate) fn sent(&mut self, bytes: usize) {
        self.sent += u64::try_from(bytes).unwrap_or(u64::MAX);
    }

    /// Bytes in both directions after an upgrade.
    pub(crate) fn tunnelled(&mut self, received: u64, sent: u64) {
        self.progress.add(received);
        self.sent += sent;
        self.end = End::Complete;
    }

    pub(crate) fn aborted(&mut self, error: &(dyn Error + 'static)) {
        // A caller that aborts its request body aborts the response too.
        self.end =
            if self.progress.is_broken() { End::AbortedByClient } else { End::AbortedByUpstream };
        self.set_error(&error);
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
        let peer = self.connection.peer().filter(|_| self.verifies_peers);
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
            Self::AbortedByUpstream => "request aborted by the upstream",
            Self::Complete => "request answered",
            Self::AbortedByClient => "request aborted by the caller",
        }
    }
}

fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}
