//! Metrics in Prometheus' text form.

use std::sync::OnceLock;
use std::time::Duration;

use metrics::{Counter, Histogram, counter, histogram};
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};

/// The metrics of the requests of one route, or of those that found none. They are looked up in
/// the recorder once, and not with every request.
#[derive(Debug)]
pub struct RequestMetrics {
    duration: Histogram,
    route: String,
    /// By status, from 100 on.
    statuses: Vec<OnceLock<Counter>>,
}

impl RequestMetrics {
    /// The metrics of the requests of this route.
    pub fn new(route: &str) -> Self {
        Self {
            duration: histogram!("http_request_duration_seconds", "route" => route.to_owned()),
            route: route.to_owned(),
            statuses: std::iter::repeat_with(OnceLock::new).take(900).collect(),
        }
    }

    /// A request was answered with this status. Where the caller left before there was one, it is
    /// 0.
    pub fn answered(&self, status: u16, took: Duration) {
        self.duration.record(took.as_secs_f64());
        let of_status = || {
            let (route, status) = (self.route.clone(), status.to_string());
            counter!("http_requests_total", "route" => route, "status" => status)
        };
        match status.checked_sub(100).and_then(|index| self.statuses.get(usize::from(index))) {
            Some(known) => known.get_or_init(of_status).increment(1),
            None => of_status().increment(1),
        }
    }
}

/// The recorder of this process, installed at the first call.
///
/// # Errors
///
/// Another recorder is installed already.
pub fn recorder() -> anyhow::Result<PrometheusHandle> {
    static RECORDER: OnceLock<PrometheusHandle> = OnceLock::new();
    if let Some(handle) = RECORDER.get() {
        return Ok(handle.clone());
    }
    let seconds = Matcher::Suffix("_duration_seconds".to_owned());
    let handle =
        PrometheusBuilder::new().set_buckets_for_metric(seconds, &BUCKETS)?.install_recorder()?;
    Ok(RECORDER.get_or_init(|| handle).clone())
}

/// Keeps the recorder's memory bounded, for as long as it is polled.
pub async fn upkeep(handle: PrometheusHandle) {
    let mut ticks = tokio::time::interval(Duration::from_secs(5));
    loop {
        ticks.tick().await;
        handle.run_upkeep();
    }
}

/// From a tenth of a millisecond, a small request, to the limit of a handshake.
const BUCKETS: [f64; 14] =
    [0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 10.0];
