//! The subject alternative names of a leaf.

use std::{fmt, net::IpAddr};

use rcgen::SanType;

use crate::SpiffeId;

/// One validated subject alternative name (RFC 5280, 4.2.1.6).
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum AlternativeName {
    /// A DNS name, a wildcard in its leftmost label allowed.
    Dns(DnsName),
    /// A mail address.
    Email(EmailAddress),
    /// An IP address.
    Ip(IpAddr),
    /// A SPIFFE ID.
    Spiffe(SpiffeId),
    /// Any other URI.
    Uri(Uri),
}

/// A DNS name of letters, digits, dashes and underscores, each label 1 to 63 bytes, 253 in all.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct DnsName(String);

/// A mail address: one `@`, ASCII, a DNS name behind it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct EmailAddress(String);

/// A URI with a scheme, in ASCII without spaces.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Uri(String);

/// The error for a text that is not such a name.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum NameError {
    /// Not a DNS name.
    #[error(
        "\"{0}\" is not a DNS name: give labels of letters, digits and dashes joined by dots, such as api.example.com"
    )]
    Dns(String),
    /// Not a mail address.
    #[error("\"{0}\" is not a mail address: give one such as ops@example.com")]
    Email(String),
    /// Not an IP address.
    #[error(
        "\"{0}\" is not an IP address: give one such as 127.0.0.1 or ::1, without brackets or port"
    )]
    Ip(String),
    /// Not a SPIFFE ID.
    #[error(transparent)]
    Spiffe(#[from] crate::SpiffeIdError),
    /// Not part of a subject.
    #[error("\"{0}\" cannot be part of a subject: give 1 to 64 printable characters")]
    Subject(String),
    /// Not a URI.
    #[error("\"{0}\" is not a URI: give a scheme, a colon and ASCII without spaces")]
    Uri(String),
}

impl AlternativeName {
    /// Checks a DNS name.
    pub fn dns(text: &str) -> Result<Self, NameError> {
        if is_dns_name(text) {
            Ok(Self::Dns(DnsName(text.to_owned())))
        } else {
            Err(NameError::Dns(text.to_owned()))
        }
    }

    /// Checks a mail address.
    pub fn email(text: &str) -> Result<Self, NameError> {
        match text.split_once('@') {
            Some((mailbox, host))
                if !mailbox.is_empty()
                    && mailbox.len() <= 64
                    && mailbox.bytes().all(|byte| {
                        byte.is_ascii_graphic() && !b"@\"(),:;<>[\\]".contains(&byte)
                    })
                    && !host.starts_with('*')
                    && is_dns_name(host) =>
            {
                Ok(Self::Email(EmailAddress(text.to_owned())))
            }
            _ => Err(NameError::Email(text.to_owned())),
        }
    }

    /// Checks an IP address.
    pub fn ip(text: &str) -> Result<Self, NameError> {
        let address = text.parse().map_err(|_| NameError::Ip(text.to_owned()))?;
        Ok(Self::Ip(address))
    }

    /// Checks a SPIFFE ID.
    pub fn spiffe(text: &str) -> Result<Self, NameError> {
        Ok(Self::Spiffe(text.parse()?))
    }

    /// Checks only that it looks like a URI (RFC 3986, 3).
    pub fn uri(text: &str) -> Result<Self, NameError> {
        match text.split_once(':') {
            Some((scheme, _))
                if scheme.starts_with(|first: char| first.is_ascii_alphabetic())
                    && scheme
                        .bytes()
                        .all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte))
                    && text.bytes().all(|byte| byte.is_ascii_graphic()) =>
            {
                Ok(Self::Uri(Uri(text.to_owned())))
            }
            _ => Err(NameError::Uri(text.to_owned())),
        }
    }

    /// Whether a client can verify a server by it.
    pub fn names_a_host(&self) -> bool {
        matches!(self, Self::Dns(_) | Self::Ip(_))
    }

    pub(crate) fn to_rcgen(&self) -> Result<SanType, rcgen::Error> {
        Ok(match self {
            Self::Dns(name) => SanType::DnsName(name.0.as_str().try_into()?),
            Self::Email(address) => SanType::Rfc822Name(address.0.as_str().try_into()?),
            Self::Ip(address) => SanType::IpAddress(*address),
            Self::Spiffe(id) => SanType::URI(id.as_str().try_into()?),
            Self::Uri(uri) => SanType::URI(uri.0.as_str().try_into()?),
        })
    }
}

impl fmt::Display for AlternativeName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Dns(DnsName(text)) | Self::Email(EmailAddress(text)) | Self::Uri(Uri(text)) => {
                formatter.write_str(text)
            }
            Self::Ip(address) => write!(formatter, "{address}"),
            Self::Spiffe(id) => write!(formatter, "{id}"),
        }
    }
}

fn is_dns_name(text: &str) -> bool {
    let labels = text.strip_prefix("*.").unwrap_or(text);
    // An address written as a DNS name never matches.
    !labels.is_empty()
        && text.len() <= 253
        && text.parse::<IpAddr>().is_err()
        && labels.split('.').all(is_label)
}

fn is_label(label: &str) -> bool {
    (1..=63).contains(&label.len())
        && !label.starts_with('-')
        && !label.ends_with('-')
        && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
}

#[cfg(test)]
mod tests {
    use super::{AlternativeName, NameError};

    #[test]
    fn well_formed_names_are_accepted() {
        for text in ["a", "api-service.default.svc.cluster.local", "*.example.com", "x_y.z"] {
            assert_eq!(AlternativeName::dns(text).unwrap().to_string(), text);
        }
        for text in ["127.0.0.1", "::1", "2001:db8::1"] {
            assert_eq!(AlternativeName::ip(text).unwrap().to_string(), text);
        }
        for text in ["ops@example.com", "a.b+c@d"] {
            assert_eq!(AlternativeName::email(text).unwrap().to_string(), text);
        }
        for text in ["urn:a:b", "https://a/b?c#d", "spiffe://UPPER/x"] {
            assert_eq!(AlternativeName::uri(text).unwrap().to_string(), text);
        }
    }

    #[test]
    fn malformed_names_are_refused_by_kind() {
        let long = "a".repeat(64);
        for text in
            ["", "-a", "a-", "a..b", "a.", "a b", "ä", "127.0.0.1", "*", "*.", "a.*.b", &long]
        {
            assert_eq!(AlternativeName::dns(text), Err(NameError::Dns(text.to_owned())));
        }
        for text in ["", "localhost", "127.0.0.1:80", "[::1]", "1.2.3"] {
            assert_eq!(AlternativeName::ip(text), Err(NameError::Ip(text.to_owned())));
        }
        for text in ["", "a", "@b", "a@", "a@b@c", "a b@c", "a@*.b"] {
            assert_eq!(AlternativeName::email(text), Err(NameError::Email(text.to_owned())));
        }
        for text in ["", "a", ":b", "1:b", "a:b c"] {
            assert_eq!(AlternativeName::uri(text), Err(NameError::Uri(text.to_owned())));
        }
    }
}
