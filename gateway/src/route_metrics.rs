//! The metrics of one route, looked up once instead of with every request.

use std::time::Duration;

use http::StatusCode;
use metrics::{Counter, Gauge, counter, gauge};
use service_kit::metrics::RequestMetrics;

/// The metrics of the requests of a route, or of those that match none.
#[derive(Debug)]
pub(crate) struct RouteMetrics {
    in_flight: Gauge,
    received: Counter,
    requests: RequestMetrics,
    sent: Counter,
}

impl RouteMetrics {
    pub(crate) fn new(route: &str) -> Self {
        let bytes = |direction: &'static str| counter!("gateway_bytes_total", "route" => route.to_owned(), "direction" => direction);
        Self {
            in_flight: gauge!("http_requests_in_flight"),
            received: bytes("received"),
            requests: RequestMetrics::new(route),
            sent: bytes("sent"),
        }
    }

    /// Counts a request in flight.
    pub(crate) fn begin(&self) {
        self.in_flight.increment(1);
    }

    /// Records the end of a request.
    pub(crate) fn end(&self, status: Option<StatusCode>, took: Duration, received: u64, sent: u64) {
        self.in_flight.decrement(1);
        self.received.increment(received);
        self.sent.increment(sent);
        self.requests.answered(status.map_or(0, |status| status.as_u16()), took);
    }
}
