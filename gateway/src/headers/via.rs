//! The `Via` field (RFC 9110, section 7.6.3), which detects requests that return to the gateway
//! that forwarded them.

use std::hash::{BuildHasher, RandomState};
use std::sync::LazyLock;

use http::header::VIA;
use http::{HeaderMap, HeaderValue, Version};

/// The name of this process in `Via`. It is random, so that it reveals nothing, and distinguishes
/// several gateways in a row from a loop.
static PSEUDONYM: LazyLock<String> =
    LazyLock::new(|| format!("gateway-{:016x}", RandomState::new().hash_one(std::process::id())));

/// The values that this process adds to `Via`, for HTTP/1.0, 1.1 and 2.
static MEMBERS: LazyLock<[Option<HeaderValue>; 3]> = LazyLock::new(|| {
    let member = |version| HeaderValue::from_str(&format!("{version} {}", *PSEUDONYM)).ok();
    ["1.0", "1.1", "2.0"].map(member)
});

/// Adds this process to the `Via` of a request received in `version`, and keeps the other members.
pub fn add(headers: &mut HeaderMap, version: Version) {
    let [http_10, http_11, http_2] = &*MEMBERS;
    let member = match version {
        Version::HTTP_10 => http_10,
        Version::HTTP_2 => http_2,
        _ => http_11,
    };
    if let Some(member) = member {
        headers.append(VIA, member.clone());
    }
}

/// Whether this process has forwarded the request before.
pub fn is_loop(headers: &HeaderMap) -> bool {
    let members = headers.get_all(VIA).iter().flat_map(|value| value.as_bytes().split(is_comma));
    // A member is the received protocol, the pseudonym, and optionally a comment.
    let mut names = members.filter_map(|member| {
        member.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty()).nth(1)
    });
    names.any(|name| name == PSEUDONYM.as_bytes())
}

fn is_comma(byte: &u8) -> bool {
    *byte == b','
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_that_this_process_forwarded_is_recognised() {
        let mut headers = HeaderMap::new();
        headers.append(VIA, HeaderValue::from_static("1.0 fred, 1.1 gateway-0000000000000000"));
        assert!(!is_loop(&headers));

        add(&mut headers, Version::HTTP_2);

        assert!(is_loop(&headers));
        let ours = headers.get_all(VIA).iter().next_back().unwrap().clone();
        assert!(ours.to_str().unwrap().starts_with("2.0 gateway-"), "{ours:?}");
    }

    #[test]
    fn joined_fields_and_comments_are_understood() {
        let joined = format!("1.0 fred ,\t2.0  {} (comment), 1.1 nginx", *PSEUDONYM);
        let mut headers = HeaderMap::new();
        headers.append(VIA, HeaderValue::from_bytes(b"\xff").unwrap());
        headers.append(VIA, HeaderValue::from_str(&joined).unwrap());

        assert!(is_loop(&headers));
    }

    #[test]
    fn the_version_is_that_of_the_received_message() {
        for (version, prefix) in
            [(Version::HTTP_10, "1.0 "), (Version::HTTP_11, "1.1 "), (Version::HTTP_2, "2.0 ")]
        {
            let mut headers = HeaderMap::new();
            add(&mut headers, version);
            assert!(headers[VIA].to_str().unwrap().starts_with(prefix));
        }
    }
}
