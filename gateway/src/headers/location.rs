//! Rewrites URLs of the upstream in responses to URLs of the gateway: the caller cannot reach the
//! upstream, and must not learn its address.

use http::header::{CONTENT_LOCATION, LOCATION};
use http::uri::{Authority, Scheme};
use http::{HeaderMap, HeaderValue, Uri};

/// Rewrites URLs that begin with one of the `upstream` authorities to `scheme` and `ours`, the
/// authority that the caller asked for. All other URLs are left unchanged.
pub fn rewrite(headers: &mut HeaderMap, upstream: [&Authority; 2], scheme: &str, ours: &Authority) {
    for name in [CONTENT_LOCATION, LOCATION] {
        let value = headers.get(&name);
        if let Some(url) = value.and_then(|value| rewritten(value, upstream, scheme, ours)) {
            headers.insert(name, url);
        }
    }
}

fn rewritten(
    value: &HeaderValue,
    upstream: [&Authority; 2],
    scheme: &str,
    ours: &Authority,
) -> Option<HeaderValue> {
    let value = value.to_str().ok()?;
    // A `Uri` has no fragment, and a URL may begin with its authority (`//host/path`).
    let (url, fragment) = value.find('#').map_or((value, ""), |at| value.split_at(at));
    let relative = url.starts_with("//");
    let url: Uri = if relative { format!("http:{url}").parse() } else { url.parse() }.ok()?;
    let authority = url.authority()?;
    let default = match url.scheme() {
        _ if relative => None,
        Some(scheme) if *scheme == Scheme::HTTP => Some(80),
        Some(scheme) if *scheme == Scheme::HTTPS => Some(443),
        _ => return None,
    };
    let port = authority.port_u16().or(default);
    let is_upstream = |known: &&Authority| {
        known.host().eq_ignore_ascii_case(authority.host())
            && (port.is_none() || port == known.port_u16())
    };
    upstream.iter().find(|known| is_upstream(known))?;
    let path = url.path_and_query().map_or("", |path| path.as_str());
    HeaderValue::from_str(&format!("{scheme}://{ours}{path}{fragment}")).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_urls_of_the_upstream_are_rewritten() {
        for (sent, error) in [
            ("http://10.0.0.7:8000/a?b#c", "https://shop.local:8443/a?b#c"),
            ("https://10.0.0.7:8000/a", "https://shop.local:8443/a"),
            ("http://API.internal/", "https://shop.local:8443/"),
            ("http://api.internal", "https://shop.local:8443/"),
            ("//10.0.0.7:8000/x", "https://shop.local:8443/x"),
            ("//api.internal/x#y", "https://shop.local:8443/x#y"),
            ("/a?b#c", "/a?b#c"),
            ("a", "a"),
            ("", ""),
            ("http://10.0.0.7:8001/a", "http://10.0.0.7:8001/a"),
            ("https://api.internal/", "https://api.internal/"),
            ("http://api.internal.example/", "http://api.internal.example/"),
            (
                "https://elsewhere.example/?to=http://10.0.0.7:8000/",
                "https://elsewhere.example/?to=http://10.0.0.7:8000/",
            ),
            ("ftp://10.0.0.7:8000/", "ftp://10.0.0.7:8000/"),
        ] {
            for name in [LOCATION, CONTENT_LOCATION] {
                let mut headers = HeaderMap::new();
                headers.insert(&name, HeaderValue::from_static(sent));

                let upstream =
                    ["10.0.0.7:8000".parse().unwrap(), "api.internal:80".parse().unwrap()];
                let ours = "shop.local:8443".parse().unwrap();
                rewrite(&mut headers, [&upstream[0], &upstream[1]], "https", &ours);

                assert_eq!(headers[name], error, "{sent}");
            }
        }
    }
}
