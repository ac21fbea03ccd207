//! Text that somebody else wrote, fit to be shown: escaped for people here, and once more for
//! HTML or JSON where it is put into one.

use mtls::untrusted::Untrusted;

/// Without control characters, and cut.
pub(super) fn shown(text: &str) -> String {
    Untrusted(text).to_string()
}
