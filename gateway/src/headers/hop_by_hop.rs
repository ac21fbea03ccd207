//! Fields that apply to one connection only and are not forwarded (RFC 9110, section 7.6.1). The
//! code that opens the next connection sets what that needs.

use http::header::{
    CONNECTION, PROXY_AUTHENTICATE, PROXY_AUTHORIZATION, TE, TRANSFER_ENCODING, UPGRADE,
};
use http::{HeaderMap, HeaderName, HeaderValue};

use super::forged;
use super::list::List;

/// Removes from a request the fields of the caller's connection, and those that `Connection` names.
///
/// `TE` is reduced to `trailers` if the caller accepts them, since the gateway does too. To forward
/// an upgrade, read it with [`upgrade`] first.
///
/// Some callers name a field in `Connection` to have the gateway drop it, such as `Authorization`
/// or `X-Forwarded-For`. A field that is meant for the recipient must not be named there (same
/// section), so such a name is ignored and the field kept: see [`is_end_to_end`].
pub fn strip_request(headers: &mut HeaderMap) {
    let takes_trailers = names(headers, &TE).any(|name| name.eq_ignore_ascii_case("trailers"));
    strip(headers);
    if takes_trailers {
        headers.insert(TE, HeaderValue::from_static("trailers"));
    }
}

/// Removes from a response the fields of the upstream's connection, and those that `Connection`
/// names, with the same exceptions as [`strip_request`].
pub fn strip_response(headers: &mut HeaderMap) {
    strip(headers);
}

/// The protocols that the sender asks to upgrade to (RFC 9110, section 7.8): in `Upgrade`, named in
/// `Connection`.
pub fn upgrade(headers: &HeaderMap) -> Option<&HeaderValue> {
    let named = names(headers, &CONNECTION).any(|name| name.eq_ignore_ascii_case("upgrade"));
    headers.get(UPGRADE).filter(|_| named)
}

/// Whether a field is meant for the recipient, so that naming it in `Connection` does not remove
/// it.
///
/// These are the fields that frame or route a message, carry or protect credentials, describe how
/// content is read or cached, and all fields by which a proxy identifies a caller to its service.
/// So the gateway's own identity headers stay, whatever the order of processing.
pub fn is_end_to_end(name: &HeaderName) -> bool {
    END_TO_END.contains(name.as_str().as_bytes()) || forged::is_forged(name)
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

/// The members of a field with a list of names.
fn names<'a>(headers: &'a HeaderMap, field: &HeaderName) -> impl Iterator<Item = &'a str> {
    // Members that are not text are skipped; the others still count.
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
    fn hop_by_hop_fields_are_removed() {
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
    fn te_is_reduced_to_trailers() {
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
    fn connection_cannot_remove_end_to_end_fields() {
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
    fn names_beside_invalid_bytes_in_connection_still_count() {
        let mut headers = of(&[("x-mine", "1")]);
        let value = HeaderValue::from_bytes(b"\xff, x-mine, x mine").expect("a value must be made");
        headers.insert(CONNECTION, value);

        strip_request(&mut headers);

        assert!(headers.is_empty(), "{headers:?}");
    }

    #[test]
    fn an_upgrade_must_be_named_in_connection() {
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
