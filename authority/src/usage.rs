//! The usage of a leaf: its extended key usage.

use std::{fmt, str::FromStr};

use rcgen::ExtendedKeyUsagePurpose;

/// The purposes of a leaf (RFC 5280, 4.2.1.12).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Usage {
    /// `serverAuth` and `clientAuth`.
    Both,
    /// `clientAuth`.
    Client,
    /// `serverAuth`.
    Server,
    /// No extended key usage at all; our services refuse such a leaf in either role.
    Unstated,
}

/// The error for a text that is not a usage.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("\"{0}\" is not a usage: give client, server or both")]
pub struct UsageError(String);

impl Usage {
    /// Whether the leaf can authenticate a server.
    pub fn serves(self) -> bool {
        matches!(self, Self::Both | Self::Server)
    }

    pub(crate) fn purposes(self) -> Vec<ExtendedKeyUsagePurpose> {
        match self {
            Self::Both => {
                vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth]
            }
            Self::Client => vec![ExtendedKeyUsagePurpose::ClientAuth],
            Self::Server => vec![ExtendedKeyUsagePurpose::ServerAuth],
            Self::Unstated => Vec::new(),
        }
    }
}

impl fmt::Display for Usage {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(match self {
            Self::Both => "both",
            Self::Client => "client",
            Self::Server => "server",
            Self::Unstated => "unstated",
        })
    }
}

impl FromStr for Usage {
    type Err = UsageError;

    fn from_str(text: &str) -> Result<Self, UsageError> {
        match text {
            "both" => Ok(Self::Both),
            "client" => Ok(Self::Client),
            "server" => Ok(Self::Server),
            "unstated" => Ok(Self::Unstated),
            _ => Err(UsageError(text.to_owned())),
        }
    }
}
