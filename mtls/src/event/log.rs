//! An event as a log line and as metrics.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

#[cfg(feature = "metrics")]
use metrics::{counter, histogram};
use tracing::{info, warn};

#[cfg(feature = "metrics")]
use super::EventKind;
use super::refusal::Refusal;
use super::{Event, Outcome};
use crate::pki::certificate::ShownNames;
use crate::pki::role::Role;
use crate::untrusted::{Excerpt, Untrusted};

#[cfg(feature = "metrics")]
pub(super) fn count(event: &Event) {
    let side = event.side.as_str();
    match event.kind {
        EventKind::HandshakeAccepted => {
            let version = event.tls.as_ref().map_or("none", |tls| tls.version);
            counter!("mtls_handshakes_total", "side" => side, "result" => "accepted", "version" => version)
                .increment(1);
            histogram!("mtls_handshake_duration_seconds", "side" => side)
                .record(event.duration.as_secs_f64());
        }
        EventKind::HandshakeRefused => {
            counter!("mtls_handshakes_total", "side" => side, "result" => "refused", "version" => "none")
                .increment(1);
        }
        EventKind::RequestRefused
        | EventKind::ClosedByLimit
        | EventKind::Drained
        | EventKind::Cut => {}
    }
    let Some(refusal) = &event.refusal else {
        return;
    };
    let code = refusal.code.as_str();
    if event.kind.outcome() == Outcome::Refused {
        counter!("mtls_refusals_total", "side" => refusal.side.as_str(), "code" => code)
            .increment(1);
    }
    let how = match event.kind {
        EventKind::Drained => "drained",
        EventKind::ClosedByLimit | EventKind::Cut => "cut",
        _ => return,
    };
    counter!("mtls_connections_ended_total", "how" => how, "code" => code).increment(1);
}

pub(super) fn log(event: &Event, budget: &LogBudget) {
    let Some(refusal) = &event.refusal else {
        return log_accepted(event);
    };
    if event.kind.outcome() == Outcome::Ended {
        return log_ended(event, refusal);
    }
    if let Some(left_out) = budget.spend(Instant::now()) {
        if left_out > 0 {
            warn!(left_out, "refusals were not logged, since so many came in one second");
        }
        log_refused(event, refusal);
    }
}

fn log_accepted(event: &Event) {
    let certificate = event.client_cert.as_ref().or(event.server_cert.as_ref());
    let message = match (event.side, certificate.is_some()) {
        (Role::Server, true) => "client authenticated",
        (Role::Server, false) => "handshake done, without a client certificate",
        (Role::Client, _) => "server authenticated",
    };
    let tls = event.tls.as_ref();
    let shown = ShownNames::of(certificate.map(Arc::as_ref));
    let alpn = tls.and_then(|tls| tls.alpn.as_deref()).map(Excerpt::of);
    info!(
        peer = %event.peer,
        cn = shown.cn.as_ref().map(Excerpt::as_str),
        spiffe_id = shown.spiffe_id.as_ref().map(Excerpt::as_str),
        serial = shown.serial.as_ref().map(Excerpt::as_str),
        version = tls.map(|tls| tls.version),
        cipher_suite = tls.map(|tls| tls.cipher_suite.as_str()),
        key_exchange = tls.map(|tls| tls.key_exchange.as_str()),
        alpn = alpn.as_ref().map(Excerpt::as_str),
        duration_us = u64::try_from(event.duration.as_micros()).unwrap_or(u64::MAX),
        "{message}"
    );
}

fn log_refused(event: &Event, refusal: &Refusal) {
    let shown = ShownNames::of(refusal.certificate.as_deref());
    let who = if refusal.side == event.side { "refused" } else { "refused by the other side" };
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

fn log_ended(event: &Event, refusal: &Refusal) {
    let certificate = event.client_cert.as_ref().or(event.server_cert.as_ref());
    let name = certificate.map_or("", |certificate| certificate.name());
    info!(
        peer = %refusal.peer,
        name = %Untrusted(name),
        code = refusal.code.as_str(),
        "connection {}: {}",
        event.kind.as_str(),
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
