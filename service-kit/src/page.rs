//! Response headers of web pages.

use http::{HeaderName, header};

/// Headers of a page and its assets: `policy` is its Content-Security-Policy; its content type is
/// not guessed, its address is not sent to other sites, and they cannot embed its assets.
pub const fn protection(policy: &'static str) -> [(HeaderName, &'static str); 4] {
    [
        (header::CONTENT_SECURITY_POLICY, policy),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
        (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
    ]
}
