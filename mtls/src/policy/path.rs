//! Request paths and the prefixes that rules and routes are written for.
//!
//! A path reaches the service unchanged, and services read it in different ways. A request must
//! not be authorized by one rule and served as a resource of another, so a path is accepted only
//! if every reading selects the same rule. It knows no peers, methods and routes.
//!
//! Two readings are compared. The *literal* one is the text as it was sent, which is what Node and
//! Express compare. The *lenient* one undoes everything that some server undoes; every real server
//! undoes a part of it:
//!
//! | reading | who reads so |
//! | --- | --- |
//! | decodes `%61`, once or several times, `%u0061` too | all but Node; chains of servers; IIS |
//! | drops a parameter (`;a=b`), before or after decoding, and then empty segments | Tomcat, Jetty, Undertow, Spring |
//! | merges `//`, resolves dot segments, takes `\` for `/` | nginx, Apache, Go, Tomcat; IIS |
//! | ends the path at a decoded `?` or `#` | servers that parse what they decoded |
//! | ignores case | IIS, Apache on Windows and macOS, Spring if set so |
//! | drops dots and spaces around a segment, and `::$DATA` | IIS and others on Windows |
//! | takes a short name (`PROGRA~1`) for a long one | Apache on Windows |
//! | takes `+` for a space | services that decode the path as a form |
//! | folds characters outside ASCII: full width, accents, invisible and similar ones | Windows (best fit), macOS, databases |
//! | drops or replaces bytes that are no UTF-8 | Python, Java, PHP |
//!
//! Where a prefix covers a path literally, it does so for each of these servers, and what covers it
//! for one of them does so in the lenient reading. So if the longest prefix is the same in both, it
//! is the longest for all. Two readings are not of this kind and are compared by themselves: a
//! script's name that is not the last segment (`/index.php/admin` is `/admin` to PHP and CGI), and
//! an extension (`/admin.json` is `/admin` to Rails, Spring before 5.3 and Apache's MultiViews).
//!
//! Refused in any case is what is dangerous by itself: see [`InvalidPath`].

mod prefix;
mod reading;
mod table;

use thiserror::Error;

pub use self::prefix::{InvalidPrefix, PathPrefix};
use self::reading::{Reading, is_script};
pub use self::table::PathTable;

/// The path of a request, as it was sent, with every reading that a server may give it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct RequestPath {
    literal: String,
    /// None where it is the literal one but for case.
    lenient: Option<String>,
    /// The lenient one without the script's name in it, if there is one.
    without_script: Option<String>,
}

/// Why a path is refused, as the object of "its path has".
#[derive(Clone, Copy, Debug, Eq, Error, PartialEq)]
#[non_exhaustive]
pub enum InvalidPath {
    /// Different readings select different rules; the text says what they differ by.
    #[error("{0} where it decides between routes")]
    Ambiguous(&'static str),
    /// `\`, which is a slash on Windows.
    #[error("a backslash")]
    Backslash,
    /// `%` without two hexadecimal digits after it.
    #[error("a percent sign that encodes nothing")]
    BareEscape,
    /// A control character or a line separator, encoded once or several times.
    #[error("an encoded control character")]
    Control,
    /// `.` or `..`, also with parameters or spaces, encoded or in other characters.
    #[error("a dot segment")]
    DotSegment,
    /// `//`, or what it becomes without parameters, as `/;x/`.
    #[error("an empty segment (//)")]
    EmptySegment,
    /// `%5c`.
    #[error("an encoded backslash (%5c)")]
    EncodedBackslash,
    /// `%2e`.
    #[error("an encoded dot (%2e)")]
    EncodedDot,
    /// `%00`.
    #[error("an encoded NUL (%00)")]
    EncodedNul,
    /// `%2f`.
    #[error("an encoded slash (%2f)")]
    EncodedSlash,
    /// Bytes that are no UTF-8, overlong forms (`%c0%af`) among them.
    #[error("encoded bytes that are not UTF-8")]
    InvalidUtf8,
    /// It does not begin with a slash.
    #[error("no slash at its start")]
    NoSlash,
    /// It can be decoded more than four times.
    #[error("percent-encoding of percent-encoding, again and again (%2525)")]
    TooDeep,
}

impl RequestPath {
    /// Reads a path without its query. The time is linear in its length, and the usual path, which
    /// has no special byte, is only scanned.
    ///
    /// # Errors
    ///
    /// The path has something that is refused whatever the rules are.
    pub fn parse(path: &str) -> Result<Self, InvalidPath> {
        let literal = path.to_owned();
        if is_plain(path) {
            // A script's name counts where something follows it.
            let has_script =
                path.rsplit_once('/').is_some_and(|(it, _)| it.split('/').any(is_script));
            let reading = has_script.then(|| Reading::lenient(path)).transpose()?;
            let without_script = reading.and_then(|it| it.without_script);
            return Ok(Self { literal, lenient: None, without_script });
        }
        check(path)?;
        let Reading { path, without_script } = Reading::lenient(path)?;
        Ok(Self { literal, lenient: Some(path), without_script })
    }

    /// The path as it was sent.
    pub fn as_str(&self) -> &str {
        &self.literal
    }

    fn lenient(&self) -> &str {
        self.lenient.as_deref().unwrap_or(&self.literal)
    }
}

/// Whether no server changes anything about a path, but perhaps its case.
fn is_plain(path: &str) -> bool {
    let mut before = 0;
    for byte in path.bytes() {
        let plain = match byte {
            b'$' => before != b':',
            b'.' => before != b'/',
            b'/' => before != b'/' && before != b'.',
            b'-' | b'_' | b'~' | b'!' | b'&' | b'\'' | b'(' | b')' | b'*' | b',' | b'=' | b'@'
            | b':' => true,
            _ => byte.is_ascii_alphanumeric(),
        };
        if !plain {
            return false;
        }
        before = byte;
    }
    path.starts_with('/') && before != b'.'
}

/// Checks for what is refused whatever the rules are, and can be seen in the text as it was sent.
fn check(path: &str) -> Result<(), InvalidPath> {
    if !path.starts_with('/') {
        return Err(InvalidPath::NoSlash);
    }
    if path.contains('\\') {
        return Err(InvalidPath::Backslash);
    }
    let mut rest = path.as_bytes();
    while let Some(at) = rest.iter().position(|byte| *byte == b'%') {
        match rest[at + 1..].first_chunk().map(|two: &[u8; 2]| two.to_ascii_lowercase()).as_deref()
        {
            Some(b"00") => return Err(InvalidPath::EncodedNul),
            Some(b"2e") => return Err(InvalidPath::EncodedDot),
            Some(b"2f") => return Err(InvalidPath::EncodedSlash),
            Some(b"5c") => return Err(InvalidPath::EncodedBackslash),
            Some(two) if two.iter().all(u8::is_ascii_hexdigit) => {}
            _ => return Err(InvalidPath::BareEscape),
        }
        rest = &rest[at + 3..];
    }
    // The last segment may be empty: `/` and `/;jsessionid=1` are what is there below `/`.
    let mut segments = path[1..].split('/');
    segments.next_back();
    for segment in segments {
        let name = segment.split(';').next().unwrap_or(segment).as_bytes();
        let begins_parameter = name.get(..3).is_some_and(|it| it.eq_ignore_ascii_case(b"%3b"));
        if name.is_empty() || begins_parameter {
            return Err(InvalidPath::EmptySegment);
        }
    }
    Ok(())
}
