//! Names under which services believe what a proxy tells them, and their removal from what
//! callers send. It does not look at values: no caller may use such a name, true or not.

mod names;

use http::{HeaderMap, HeaderName};

pub use self::names::{NAMES, WORDS};
use super::list::compare;

/// Removes every field that a service could take for the word of its proxy, with all its values,
/// and tells how many names went.
///
/// It is for the head of a request and for its trailers alike. Where nothing is forged, which is
/// the usual case, nothing is allocated.
pub fn strip(headers: &mut HeaderMap) -> usize {
    if !headers.keys().any(is_forged) {
        return 0;
    }
    let forged: Vec<HeaderName> = headers.keys().filter(|name| is_forged(name)).cloned().collect();
    for name in &forged {
        headers.remove(name);
    }
    forged.len()
}

/// Whether only a proxy may use this name: it is one of [`NAMES`], or has one of [`WORDS`].
///
/// The spelling makes no difference, as for every [`List`](super::list::List). Applications that
/// ask for `HTTP_X_REAL_IP` as if it were a header get what their caller called so: a leading
/// `http-` therefore counts for nothing.
pub fn is_forged(name: &HeaderName) -> bool {
    let mut name = name.as_str().as_bytes();
    while let Some(rest) = without_http(name) {
        name = rest;
    }
    if NAMES.holds(name) {
        return true;
    }
    let mut rest = name;
    loop {
        if WORDS.holds(rest) {
            return true;
        }
        match rest.iter().position(|byte| !byte.is_ascii_alphanumeric()) {
            Some(end) => rest = &rest[end + 1..],
            None => return false,
        }
    }
}

fn without_http(name: &[u8]) -> Option<&[u8]> {
    let (start, rest) = name.split_at_checked(5)?;
    compare(b"http-", start).is_eq().then_some(rest)
}

#[cfg(test)]
mod tests;
