//! The beginning of the paths that a rule or a route is for.

use std::borrow::Cow;
use std::fmt::{Display, Formatter};
use std::str::FromStr;

use percent_encoding::percent_decode_str;
use thiserror::Error;

use super::RequestPath;
use super::reading::{Reading, UNKNOWN, may_be_same};

/// A path prefix: `/`, or whole segments without a slash at the end.
///
/// It is kept in the normal form of RFC 3986, section 6.2.2: `/%61` is `/a`, and the digits of what
/// must be encoded are in upper case. All servers read it alike, but perhaps for its case.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub struct PathPrefix {
    text: String,
    lenient: String,
}

/// Why a text is no path prefix.
#[derive(Clone, Debug, Eq, Error, PartialEq)]
#[error("{text:?} {problem}")]
pub struct InvalidPrefix {
    text: String,
    problem: Cow<'static, str>,
}

impl PathPrefix {
    /// It, as it is written.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Whether some server may read it as the other one. Then no path could be assigned to one of
    /// the two.
    pub fn reads_like(&self, other: &Self) -> bool {
        self.may_cover(&other.lenient) && other.may_cover(&self.lenient)
    }

    pub(super) fn lenient(&self) -> &str {
        &self.lenient
    }

    /// The segments of its lenient reading.
    pub(super) fn segments(&self) -> impl Iterator<Item = &str> {
        self.lenient.split('/').skip(1).filter(|segment| !segment.is_empty())
    }

    /// Whether it covers a path as that was sent, which it does at the end of a segment.
    pub(super) fn covers(&self, path: &str) -> bool {
        match path.strip_prefix(&*self.text) {
            Some(rest) => self.text == "/" || rest.is_empty() || rest.starts_with('/'),
            None => false,
        }
    }

    /// Whether it may cover a lenient reading.
    pub(super) fn may_cover(&self, reading: &str) -> bool {
        self.may_cover_by(reading, |_, segment, own, _| may_be_same(segment, own))
    }

    /// The same for a reading that is usual, by a prefix that is.
    pub(super) fn covers_usual(&self, reading: &str) -> bool {
        let own = self.lenient.as_bytes();
        let begins = reading.as_bytes().get(..own.len());
        own == b"/"
            || (begins.is_some_and(|begins| begins.eq_ignore_ascii_case(own))
                && matches!(reading.as_bytes().get(own.len()), None | Some(b'/')))
    }

    /// Whether it may cover a lenient reading by this comparison, which is given the number of a
    /// segment, the segment of the reading, that of the prefix, and whether the reading ends here.
    pub(super) fn may_cover_by(
        &self,
        reading: &str,
        same: impl Fn(usize, &str, &str, bool) -> bool,
    ) -> bool {
        let mut segments = reading.split('/').skip(1).peekable();
        for (index, own) in self.segments().enumerate() {
            let segment = segments.next();
            let is_last = segments.peek().is_none_or(|rest| rest.is_empty());
            match segment {
                Some(UNKNOWN) => return true,
                Some(segment) if same(index, segment, own, is_last) => {}
                _ => return false,
            }
        }
        true
    }
}

impl Default for PathPrefix {
    /// `/`, which covers all paths.
    fn default() -> Self {
        Self { text: "/".to_owned(), lenient: "/".to_owned() }
    }
}

impl Display for PathPrefix {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(&self.text)
    }
}

impl FromStr for PathPrefix {
    type Err = InvalidPrefix;

    fn from_str(text: &str) -> Result<Self, InvalidPrefix> {
        let invalid = |problem| {
            let text = text.chars().take(LONGEST).collect();
            InvalidPrefix { text, problem }
        };
        if let Some(problem) = problem(text) {
            return Err(invalid(problem.into()));
        }
        let normal = normal(text);
        let lenient = RequestPath::parse(&normal).and_then(|_| Reading::lenient(&normal));
        let lenient = lenient
            .map_err(|bad| invalid(format!("has {bad}: requests with it are refused").into()))?;
        let prefix = Self { text: normal, lenient: lenient.path };
        if prefix.is_ambiguous() {
            return Err(invalid(AMBIGUOUS.into()));
        }
        Ok(prefix)
    }
}

impl PathPrefix {
    /// Whether some server reads it as another text, apart from case and what is outside ASCII.
    fn is_ambiguous(&self) -> bool {
        if self.text == "/" {
            return false;
        }
        let decoded = percent_decode_str(&self.text).decode_utf8_lossy().to_lowercase();
        let written = decoded.split('/').skip(1);
        let same = |(own, read): (&str, &str)| match own.is_ascii() {
            true => own.replace('+', " ") == read,
            false => {
                let kept = read.chars().count() >= own.chars().count();
                kept && !own.contains([';', '?', '#', '%', ' ', ':']) && !own.ends_with('.')
            }
        };
        written.clone().count() != self.segments().count()
            || !written.zip(self.segments()).all(same)
    }
}

