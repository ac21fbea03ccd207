//! A route, as the dashboard shows it.

use std::time::Instant;

use serde::Serialize;

use super::upstream::UpstreamView;
use crate::config::IdentityHeaders;
use crate::routes::Route;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct RouteView {
    pub(super) name: String,
    /// As configured, `*` for any.
    pub(super) host: String,
    pub(super) path_prefix: String,
    pub(super) listeners: Vec<String>,
    /// The configured policy; none if any verified caller is authorized.
    pub(super) allow: Option<String>,
    /// Whether callers without a certificate are accepted too.
    pub(super) anonymous: bool,
    /// The headers that forward the caller's identity.
    pub(super) identity_headers: Vec<&'static str>,
    pub(super) upstreams: Vec<UpstreamView>,
}

impl RouteView {
    pub(super) fn of(route: &Route, now: Instant) -> Self {
        let config = &route.config;
        let upstreams = route.upstreams.all().iter();
        Self {
            name: config.name.clone(),
            host: config.host.to_string(),
            path_prefix: config.path_prefix.to_string(),
            listeners: config.listeners.clone(),
            allow: config.allow.as_ref().map(ToString::to_string),
            anonymous: config.anonymous,
            identity_headers: names(&config.identity_headers),
            upstreams: upstreams
                .map(|upstream| UpstreamView::of(upstream, config.upstream_tls.as_ref(), now))
                .collect(),
        }
    }
}

fn names(sent: &IdentityHeaders) -> Vec<&'static str> {
    let all = [
        (sent.client_cert, "Client-Cert"),
        (sent.client_cert_chain, "Client-Cert-Chain"),
        (sent.forwarded, "Forwarded"),
        (sent.x_forwarded, "X-Forwarded-For"),
        (sent.x_forwarded, "X-Forwarded-Proto"),
        (sent.x_forwarded, "X-Forwarded-Host"),
        (sent.x_forwarded, "X-Forwarded-Port"),
        (sent.x_forwarded, "X-Real-IP"),
        (sent.x_forwarded_client_cert, "X-Forwarded-Client-Cert"),
    ];
    all.into_iter().filter_map(|(sent, name)| sent.then_some(name)).collect()
}
