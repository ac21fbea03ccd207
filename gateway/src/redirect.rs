//! The answer of a listener that only leads to HTTPS.

use bytes::Bytes;
use http::header::LOCATION;
use http::uri::PathAndQuery;
use http::{HeaderValue, Response, StatusCode, Uri};

use crate::target::Target;

/// 308 (RFC 9110, section 15.4.9): the same host, path and query, by HTTPS at `port`.
pub(crate) fn to_https(target: &Target, url: &Uri, port: u16) -> Response<Bytes> {
    let host = target.authority.host();
    let path = url.path_and_query().map_or("/", PathAndQuery::as_str);
    let place = match port {
        443 => format!("https://{host}{path}"),
        port => format!("https://{host}:{port}{path}"),
    };
    let mut answer = Response::new(Bytes::new());
    *answer.status_mut() = StatusCode::PERMANENT_REDIRECT;
    if let Ok(place) = HeaderValue::try_from(place) {
        answer.headers_mut().insert(LOCATION, place);
    }
    answer
}

#[cfg(test)]
mod tests {
    use http::Request;

    use super::to_https;
    use crate::target::Target;

    #[test]
    fn host_path_and_query_are_kept_and_the_port_is_ours() {
        let cases = [
            ("server.local:8080", "/a/b?c=d&e", 8443, "https://server.local:8443/a/b?c=d&e"),
            ("server.local", "/", 443, "https://server.local/"),
            ("[::1]:80", "/x", 8443, "https://[::1]:8443/x"),
        ];
        for (host, path, port, expected) in cases {
            let request = Request::builder().uri(path).header("host", host).body(()).unwrap();
            let head = request.into_parts().0;

            let answer = to_https(&Target::of(&head).unwrap(), &head.uri, port);

            assert_eq!(answer.status(), 308);
            assert_eq!(answer.headers()["location"], expected);
        }
    }
}
