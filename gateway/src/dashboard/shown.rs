//! Escapes untrusted text for display. HTML and JSON escape it once more.

use mtls::untrusted::Untrusted;

/// Escapes control characters and truncates the text.
pub(super) fn shown(text: &str) -> String {
    Untrusted(text).to_string()
}
