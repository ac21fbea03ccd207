//! The metrics of one route, looked up once and not with every request.

use std::sync::OnceLock;
use std::time::Duration;

use http::StatusCode;
use metrics::{Counter, Gauge, Histogram, counter, gauge, histogram};

/// What is counted of the requests of a route, or of those that found none.
#[derive(Debug)]
pub(crate) struct RouteMetrics {
    duration: Histogram,
    in_flight: Gauge,
    received: Counter,
    route: String,
    sent: Counter,
    /// By status, from 100 on.
    statuses: Vec<OnceLock<Counter>>,
}

impl RouteMetrics {
    pub(crate) fn new(route: &str) -> Self {
        let bytes = |direction: &'static str| counter!("gateway_bytes_total", "route" => route.to_owned(), "direction" => direction);
        Self {
            duration: histogram!("http_request_duration_seconds", "route" => route.to_owned()),
            in_flight: gauge!("http_requests_in_flight"),
            received: bytes("received"),
            route: route.to_owned(),
            sent: bytes("sent"),
            statuses: std::iter::repeat_with(OnceLock::new).take(900).collect(),
        }
    }

    /// A request is in flight.
    pub(crate) fn begin(&self) {
        self.in_flight.increment(1);
    }

    /// It is no more.
    pub(crate) fn end(&self, status: Option<StatusCode>, took: Duration, received: u64, sent: u64) {
        self.in_flight.decrement(1);
        self.duration.record(took.as_secs_f64());
        self.received.increment(received);
        self.sent.increment(sent);
        self.answered(status).increment(1);
    }

    /// Where the caller left before there was a status, it is 0.
    fn answered(&self, status: Option<StatusCode>) -> Counter {
        let number = status.map_or(0, |status| status.as_u16());
        let of_status = || {
            let (route, status) = (self.route.clone(), number.to_string());
            counter!("http_requests_total", "route" => route, "status" => status)
        };
        match number.checked_sub(100).and_then(|index| self.statuses.get(usize::from(index))) {
            Some(known) => known.get_or_init(of_status).clone(),
            None => of_status(),
        }
    }
}
