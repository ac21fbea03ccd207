//! Which `Host` names a page answers to. A web site that has its own name resolve to 127.0.0.1
//! (DNS rebinding) would otherwise read, from the visitor's browser, what stands on loopback.

use std::net::IpAddr;
use std::sync::Arc;

use axum::Router;
use axum::extract::{Request, State};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use http::uri::Authority;
use http::{HeaderMap, StatusCode, Uri, header};

use crate::problem::Problem;

/// The names that are answered to.
#[derive(Debug)]
pub struct AllowedHosts {
    /// Loopback names, and these; none where any name will do.
    only: Option<Vec<String>>,
    remedy: &'static str,
}

impl AllowedHosts {
    /// Bound to loopback, only loopback names and those in `named`; elsewhere `named` restricts,
    /// if there are any. `remedy` is what an operator may do for another name.
    pub fn new(listen: IpAddr, named: Vec<String>, remedy: &'static str) -> Self {
        let only = (listen.is_loopback() || !named.is_empty()).then_some(named);
        Self { only, remedy }
    }

    /// Has `routes` answer to these names only, and to any other with 421 (RFC 9110, section
    /// 15.5.20).
    pub fn protect(self, routes: Router) -> Router {
        routes.layer(from_fn_with_state(Arc::new(self), check))
    }

    fn allow(&self, host: &str) -> bool {
        let Some(named) = &self.only else {
            return true;
        };
        is_loopback(host) || named.contains(&host.to_ascii_lowercase())
    }
}

/// The host and port that a request was sent to: those of its target, else its `Host`.
pub fn authority(uri: &Uri, headers: &HeaderMap) -> Option<Authority> {
    let named = headers.get(header::HOST).and_then(|value| value.to_str().ok());
    uri.authority().cloned().or_else(|| named?.parse().ok())
}

/// Whether a host name or address is the machine's own.
pub fn is_loopback(host: &str) -> bool {
    let host = host.trim_start_matches('[').trim_end_matches(']');
    host.eq_ignore_ascii_case("localhost")
        || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

async fn check(State(hosts): State<Arc<AllowedHosts>>, request: Request, next: Next) -> Response {
    let authority = authority(request.uri(), request.headers());
    if authority.is_some_and(|authority| hosts.allow(authority.host())) {
        return next.run(request).await;
    }
    let remedy = hosts.remedy;
    Problem::new(StatusCode::MISDIRECTED_REQUEST)
        .with_detail(format!(
            "this page answers to loopback names only: open http://localhost, or have its \
             operator {remedy}"
        ))
        .into_response()
}

#[cfg(test)]
mod tests {
    use super::AllowedHosts;

    #[test]
    fn bound_to_loopback_only_loopback_names_and_named_ones_are_answered() {
        let hosts = AllowedHosts::new([127, 0, 0, 1].into(), vec!["demo.example".to_owned()], "");

        for good in ["localhost", "LOCALHOST", "127.0.0.1", "[::1]", "demo.example"] {
            assert!(hosts.allow(good), "{good}");
        }
        for bad in ["evil.example", "localhost.evil.example", "127.0.0.1.nip.io", "192.0.2.1", ""] {
            assert!(!hosts.allow(bad), "{bad}");
        }
    }

    #[test]
    fn bound_elsewhere_any_name_is_answered() {
        let hosts = AllowedHosts::new([0, 0, 0, 0].into(), Vec::new(), "");

        assert!(hosts.allow("node-7.example"));
    }
}
