//! Fields that concern one connection only, and end with it (RFC 9110, section 7.6.1). What the
//! next connection needs in their place is for whoever opens it to say.

use http::header::{
    CONNECTION, PROXY_AUTHENTICATE, PROXY_AUTHORIZATION, TE, TRANSFER_ENCODING, UPGRADE,
};
use http::{HeaderMap, HeaderName, HeaderValue};

use super::forged;

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
    END_TO_END.binary_search(&name.as_str()).is_ok() || forged::is_forged(name)
}

fn strip(headers: &mut HeaderMap) {
    if headers.contains_key(CONNECTION) {
        let named: Vec<HeaderName> = names(headers, &CONNECTION)
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

/// Sorted.
const END_TO_END: [&str; 80] = [
    "accept",
    "accept-encoding",
    "accept-language",
    "accept-ranges",
    "access-control-allow-credentials",
    "access-control-allow-headers",
    "access-control-allow-methods",
    "access-control-allow-origin",
    "age",
    "allow",
    "authentication-info",
    "authorization",
    "cache-control",
    "content-digest",
    "content-disposition",
    "content-encoding",
    "content-language",
    "content-length",
    "content-location",
    "content-range",
    "content-security-policy",
    "content-security-policy-report-only",
    "content-type",
    "cookie",
    "cross-origin-embedder-policy",
    "cross-origin-opener-policy",
    "cross-origin-resource-policy",
    "date",
    "digest",
    "dpop",
    "etag",
    "expect",
    "expires",
    "host",
    "if-match",
    "if-modified-since",
    "if-none-match",
    "if-range",
    "if-unmodified-since",
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
    "sec-fetch-dest",
    "sec-fetch-mode",
    "sec-fetch-site",
    "sec-fetch-user",
    "sec-websocket-accept",
    "sec-websocket-extensions",
    "sec-websocket-key",
    "sec-websocket-protocol",
    "sec-websocket-version",
    "server",
    "set-cookie",
    "signature",
    "signature-input",
    "strict-transport-security",
    "traceparent",
    "tracestate",
    "trailer",
    "user-agent",
    "vary",
    "via",
    "www-authenticate",
    "x-api-key",
    "x-auth-token",
    "x-content-type-options",
    "x-csrf-token",
    "x-frame-options",
    "x-http-method-override",
    "x-request-id",
    "x-requested-with",
];
