//! The name of an identity, which is also the name of its directory.

use std::{fmt, str::FromStr};

/// A name such as `api-service`: 1 to 64 letters, digits, dots, dashes and underscores, starting
/// with a letter or a digit, and not `ca`.
///
/// So it is always one plain path component, and always fits a common name.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct IdentityName(String);

/// The error for a text that is not the name of an identity.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum IdentityNameError {
    /// The authority's own directory.
    #[error("\"ca\" is the authority's own directory: choose another name")]
    Authority,
    /// Other characters, none, or too many.
    #[error(
        "\"{0}\" is not a name for an identity: give 1 to 64 letters, digits, dots, dashes and \
         underscores, starting with a letter or a digit"
    )]
    Characters(String),
}

impl IdentityName {
    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for IdentityName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(&self.0)
    }
}

impl FromStr for IdentityName {
    type Err = IdentityNameError;

    fn from_str(text: &str) -> Result<Self, IdentityNameError> {
        let well_formed = text.starts_with(|first: char| first.is_ascii_alphanumeric())
            && text.len() <= 64
            && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte));
        if !well_formed {
            return Err(IdentityNameError::Characters(text.to_owned()));
        }
        // Some file systems do not distinguish CA from ca.
        if text.eq_ignore_ascii_case("ca") {
            return Err(IdentityNameError::Authority);
        }
        Ok(Self(text.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::{IdentityName, IdentityNameError};

    #[test]
    fn a_name_is_one_plain_path_component() {
        for text in ["api-service", "a", "a.b_c-1", "1"] {
            assert_eq!(text.parse::<IdentityName>().unwrap().as_str(), text);
        }
        let long = "a".repeat(65);
        for text in ["", ".", "..", ".a", "a/b", "../a", "a\\b", "-a", "a b", "ä", "a\0", &long] {
            assert_eq!(
                text.parse::<IdentityName>(),
                Err(IdentityNameError::Characters(text.to_owned()))
            );
        }
    }

    #[test]
    fn the_name_of_the_authority_directory_is_refused() {
        for text in ["ca", "CA"] {
            assert_eq!(text.parse::<IdentityName>(), Err(IdentityNameError::Authority));
        }
    }
}
