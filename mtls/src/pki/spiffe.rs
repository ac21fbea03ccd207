//! SPIFFE IDs: what a workload is called. It knows nothing of certificates.

use std::fmt::{Display, Formatter};
use std::str::FromStr;

use serde::Serialize;
use thiserror::Error;

/// A SPIFFE ID, such as `spiffe://mtls-demo.local/ns/default/sa/api-service`.
///
/// It is checked by the grammar of the SPIFFE-ID specification, section 2: a lower-case trust
/// domain, a path without empty, `.` or `..` segments, no query, fragment, port or user, and at
/// most 2048 bytes. Two equal IDs are therefore equal byte for byte.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(transparent)]
pub struct SpiffeId(String);

/// Why a text is no SPIFFE ID.
#[derive(Clone, Debug, Eq, Error, PartialEq)]
pub enum InvalidSpiffeId {
    /// A path segment is empty, `.` or `..`, or has a character outside `[A-Za-z0-9._-]`.
    #[error(
        "bad path in the SPIFFE ID \"{0}\": its segments are of letters, digits, '.', '_' and '-'"
    )]
    Path(String),
    /// It does not begin with `spiffe://`.
    #[error("no SPIFFE ID: \"{0}\" does not begin with spiffe://")]
    Scheme(String),
    /// It is longer than 2048 bytes.
    #[error("the SPIFFE ID is longer than 2048 bytes")]
    TooLong,
    /// The trust domain is empty or has a character outside `[a-z0-9._-]`.
    #[error(
        "bad trust domain in the SPIFFE ID \"{0}\": it is of lower-case letters, digits, '.', '_' and '-'"
    )]
    TrustDomain(String),
}

impl SpiffeId {
    /// The ID as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Display for SpiffeId {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl FromStr for SpiffeId {
    type Err = InvalidSpiffeId;

    fn from_str(text: &str) -> Result<Self, InvalidSpiffeId> {
        if text.len() > 2048 {
            return Err(InvalidSpiffeId::TooLong);
        }
        let rest = text
            .strip_prefix("spiffe://")
            .ok_or_else(|| InvalidSpiffeId::Scheme(text.to_owned()))?;
        let (domain, path) = rest.split_once('/').map_or((rest, None), |(d, p)| (d, Some(p)));

        let in_domain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b"._-".contains(&b);
        if domain.is_empty() || domain.len() > 255 || !domain.bytes().all(in_domain) {
            return Err(InvalidSpiffeId::TrustDomain(text.to_owned()));
        }
        if !path.is_none_or(|path| path.split('/').all(is_segment)) {
            return Err(InvalidSpiffeId::Path(text.to_owned()));
        }
        Ok(Self(text.to_owned()))
    }
}

fn is_segment(segment: &str) -> bool {
    let allowed = |b: u8| b.is_ascii_alphanumeric() || b"._-".contains(&b);
    !matches!(segment, "" | "." | "..") && segment.bytes().all(allowed)
}

#[cfg(test)]
mod tests {
    use super::{InvalidSpiffeId, SpiffeId};

    #[test]
    fn the_id_of_a_kubernetes_service_account_is_valid() {
        let text = "spiffe://mtls-demo.local/ns/default/sa/api-service";

        let id: SpiffeId = text.parse().unwrap();

        assert_eq!(id.as_str(), text);
    }

    #[test]
    fn what_the_specification_forbids_is_refused() {
        let path = |text: &str| InvalidSpiffeId::Path(text.to_owned());
        let domain = |text: &str| InvalidSpiffeId::TrustDomain(text.to_owned());
        let cases = [
            ("https://a/b", InvalidSpiffeId::Scheme("https://a/b".to_owned())),
            ("spiffe://", domain("spiffe://")),
            ("spiffe://Upper/a", domain("spiffe://Upper/a")),
            ("spiffe://a:80/b", domain("spiffe://a:80/b")),
            ("spiffe://user@a/b", domain("spiffe://user@a/b")),
            ("spiffe://a/", path("spiffe://a/")),
            ("spiffe://a//b", path("spiffe://a//b")),
            ("spiffe://a/../b", path("spiffe://a/../b")),
            ("spiffe://a/b?c", path("spiffe://a/b?c")),
            ("spiffe://a/b#c", path("spiffe://a/b#c")),
            ("spiffe://a/%62", path("spiffe://a/%62")),
        ];

        for (text, problem) in cases {
            assert_eq!(text.parse::<SpiffeId>(), Err(problem));
        }
        assert_eq!(
            format!("spiffe://a/{}", "b".repeat(2048)).parse::<SpiffeId>(),
            Err(InvalidSpiffeId::TooLong)
        );
    }
}
