//! How a gRPC response shows that it is complete.

use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};

/// The field with the status of a call.
pub const GRPC_STATUS: HeaderName = HeaderName::from_static("grpc-status");

/// Whether a response is a gRPC response that must end with `grpc-status` in its trailers. If there
/// is no message, the status is in the head; responses other than 200 come from proxies.
pub fn expects_status(status: StatusCode, headers: &HeaderMap) -> bool {
    let content_type = headers.get(CONTENT_TYPE).map_or(&b""[..], HeaderValue::as_bytes);
    let rest = content_type.to_ascii_lowercase();
    let is_grpc = match rest.strip_prefix(b"application/grpc") {
        Some(rest) => matches!(rest.first(), None | Some(b'+' | b';' | b' ')),
        None => false,
    };
    is_grpc && status == StatusCode::OK && !headers.contains_key(GRPC_STATUS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_grpc_response_of_200_expects_a_status() {
        for (kind, status, expected) in [
            ("application/grpc", 200, true),
            ("Application/GRPC+proto", 200, true),
            ("application/grpc;x=y", 200, true),
            ("application/grpc", 503, false),
            ("application/grpc-web", 200, false),
            ("application/json", 200, false),
            ("", 200, false),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(CONTENT_TYPE, HeaderValue::from_static(kind));
            let status = StatusCode::from_u16(status).unwrap();

            assert_eq!(expects_status(status, &headers), expected, "{kind} {status}");
            headers.insert(GRPC_STATUS, HeaderValue::from_static("5"));
            assert!(!expects_status(status, &headers), "{kind}");
        }
    }
}