/// What is wrong with a text before its readings are compared.
fn problem(text: &str) -> Option<&'static str> {
    match text {
        "/" => None,
        _ if text.len() > LONGEST => Some("is longer than 1024 bytes"),
        _ if !text.starts_with('/') => Some("does not begin with a slash: write \"/status\""),
        _ if text.contains("//") => Some("has an empty segment: write one slash"),
        _ if text.contains(['?', '#']) => Some("has a query or a fragment: write the path only"),
        _ if text.contains('\\') => Some("has a backslash: write slashes"),
        _ if text.ends_with('/') => Some("ends with a slash: leave it out, the rest is meant too"),
        _ if text.split('/').any(|segment| matches!(segment, "." | "..")) => {
            Some("has a dot segment: write the path that it leads to")
        }
        _ if !text.bytes().all(is_of_a_path) => {
            Some("has a character that no path has: write it in percent-encoding, as in %20")
        }
        _ => text.split('%').skip(1).find_map(|rest| {
            let digits = rest.get(..2).filter(|two| two.bytes().all(|b| b.is_ascii_hexdigit()));
            match digits.map(str::to_ascii_lowercase).as_deref() {
                None => Some("has a bare %: write two hexadecimal digits after it, or %25"),
                Some("00") => Some("has an encoded NUL: requests with it are refused"),
                Some("2e" | "2f" | "5c") => {
                    Some("has an encoded dot, slash or backslash: requests with it are refused")
                }
                Some(_) => None,
            }
        }),
    }
}

/// The characters of RFC 3986, section 3.3, the slash and the percent sign.
fn is_of_a_path(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-._~!$&'()*+,;=:@/%".contains(&byte)
}

/// Decodes what needs no encoding, and writes the digits of the rest in upper case.
fn normal(text: &str) -> String {
    let mut pieces = text.split('%');
    let mut normal = pieces.next().unwrap_or_default().to_owned();
    for piece in pieces {
        let (digits, rest) = piece.split_at(2);
        match u8::from_str_radix(digits, 16) {
            Ok(byte) if byte.is_ascii_alphanumeric() || b"-_~".contains(&byte) => {
                normal.push(char::from(byte));
            }
            _ => {
                normal.push('%');
                normal.push_str(&digits.to_ascii_uppercase());
            }
        }
        normal.push_str(rest);
    }
    normal
}

const AMBIGUOUS: &str = "is read in different ways by services: leave out parameters (;), encoded \
                         ?, # and %, and dots and spaces around a name";

/// No segment that anybody routes by is near it, and problems quote it.
const LONGEST: usize = 1024;

#[cfg(test)]
mod tests {
    use super::PathPrefix;

    #[test]
    fn whole_segments_are_taken_as_they_are() {
        for text in [
            "/",
            "/status",
            "/a/b.c/..d",
            "/a%20b",
            "/~user/x=1",
            "/a:b@c",
            "/caf%C3%A9",
            "/V1",
            "/a+b",
        ] {
            let prefix: PathPrefix = text.parse().unwrap();
            assert_eq!(prefix.as_str(), text);
        }
    }

    #[test]
    fn percent_encoding_is_kept_where_it_is_needed_only() {
        for (text, normal) in
            [("/%61dmin", "/admin"), ("/%7euser", "/~user"), ("/%c3%a9", "/%C3%A9")]
        {
            assert_eq!(text.parse::<PathPrefix>().unwrap().as_str(), normal);
        }
    }

    #[test]
    fn what_no_request_could_match_is_refused() {
        for (text, problem) in [
            ("", "does not begin with a slash"),
            ("status", "does not begin with a slash"),
            ("/status/", "leave it out"),
            ("//", "an empty segment"),
            ("/a//b", "an empty segment"),
            ("/a?b", "a query"),
            ("/a#b", "a query"),
            ("/a/../b", "a dot segment"),
            ("/.", "a dot segment"),
            ("/a/./b", "a dot segment"),
            ("/a\\b", "a backslash"),
            ("/a%2Eb", "an encoded dot"),
            ("/a%2fb", "an encoded dot, slash"),
            ("/a%5Cb", "an encoded dot, slash or backslash"),
            ("/a%00", "an encoded NUL"),
            ("/a%09", "an encoded control character"),
            ("/%C0%AFa", "not UTF-8"),
            ("/%252e%252e/a", "a dot segment"),
            ("/;x/a", "an empty segment"),
            ("/a%", "a bare %"),
            ("/a%2", "a bare %"),
            ("/a%zz", "a bare %"),
            ("/a%é", "no path has"),
            ("/a b", "no path has"),
            ("/ä", "no path has"),
            ("/a\0", "no path has"),
            ("/a\"b", "no path has"),
            (&format!("/{}", "a".repeat(1024)), "longer than 1024"),
        ] {
            let error = text.parse::<PathPrefix>().unwrap_err().to_string();
            assert!(error.contains(problem), "{text:?}: {error}");
        }
    }

    #[test]
    fn what_services_read_as_another_prefix_is_refused() {
        for text in [
            "/a;x=1",
            "/;x",
            "/a%3Bx",
            "/a%3Fb",
            "/a%23b",
            "/a.",
            "/a%20",
            "/%20a",
            "/a/...",
            "/a::$DATA",
            "/%2561",
            "/%EF%BC%8F",
            "/a%E2%80%8B",
            "/%E2%80%8B",
        ] {
            let error = text.parse::<PathPrefix>().map_err(|bad| bad.to_string());
            assert!(
                error.clone().is_err_and(|it| it.contains("different ways")),
                "{text}: {error:?}"
            );
        }
    }

    #[test]
    fn prefixes_that_some_service_takes_for_each_other_read_alike() {
        for (one, other) in [
            ("/admin", "/Admin"),
            ("/caf%C3%A9", "/cafe"),
            ("/a%20b", "/a+b"),
            ("/program%20files", "/PROGRA~1"),
        ] {
            let [one, other]: [PathPrefix; 2] = [one, other].map(|it| it.parse().unwrap());
            assert!(one.reads_like(&other) && other.reads_like(&one), "{one} {other}");
        }
        let [one, other]: [PathPrefix; 2] = ["/a", "/a/b"].map(|it| it.parse().unwrap());
        assert!(!one.reads_like(&other) && !other.reads_like(&one));
    }
}
