//! An upstream and its health, as the dashboard shows them.

use std::time::Instant;

use mtls::pki::spiffe::SpiffeId;
use serde::Serialize;

use crate::config::UpstreamTls;
use crate::upstream::Upstream;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct UpstreamView {
    pub(super) url: String,
    pub(super) health: Health,
    /// How long it is still out; zero if the next request tries it again, none while it is up.
    pub(super) out_seconds: Option<u64>,
    pub(super) last_failure: Option<String>,
    pub(super) requests_in_flight: usize,
    /// Its TLS settings; none without TLS.
    pub(super) tls: Option<TlsView>,
}

#[derive(Clone, Copy, Eq, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Health {
    Out,
    Up,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct TlsView {
    pub(super) identity: String,
    /// The name that its certificate must have, if not the host in its URL.
    pub(super) server_name: Option<String>,
    pub(super) spiffe_id: Option<SpiffeId>,
}

impl UpstreamView {
    pub(super) fn of(upstream: &Upstream, tls: Option<&UpstreamTls>, now: Instant) -> Self {
        let out = upstream.health.out_for(now);
        Self {
            url: upstream.name.to_string(),
            health: if out.is_some() { Health::Out } else { Health::Up },
            // Rounded up: an upstream that is out for half a second more is not tried yet.
            out_seconds: out.map(|out| out.as_millis().div_ceil(1000) as u64),
            last_failure: upstream.health.failure().map(|failure| failure.to_string()),
            requests_in_flight: upstream.in_flight(),
            tls: tls.map(|tls| TlsView {
                identity: tls.identity.display().to_string(),
                server_name: tls.server_name.clone(),
                spiffe_id: tls.spiffe_id.clone(),
            }),
        }
    }

    pub(super) fn is_up(&self) -> bool {
        self.health == Health::Up
    }

    /// Its health, in words.
    pub(super) fn words(&self) -> String {
        match (self.out_seconds, &self.last_failure) {
            (None, None) => "up".to_owned(),
            (None, Some(_)) => "up, last request failed".to_owned(),
            (Some(0), _) => "out, next request tries it again".to_owned(),
            (Some(seconds), _) => format!("out for {seconds} s"),
        }
    }

    /// The style sheet's name of its health.
    pub(super) fn tone(&self) -> &'static str {
        match (self.health, &self.last_failure) {
            (Health::Out, _) => "bad",
            (Health::Up, None) => "good",
            (Health::Up, Some(_)) => "warn",
        }
    }
}
