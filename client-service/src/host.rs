//! Which `Host` names the page answers to. A web site that has its own name resolve to 127.0.0.1
//! (DNS rebinding) would otherwise read, from the visitor's browser, what this service fetches.

use std::net::IpAddr;
use std::sync::Arc;

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http::uri::Authority;
use http::{StatusCode, header};
use service_kit::problem::Problem;

/// The names that are answered to.
pub(super) enum AllowedHosts {
    /// Reached from other machines, by whatever name they have for it.
    Any,
    /// Loopback names, and these.
    Only(Vec<String>),
}

impl AllowedHosts {
    /// Bound to loopback, only loopback names and those in `named`; elsewhere `named` restricts,
    /// if there are any.
    pub(super) fn new(listen: IpAddr, named: Vec<String>) -> Self {
        if listen.is_loopback() || !named.is_empty() { Self::Only(named) } else { Self::Any }
    }

    fn allow(&self, host: &str) -> bool {
        let Self::Only(named) = self else {
            return true;
        };
        let host = host.to_ascii_lowercase();
        let plain = host.trim_start_matches('[').trim_end_matches(']');
        plain == "localhost"
            || plain.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
            || named.contains(&host)
    }
}

/// Answers 421 to a name that is not allowed (RFC 9110, section 15.5.20).
pub(super) async fn check(
    State(hosts): State<Arc<AllowedHosts>>,
    request: Request,
    next: Next,
) -> Response {
    let named = request.headers().get(header::HOST).and_then(|value| value.to_str().ok());
    let named = named.and_then(|value| value.parse::<Authority>().ok());
    let authority = request.uri().authority().or(named.as_ref());
    if authority.is_some_and(|authority| hosts.allow(authority.host())) {
        return next.run(request).await;
    }
    Problem::new(StatusCode::MISDIRECTED_REQUEST)
        .with_detail(
            "this page answers to loopback names only: open http://localhost, \
             or have its operator name this host in ALLOWED_HOSTS",
        )
        .into_response()
}

#[cfg(test)]
mod tests {
    use super::AllowedHosts;

    #[test]
    fn bound_to_loopback_only_loopback_names_and_named_ones_are_answered() {
        let hosts = AllowedHosts::new([127, 0, 0, 1].into(), vec!["demo.example".to_owned()]);

        for good in ["localhost", "LOCALHOST", "127.0.0.1", "[::1]", "demo.example"] {
            assert!(hosts.allow(good), "{good}");
        }
        for bad in ["evil.example", "localhost.evil.example", "127.0.0.1.nip.io", "192.0.2.1", ""] {
            assert!(!hosts.allow(bad), "{bad}");
        }
    }

    #[test]
    fn bound_elsewhere_any_name_is_answered() {
        let hosts = AllowedHosts::new([0, 0, 0, 0].into(), Vec::new());

        assert!(hosts.allow("node-7.example"));
    }
}
