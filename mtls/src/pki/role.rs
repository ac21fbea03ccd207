//! The two ends of a connection.

use std::fmt::{Display, Formatter};

use serde::Serialize;

/// An end of a connection; as the role of a certificate, what it must have been issued for.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// The end that connects; its certificate is for `clientAuth`.
    Client,
    /// The end that listens; its certificate is for `serverAuth`.
    Server,
}

impl Role {
    /// The extended key usage that a leaf in this role must have (RFC 5280, section 4.2.1.12).
    pub fn purpose(self) -> &'static str {
        match self {
            Self::Client => "clientAuth",
            Self::Server => "serverAuth",
        }
    }

    /// The other end.
    pub fn other(self) -> Self {
        match self {
            Self::Client => Self::Server,
            Self::Server => Self::Client,
        }
    }

    /// `client` or `server`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Client => "client",
            Self::Server => "server",
        }
    }
}

impl Display for Role {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(self.as_str())
    }
}
