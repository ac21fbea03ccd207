//! Fields that services trust because a proxy sets them, and their removal from requests of
//! callers. Values do not matter: no caller may send such a field, true or not.

mod names;

use http::{HeaderMap, HeaderName};

pub use self::names::{NAMES, SPELT, WORDS};

/// Removes every field that a service could mistake for one set by its proxy or by HTTP itself, and
/// returns the number of names removed.
///
/// It applies to the head of a request and to its trailers. If nothing is forged, which is the
/// usual case, it does not allocate.
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

/// Whether only a proxy may set this field: its name is one of [`NAMES`], or contains one of
/// [`WORDS`].
///
/// The comparison ignores case and separators, as in every [`List`](super::list::List). CGI-style
/// applications that look up `HTTP_X_REAL_IP` as a header name find a field of that name from the
/// caller, so a leading `http-` is ignored.
pub fn is_forged(name: &HeaderName) -> bool {
    let name = without_http(name.as_str().as_bytes());
    if NAMES.contains(name) {
        return true;
    }
    let mut rest = name;
    loop {
        if WORDS.contains(rest) {
            return true;
        }
        match rest.iter().position(|byte| !byte.is_ascii_alphanumeric()) {
            Some(end) => rest = &rest[end + 1..],
            None => return false,
        }
    }
}

/// Whether a name is one of [`SPELT`] in another spelling, such as `Transfer_Encoding`. It has no
/// meaning in HTTP and would be forwarded unchanged, but a service that folds names would apply it.
pub fn is_misspelt(name: &HeaderName) -> bool {
    let spelt = name.as_str().as_bytes();
    let name = without_http(spelt);
    let differs = |byte: &u8| *byte != b'-' && !byte.is_ascii_alphanumeric();
    (name.len() < spelt.len() || name.iter().any(differs)) && SPELT.contains(name)
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
