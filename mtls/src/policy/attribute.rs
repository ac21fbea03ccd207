//! What of a certificate a condition may be about.

use std::fmt::{Display, Formatter};

/// An attribute of a certificate that is worth deciding on.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Attribute {
    /// The common name of the subject, where there is exactly one.
    CommonName,
    /// A DNS name among the subject alternative names.
    Dns,
    /// A mail address among them.
    Email,
    /// SHA-256 of the whole certificate.
    Fingerprint,
    /// An IP address among the subject alternative names.
    Ip,
    /// The issuer's distinguished name.
    Issuer,
    /// An organization of the subject.
    Organization,
    /// An organizational unit of the subject.
    OrganizationalUnit,
    /// The SPIFFE ID.
    SpiffeId,
    /// A URI among the subject alternative names.
    Uri,
}

impl Attribute {
    /// All of them, the best first: names that only a workload has come before those that many
    /// may have.
    pub const ALL: [Self; 10] = [
        Self::SpiffeId,
        Self::Dns,
        Self::Uri,
        Self::Ip,
        Self::Email,
        Self::CommonName,
        Self::Organization,
        Self::OrganizationalUnit,
        Self::Issuer,
        Self::Fingerprint,
    ];

    /// What it is called in a file.
    pub fn name(self) -> &'static str {
        match self {
            Self::CommonName => "common_name",
            Self::Dns => "dns",
            Self::Email => "email",
            Self::Fingerprint => "fingerprint256",
            Self::Ip => "ip",
            Self::Issuer => "issuer",
            Self::Organization => "organization",
            Self::OrganizationalUnit => "organizational_unit",
            Self::SpiffeId => "spiffe_id",
            Self::Uri => "uri",
        }
    }
}

impl Display for Attribute {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(self.name())
    }
}
