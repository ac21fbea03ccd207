//! The SPIFFE ID, a workload's name as a URI.

use std::{fmt, str::FromStr};

/// A SPIFFE ID of a workload, such as `spiffe://mtls-demo.local/ns/default/sa/api-service`.
///
/// Valid by the SPIFFE ID standard: a lower-case trust domain of letters, digits, dots, dashes
/// and underscores, at most 255 bytes; a path of segments that are neither empty nor `.` nor `..`;
/// no query, no fragment, no port; at most 2048 bytes in all. The standard also knows the ID of a
/// trust domain, without a path; no workload has it, so none is issued.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct SpiffeId(String);

/// The error for a text that is not a SPIFFE ID.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("\"{text}\" is not a SPIFFE ID: {problem}")]
pub struct SpiffeIdError {
    text: String,
    problem: &'static str,
}

impl SpiffeId {
    /// The whole URI.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for SpiffeId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl FromStr for SpiffeId {
    type Err = SpiffeIdError;

    fn from_str(text: &str) -> Result<Self, SpiffeIdError> {
        match problem(text) {
            None => Ok(Self(text.to_owned())),
            Some(problem) => Err(SpiffeIdError { text: text.chars().take(256).collect(), problem }),
        }
    }
}

fn problem(text: &str) -> Option<&'static str> {
    if text.len() > 2048 {
        return Some("it is longer than 2048 bytes");
    }
    let Some(rest) = text.strip_prefix("spiffe://") else {
        return Some("start it with spiffe://");
    };
    if rest.contains(['?', '#']) {
        return Some("leave out the query and the fragment");
    }
    let (domain, path) = rest.split_once('/').unwrap_or((rest, ""));
    if domain.is_empty() || domain.len() > 255 || !domain.bytes().all(is_domain_byte) {
        return Some(
            "its trust domain may have only lower-case letters, digits, dots, dashes and underscores",
        );
    }
    if path.is_empty() {
        return Some("give it a path, such as /ns/default/sa/NAME");
    }
    if path.split('/').any(|segment| matches!(segment, "" | "." | "..")) {
        return Some("no segment of its path may be empty, \".\" or \"..\"");
    }
    if !path.bytes().all(is_path_byte) {
        return Some(
            "its path may contain only letters, digits, dots, dashes, underscores and slashes",
        );
    }
    None
}

fn is_domain_byte(byte: u8) -> bool {
    byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'.' | b'-' | b'_')
}

fn is_path_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_' | b'/')
}

#[cfg(test)]
mod tests {
    use super::SpiffeId;

    #[test]
    fn a_well_formed_spiffe_id_is_accepted() {
        for text in [
            "spiffe://mtls-demo.local/ns/default/sa/api-service",
            "spiffe://a/b",
            "spiffe://a_b.c-1/X.y_z-0",
        ] {
            assert_eq!(text.parse::<SpiffeId>().unwrap().as_str(), text);
        }
    }

    #[test]
    fn each_fault_has_its_own_message() {
        for (text, problem) in [
            ("https://a/b", "start it with spiffe://"),
            ("SPIFFE://a/b", "start it with spiffe://"),
            ("spiffe://a/b?c", "leave out the query and the fragment"),
            ("spiffe://a/b#c", "leave out the query and the fragment"),
            (
                "spiffe://A/b",
                "its trust domain may have only lower-case letters, digits, dots, dashes and underscores",
            ),
            (
                "spiffe:///b",
                "its trust domain may have only lower-case letters, digits, dots, dashes and underscores",
            ),
            (
                "spiffe://a:1/b",
                "its trust domain may have only lower-case letters, digits, dots, dashes and underscores",
            ),
            ("spiffe://a", "give it a path, such as /ns/default/sa/NAME"),
            ("spiffe://a/", "give it a path, such as /ns/default/sa/NAME"),
            ("spiffe://a/b/", "no segment of its path may be empty, \".\" or \"..\""),
            ("spiffe://a/b//c", "no segment of its path may be empty, \".\" or \"..\""),
            ("spiffe://a/../c", "no segment of its path may be empty, \".\" or \"..\""),
            ("spiffe://a/./c", "no segment of its path may be empty, \".\" or \"..\""),
            (
                "spiffe://a/b%20c",
                "its path may contain only letters, digits, dots, dashes, underscores and slashes",
            ),
        ] {
            assert_eq!(
                text.parse::<SpiffeId>().unwrap_err().to_string(),
                format!("\"{text}\" is not a SPIFFE ID: {problem}")
            );
        }
    }

    #[test]
    fn more_than_2048_bytes_are_refused() {
        let longest = format!("spiffe://a/{}", "b".repeat(2048 - 11));

        assert_eq!(longest.parse::<SpiffeId>().unwrap().as_str().len(), 2048);
        let refused = format!("{longest}b").parse::<SpiffeId>().unwrap_err();
        assert!(refused.to_string().ends_with("it is longer than 2048 bytes"));
    }
}
