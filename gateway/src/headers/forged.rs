//! Names under which services believe what a proxy tells them, and their removal from what
//! callers send. It does not look at values: no caller may use such a name, true or not.

mod names;

use std::cmp::Ordering;

use http::{HeaderMap, HeaderName};

pub use self::names::{NAMES, WORDS};

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
/// Names are compared as CGI, WSGI, Rack and PHP fold them: without regard to case, and with
/// every character but letters and digits as `-`. Applications that ask for `HTTP_X_REAL_IP` as if
/// it were a header get what their caller called so: a leading `http-` therefore counts for
/// nothing.
pub fn is_forged(name: &HeaderName) -> bool {
    let mut name = name.as_str().as_bytes();
    while let Some(rest) = without_http(name) {
        name = rest;
    }
    if holds(NAMES, name) {
        return true;
    }
    let mut rest = name;
    loop {
        if holds(WORDS, rest) {
            return true;
        }
        match rest.iter().position(|byte| !byte.is_ascii_alphanumeric()) {
            Some(end) => rest = &rest[end + 1..],
            None => return false,
        }
    }
}

/// Whether a name, folded on the way, is in a sorted list or begins as one of its families.
///
/// What stands between a family's stem and one of its members in that order begins with the stem
/// itself, and no list says a thing twice: so only the last entry that is not after the name can
/// match it.
pub(super) fn holds(list: &[&str], name: &[u8]) -> bool {
    let after = list.partition_point(|entry| compare(stem(entry), name) != Ordering::Greater);
    let Some(entry) = after.checked_sub(1).map(|index| list[index]) else {
        return false;
    };
    let stem = stem(entry);
    let begins = name.len() >= stem.len() && compare(stem, &name[..stem.len()]).is_eq();
    begins && (stem.len() < entry.len() || stem.len() == name.len())
}

/// An entry without the star that makes it a family.
fn stem(entry: &str) -> &[u8] {
    entry.strip_suffix('*').unwrap_or(entry).as_bytes()
}

fn compare(folded: &[u8], name: &[u8]) -> Ordering {
    folded.iter().copied().cmp(name.iter().copied().map(fold))
}

fn without_http(name: &[u8]) -> Option<&[u8]> {
    let (start, rest) = name.split_at_checked(5)?;
    compare(b"http-", start).is_eq().then_some(rest)
}

fn fold(byte: u8) -> u8 {
    if byte.is_ascii_alphanumeric() { byte.to_ascii_lowercase() } else { b'-' }
}

#[cfg(test)]
mod tests;
