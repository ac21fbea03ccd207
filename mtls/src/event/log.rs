//! A handshake as a log line and as metrics.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

#[cfg(feature = "metrics")]
use metrics::{counter, histogram};
use tracing::{info, warn};

use super::Event;
use crate::pki::certificate::ShownNames;
use crate::pki::role::Role;
use crate::untrusted::Excerpt;

#[cfg(feature = "metrics")]
pub(super) fn count(handshake: &Event) {
    let side = handshake.side.as_str();
    let Some(refusal) = &handshake.refusal else {
        let version = handshake.tls.as_ref().map_or("none", |tls| tls.version);
        counter!("mtls_handshakes_total", "side" => side, "result" => "accepted", "version" => version)
            .increment(1);
        histogram!("mtls_handshake_duration_seconds", "side" => side)
            .record(handshake.duration.as_secs_f64());
        return;
    };
    counter!("mtls_handshakes_total", "side" => side, "result" => "refused", "version" => "none")
        .increment(1);
    counter!("mtls_refusals_total", "side" => refusal.side.as_str(), "code" => refusal.code.as_str())
        .increment(1);
}

pub(super) fn log(handshake: &Event, budget: &LogBudget) {
    if handshake.refusal.is_none() {
        log_accepted(handshake);
    } else if let Some(left_out) = budget.spend(Instant::now()) {
        if left_out > 0 {
            warn!(left_out, "refusals were not logged, since so many came in one second");
        }
        log_refused(handshake);
    }
}

fn log_accepted(handshake: &Event) {
    let certificate = handshake.client_cert.as_ref().or(handshake.server_cert.as_ref());
    let message = match (handshake.side, certificate.is_some()) {
        (Role::Server, true) => "client authenticated",
        (Role::Server, false) => "handshake done, without a client certificate",
        (Role::Client, _) => "server authenticated",
    };
    let tls = handshake.tls.as_ref();
    let shown = ShownNames::of(certificate.map(Arc::as_ref));
    let alpn = tls.and_then(|tls| tls.alpn.as_deref()).map(Excerpt::of);
    info!(
        peer = %handshake.peer,
        cn = shown.cn.as_ref().map(Excerpt::as_str),
        spiffe_id = shown.spiffe_id.as_ref().map(Excerpt::as_str),
        serial = shown.serial.as_ref().map(Excerpt::as_str),
        version = tls.map(|tls| tls.version),
        cipher_suite = tls.map(|tls| tls.cipher_suite.as_str()),
        key_exchange = tls.map(|tls| tls.key_exchange.as_str()),
        alpn = alpn.as_ref().map(Excerpt::as_str),
        duration_us = u64::try_from(handshake.duration.as_micros()).unwrap_or(u64::MAX),
        "{message}"
    );
}

fn log_refused(handshake: &Event) {
    let Some(refusal) = &handshake.refusal else {
        return;
    };
    let shown = ShownNames::of(refusal.certificate.as_deref());
    let who = if refusal.side == handshake.side { "refused" } else { "refused by the other side" };
    warn!(
        peer = %refusal.peer,
        code = refusal.code.as_str(),
        cn = shown.cn.as_ref().map(Excerpt::as_str),
        spiffe_id = shown.spiffe_id.as_ref().map(Excerpt::as_str),
        serial = shown.serial.as_ref().map(Excerpt::as_str),
        alert = refusal.alert.map(|alert| alert.to_string()),
        remedy = refusal.remedy,
        "{who}: {}",
        Excerpt::of(&refusal.sentence)
    );
}

/// How many refusals may still be logged in this second: a flood of strangers must not fill the
/// disk.
#[derive(Debug)]
pub(super) struct LogBudget {
    per_second: u32,
    second: Mutex<Second>,
}

#[derive(Debug)]
struct Second {
    began: Instant,
    logged: u32,
    left_out: u64,
}

impl LogBudget {
    pub(super) fn new(per_second: u32) -> Self {
        let second = Second { began: Instant::now(), logged: 0, left_out: 0 };
        Self { per_second, second: Mutex::new(second) }
    }

    /// Whether one more may be logged; if so, how many were left out since the last one.
    fn spend(&self, now: Instant) -> Option<u64> {
        let mut second = self.second.lock().unwrap_or_else(PoisonError::into_inner);
        if now.duration_since(second.began) >= Duration::from_secs(1) {
            second.began = now;
            second.logged = 0;
        }
        if second.logged >= self.per_second {
            second.left_out += 1;
            return None;
        }
        second.logged += 1;
        Some(std::mem::take(&mut second.left_out))
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::LogBudget;

    #[test]
    fn refusals_beyond_the_budget_are_left_out_and_counted() {
        let budget = LogBudget::new(2);
        let now = Instant::now();
        let in_one_second: Vec<_> = (0..5).map(|_| budget.spend(now)).collect();

        let a_second_later = budget.spend(now + Duration::from_secs(1));

        assert_eq!(in_one_second, [Some(0), Some(0), None, None, None]);
        assert_eq!(a_second_later, Some(3));
    }
}
