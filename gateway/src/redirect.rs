//! The response of a listener that only redirects to HTTPS, and the hosts that it redirects to.

use std::net::IpAddr;
use std::sync::Arc;

use bytes::Bytes;
use http::header::LOCATION;
use http::uri::PathAndQuery;
use http::{HeaderValue, Response, StatusCode, Uri};
use mtls::credentials::CredentialStore;

use crate::config::HostPattern;
use crate::target::{Target, bare};

/// The hosts of this gateway: those that its HTTPS routes name, and those that the certificates of
/// its HTTPS listeners name. A route for any host names none.
#[derive(Debug, Default)]
pub(crate) struct Hosts {
    pub(crate) certificates: Vec<Arc<CredentialStore>>,
    pub(crate) routes: Vec<HostPattern>,
}

impl Hosts {
    /// Whether a host, in the form of [`Target`], is one of them.
    pub(crate) fn include(&self, host: &str) -> bool {
        let parent = host.split_once('.').map(|(_, parent)| parent);
        let routed = self.routes.iter().any(|pattern| match pattern {
            HostPattern::Any => false,
            HostPattern::Exact(exact) => bare(exact) == host,
            HostPattern::Wildcard(domain) => parent == Some(domain),
        });
        let address: Option<IpAddr> = host.parse().ok();
        routed
            || self.certificates.iter().any(|store| {
                let certificate = &store.current().certificate;
                let names = &certificate.subject_alt_names;
                let named = |name: &String| match name.strip_prefix("*.") {
                    Some(domain) => parent.is_some_and(|it| it.eq_ignore_ascii_case(domain)),
                    None => bare(name) == host,
                };
                match address {
                    Some(address) => names.ip.contains(&address),
                    None => names.dns.iter().any(named),
                }
            })
    }
}

/// 308 (RFC 9110, section 15.4.9): the same host, path and query, over HTTPS at `port`.
pub(crate) fn to_https(target: &Target, url: &Uri, port: u16) -> Response<Bytes> {
    let host = target.authority.host();
    let path = url.path_and_query().map_or("/", PathAndQuery::as_str);
    let location = match port {
        443 => format!("https://{host}{path}"),
        port => format!("https://{host}:{port}{path}"),
    };
    let mut response = Response::new(Bytes::new());
    *response.status_mut() = StatusCode::PERMANENT_REDIRECT;
    if let Ok(location) = HeaderValue::try_from(location) {
        response.headers_mut().insert(LOCATION, location);
    }
    response
}

#[cfg(test)]
mod tests {
    use http::Request;

    use super::to_https;
    use crate::target::Target;

    #[test]
    fn a_redirect_keeps_host_path_and_query_and_sets_the_port() {
        let cases = [
            ("server.local:8080", "/a/b?c=d&e", 8443, "https://server.local:8443/a/b?c=d&e"),
            ("server.local", "/", 443, "https://server.local/"),
            ("[::1]:80", "/x", 8443, "https://[::1]:8443/x"),
        ];
        for (host, path, port, expected) in cases {
            let request = Request::builder().uri(path).header("host", host).body(()).unwrap();
            let head = request.into_parts().0;

            let response = to_https(&Target::of(&head).unwrap(), &head.uri, port);

            assert_eq!(response.status(), 308);
            assert_eq!(response.headers()["location"], expected);
        }
    }
}
