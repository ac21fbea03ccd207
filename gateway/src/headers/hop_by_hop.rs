//! Fields that concern one connection only, and end with it (RFC 9110, section 7.6.1). What the
//! next connection needs in their place is for whoever opens it to say.

use http::header::{
    CONNECTION, PROXY_AUTHENTICATE, PROXY_AUTHORIZATION, TE, TRANSFER_ENCODING, UPGRADE,
};
use http::{HeaderMap, HeaderName, HeaderValue};

use super::forged;
use super::list::List;

/// Removes from a request what concerns the caller's connection only, and what `Connection` names.
///
/// `TE` is left as `trailers` alone where the caller takes them, since so do we. A caller that
/// wants its connection upgraded has said so in what [`upgrade`] tells before.
///
/// Some callers name a field in `Connection` that they want to vanish behind us, such as
/// `Authorization` or `X-Forwarded-For`. A field that is meant for the recipient may not be named
/// there (same section), so such a name is ignored, as the whole of the request means the same
/// without it: see [`is_end_to_end`].
pub fn strip_request(headers: &mut HeaderMap) {
    let takes_trailers = names(headers, &TE).any(|name| name.eq_ignore_ascii_case("trailers"));
    strip(headers);
    if takes_trailers {
        headers.insert(TE, HeaderValue::from_static("trailers"));
    }
}

/// Removes from an answer what concerns the upstream's connection only, and what `Connection`
/// names; what it may not name is as for [`strip_request`].
pub fn strip_response(headers: &mut HeaderMap) {
    strip(headers);
}

/// The protocols that the sender wants to go on with, where it asks for an upgrade as RFC 9110,
/// section 7.8 has it: in `Upgrade`, named in `Connection`.
pub fn upgrade(headers: &HeaderMap) -> Option<&HeaderValue> {
    let named = names(headers, &CONNECTION).any(|name| name.eq_ignore_ascii_case("upgrade"));
    headers.get(UPGRADE).filter(|_| named)
}

/// Whether a field is meant for the recipient, so that `Connection` cannot take it away.
///
/// That is so for what frames or routes a message, for what carries or guards credentials, for
/// what says how content is to be read or kept, and for every name by which a proxy tells its
/// service who calls: ours stay, in whatever order things are done.
pub fn is_end_to_end(name: &HeaderName) -> bool {
    END_TO_END.holds(name.as_str().as_bytes()) || forged::is_forged(name)
}

fn strip(headers: &mut HeaderMap) {
    if headers.contains_key(CONNECTION) {
        let named: Vec<HeaderName> = names(headers, &CONNECTION)
            .filter(|name| headers.contains_key(*name))
            .filter_map(|name| HeaderName::from_bytes(name.as_bytes()).ok())
            .filter(|name| !is_end_to_end(name))
            .collect();
        for name in named {
            headers.remove(name);
        }
    }
    for name in &HOP_BY_HOP {
        headers.remove(name);
    }
}

/// The members of a field that is a list of names.
fn names<'a>(headers: &'a HeaderMap, field: &HeaderName) -> impl Iterator<Item = &'a str> {
    // A value that is no text could still name a field in the part that is.
    let bytes = headers.get_all(field).iter().flat_map(|value| value.as_bytes().split(is_comma));
    bytes.filter_map(|member| std::str::from_utf8(member).ok()).map(str::trim)
}

fn is_comma(byte: &u8) -> bool {
    *byte == b','
}

/// RFC 9110, section 7.6.1; RFC 2616, section 13.5.1; RFC 7540, section 3.2.1.
static HOP_BY_HOP: [HeaderName; 10] = [
    CONNECTION,
    HeaderName::from_static("http2-settings"),
    HeaderName::from_static("keep-alive"),
    PROXY_AUTHENTICATE,
    HeaderName::from_static("proxy-authentication-info"),
    PROXY_AUTHORIZATION,
    HeaderName::from_static("proxy-connection"),
    TE,
    TRANSFER_ENCODING,
    UPGRADE,
];

