//! What log lines show of a certificate.

use super::Certificate;
use crate::untrusted::Excerpt;

/// The names of a certificate, each escaped and cut, for a log line.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct ShownNames {
    /// The common name.
    pub cn: Option<Excerpt>,
    /// The serial number.
    pub serial: Option<Excerpt>,
    /// The SPIFFE ID.
    pub spiffe_id: Option<Excerpt>,
}

impl ShownNames {
    /// The names of a certificate, if there is one.
    pub fn of(certificate: Option<&Certificate>) -> Self {
        certificate.map_or_else(Self::default, |certificate| Self {
            cn: certificate.subject.common_name().map(Excerpt::of),
            serial: Some(Excerpt::of(&certificate.serial_number)),
            spiffe_id: certificate.spiffe_id.as_ref().map(|id| Excerpt::of(id.as_str())),
        })
    }
}
