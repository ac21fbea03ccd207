//! Names under which services believe what a proxy tells them, and their removal from what
//! callers send. It does not look at values: no caller may use such a name, true or not.

mod names;

use http::{HeaderMap, HeaderName};

pub use self::names::{NAMES, SPELT, WORDS};

/// Removes every field that a service could take for the word of its proxy or of HTTP itself, with
/// all its values, and tells how many names went.
///
/// It is for the head of a request and for its trailers alike. Where nothing is forged, which is
/// the usual case, nothing is allocated.
pub fn strip(headers: &mut HeaderMap) -> usize {
    let goes = |name: &HeaderName| is_forged(name) || is_misspelt(name);
    if !headers.keys().any(goes) {
        return 0;
    }
    let forged: Vec<HeaderName> = headers.keys().filter(|name| goes(name)).cloned().collect();
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
    let name = without_http(name.as_str().as_bytes());
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

/// Whether a name is one of [`SPELT`] in another spelling, such as `Transfer_Encoding`: no field
/// of HTTP, and so passed on as it is, yet a service that folds names would obey it.
pub fn is_misspelt(name: &HeaderName) -> bool {
    let spelt = name.as_str().as_bytes();
    let name = without_http(spelt);
    let differs = |byte: &u8| *byte != b'-' && !byte.is_ascii_alphanumeric();
    (name.len() < spelt.len() || name.iter().any(differs)) && SPELT.holds(name)
}

fn without_http(mut name: &[u8]) -> &[u8] {
    while let Some((b"http", [separator, rest @ ..])) = name.split_at_checked(4)
        && !separator.is_ascii_alphanumeric()
    {
        name = rest;
    }
    name
}

#[cfg(test)]
mod tests;
