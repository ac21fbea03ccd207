//! The beginning of the paths that a route takes.

/// Checks a `path_prefix`: `/`, or whole segments without a slash at the end. What requests are
/// refused for before they are routed stands in no prefix either, for it would match none.
pub(super) fn path_prefix(text: &str) -> Result<String, String> {
    let problem = match text {
        "/" => None,
        _ if text.len() > LONGEST => return Err(format!("it is longer than {LONGEST} bytes")),
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
        _ => escapes(text),
    };
    match problem {
        Some(problem) => Err(format!("{text:?} {problem}")),
        None => Ok(text.to_owned()),
    }
}

/// What is wrong with the percent-encoding.
fn escapes(text: &str) -> Option<&'static str> {
    text.split('%').skip(1).find_map(|rest| {
        let digits = rest.get(..2).filter(|two| two.bytes().all(|b| b.is_ascii_hexdigit()));
        match digits.map(str::to_ascii_lowercase).as_deref() {
            None => Some("has a bare %: write two hexadecimal digits after it, or %25"),
            Some("00") => Some("has an encoded NUL: requests with it are refused"),
            Some("2e" | "2f" | "5c") => {
                Some("has an encoded dot, slash or backslash: requests with it are refused")
            }
            Some(_) => None,
        }
    })
}

/// The characters of RFC 3986, section 3.3, the slash and the percent sign.
fn is_of_a_path(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-._~!$&'()*+,;=:@/%".contains(&byte)
}

/// No segment that anybody routes by is near it, and problems quote it.
const LONGEST: usize = 1024;

#[cfg(test)]
mod tests {
    use super::path_prefix;

    #[test]
    fn whole_segments_are_taken_as_they_are() {
        for text in ["/", "/status", "/a/b.c/..d", "/a%20b", "/~user/x;y=1", "/a:b@c"] {
            assert_eq!(path_prefix(text), Ok(text.to_owned()));
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
            ("/a%", "a bare %"),
            ("/a%2", "a bare %"),
            ("/a%zz", "a bare %"),
            ("/a%é", "no path has"),
            ("/a b", "no path has"),
            ("/ä", "no path has"),
            ("/a\0", "no path has"),
            ("/a\"b", "no path has"),
        ] {
            let told = path_prefix(text).unwrap_err();
            assert!(told.contains(problem), "{text:?}: {told}");
        }
    }
}