static END_TO_END: List = List::new(&[
    "accept*",
    "access-control-*",
    "age",
    "allow",
    "authentication-info",
    "authorization",
    "cache-control",
    "content-*",
    "cookie*",
    "cross-origin-*",
    "date",
    "digest",
    "dpop",
    "etag",
    "expect",
    "expires",
    "grpc-*",
    "host",
    "idempotency-key",
    "if-*",
    "last-modified",
    "link",
    "location",
    "max-forwards",
    "origin",
    "permissions-policy",
    "pragma",
    "range",
    "referer",
    "referrer-policy",
    "repr-digest",
    "retry-after",
    "sec-*",
    "server",
    "set-cookie*",
    "signature*",
    "strict-transport-security",
    "traceparent",
    "tracestate",
    "trailer",
    "user-agent",
    "vary",
    "via",
    "want-*",
    "www-authenticate",
    "x-api-key",
    "x-auth-*",
    "x-content-type-options",
    "x-csrf-*",
    "x-frame-options",
    "x-http-method*",
    "x-request-id",
    "x-requested-with",
    "x-xsrf-*",
]);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::headers::list::assert_sound;

    #[test]
    fn what_concerns_one_connection_goes() {
        let mut headers = of(&[
            ("connection", "keep-alive, X-Mine"),
            ("connection", "x-other , ,x-absent"),
            ("x-mine", "1"),
            ("x-other", "1"),
            ("x-other", "2"),
            ("keep-alive", "timeout=5"),
            ("proxy-connection", "keep-alive"),
            ("proxy-authenticate", "Basic"),
            ("proxy-authorization", "Basic YTpi"),
            ("te", "gzip"),
            ("transfer-encoding", "chunked"),
            ("upgrade", "h2c"),
            ("http2-settings", "AAMAAABkAAQAAP__"),
            ("trailer", "grpc-status"),
            ("x-kept", "1"),
        ]);
        let mut answer = headers.clone();

        strip_request(&mut headers);
        strip_response(&mut answer);

        assert_eq!(headers, of(&[("trailer", "grpc-status"), ("x-kept", "1")]));
        assert_eq!(answer, headers);
    }

    #[test]
    fn trailers_are_all_that_te_asks_for_behind_us() {
        for (asked, left) in [
            (&["trailers"][..], Some("trailers")),
            (&["gzip;q=0.5, Trailers"], Some("trailers")),
            (&["gzip", "trailers"], Some("trailers")),
            (&["gzip"], None),
            (&["trailers-too"], None),
            (&[], None),
        ] {
            let asked: Vec<_> = asked.iter().map(|value| ("te", *value)).collect();
            let mut headers = of(&[&asked[..], &[("connection", "te")]].concat());

            strip_request(&mut headers);

            let all: Vec<_> = headers.get_all(TE).iter().collect();
            assert_eq!(all, left.into_iter().collect::<Vec<_>>(), "{asked:?}");
            strip_response(&mut headers);
            assert!(headers.is_empty());
        }
    }

    #[test]
    fn connection_cannot_take_away_what_is_meant_for_the_service() {
        for name in [
            "authorization",
            "Client-Cert",
            "cache-control",
            "content-length",
            "cookie",
            "Host",
            "set-cookie",
            "X-Forwarded-For",
            "x-forwarded-client-cert",
            "x-request-id",
        ] {
            let mut headers = of(&[("connection", name), (name, "1")]);

            strip_request(&mut headers);

            assert_eq!(headers, of(&[(name, "1")]));
        }
    }

    #[test]
    fn a_connection_field_that_is_partly_no_text_still_takes_what_it_names() {
        let mut headers = of(&[("x-mine", "1")]);
        let value = HeaderValue::from_bytes(b"\xff, x-mine, x mine").expect("a value must be made");
        headers.insert(CONNECTION, value);

        strip_request(&mut headers);

        assert!(headers.is_empty(), "{headers:?}");
    }

    #[test]
    fn an_upgrade_is_asked_for_only_where_connection_says_so() {
        let asked = of(&[("connection", "keep-alive, Upgrade"), ("upgrade", "websocket")]);
        assert_eq!(upgrade(&asked), Some(&HeaderValue::from_static("websocket")));

        assert_eq!(upgrade(&of(&[("upgrade", "websocket")])), None);
        assert_eq!(upgrade(&of(&[("connection", "upgrade")])), None);
    }

    #[test]
    fn the_list_is_sound() {
        assert_sound(&END_TO_END);
    }

    fn of(fields: &[(&str, &str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in fields {
            let name = HeaderName::from_bytes(name.as_bytes()).expect("a name must be a token");
            headers.append(name, HeaderValue::from_str(value).expect("a value must be text"));
        }
        headers
    }
}
