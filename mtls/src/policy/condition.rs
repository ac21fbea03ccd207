//! One condition: an attribute, and the value it must have.

use std::fmt::{Display, Formatter};
use std::net::IpAddr;

use super::{Attribute, InvalidCondition, name};
use crate::pki::certificate::Certificate;
use crate::pki::spiffe::SpiffeId;

/// An attribute of a certificate and the value it must have, checked.
///
/// Text is compared whole: a NUL in a certificate's name is a character like others, and never
/// its end. Displayed, it is as a file has it: `dns = "api.local"`.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Condition {
    attribute: Attribute,
    expected: Expected,
    written: String,
}

/// A checked value, in the form in which it is compared.
#[derive(Clone, Debug, Eq, PartialEq)]
enum Expected {
    Address(IpAddr),
    SpiffeId(SpiffeId),
    SpiffeIdUnder(SpiffeId),
    Text(String),
}

impl Condition {
    /// Checks a value of an attribute.
    ///
    /// - `spiffe_id`: exact, or under a path: `spiffe://td/ns/a/*` holds for each ID that has
    ///   more segments than `spiffe://td/ns/a` and begins with its segments.
    /// - `dns`: without regard to case and a trailing dot. A wildcard is a name like others: it
    ///   holds for a certificate that has that wildcard, and for no name that it would cover.
    /// - `email`: the host without regard to case, the local part exact.
    /// - `ip`: as an address, however it is written.
    /// - `fingerprint256`: in either case, with colons or without.
    /// - `issuer`: RFC 4514 text as [`crate::pki::certificate::DistinguishedName`] displays it, exact.
    /// - `common_name`: exact, and the only one: where a certificate has two, programs differ in
    ///   which of them they take for its name.
    /// - `organization`, `organizational_unit`, `uri`: one of them, exact.
    ///
    /// # Errors
    ///
    /// Why it is none, with what to write.
    pub fn new(attribute: Attribute, value: &str) -> Result<Self, InvalidCondition> {
        if value.is_empty() {
            return Err(InvalidCondition::Empty(attribute));
        }
        if value.chars().any(char::is_control) {
            return Err(InvalidCondition::ControlCharacter(value.to_owned()));
        }
        let expected = Expected::new(attribute, value)?;
        Ok(Self { attribute, expected, written: value.to_owned() })
    }

    /// Whether the certificate has that value.
    pub fn holds_for(&self, certificate: &Certificate) -> bool {
        let names = &certificate.subject_alt_names;
        let subject = |attribute| certificate.subject.texts(attribute);
        match &self.expected {
            Expected::Address(address) => names.ip.contains(address),
            Expected::SpiffeId(id) => certificate.spiffe_id.as_ref() == Some(id),
            Expected::SpiffeIdUnder(parent) => certificate.spiffe_id.as_ref().is_some_and(|id| {
                let below = id.as_str().strip_prefix(parent.as_str());
                below.is_some_and(|below| below.starts_with('/'))
            }),
            Expected::Text(text) => match self.attribute {
                Attribute::CommonName => subject("CN").eq([Some(text.as_str())]),
                Attribute::Dns => names.dns.iter().any(|dns| name::same_dns(dns, text)),
                Attribute::Email => names.email.iter().any(|mail| name::same_email(mail, text)),
                Attribute::Fingerprint => certificate.fingerprint256 == *text,
                Attribute::Issuer => certificate.issuer.to_string() == *text,
                Attribute::Organization => subject("O").any(|value| value == Some(text)),
                Attribute::OrganizationalUnit => subject("OU").any(|value| value == Some(text)),
                Attribute::Uri => names.uri.contains(text),
                // Their values are never kept as text.
                Attribute::Ip | Attribute::SpiffeId => false,
            },
        }
    }
}

impl From<SpiffeId> for Condition {
    /// Holds for the peer of just this SPIFFE ID.
    fn from(spiffe_id: SpiffeId) -> Self {
        let written = spiffe_id.as_str().to_owned();
        let expected = Expected::SpiffeId(spiffe_id);
        Self { attribute: Attribute::SpiffeId, expected, written }
    }
}

impl Expected {
    fn new(attribute: Attribute, value: &str) -> Result<Self, InvalidCondition> {
        let text = || value.to_owned();
        let exact = || Self::Text(value.to_owned());
        match attribute {
            Attribute::CommonName | Attribute::Organization | Attribute::OrganizationalUnit => {
                // What is no text in a certificate is read as its bytes in hexadecimal after #.
                let text_only = !value.starts_with('#');
                text_only.then(exact).ok_or_else(|| InvalidCondition::Hexadecimal(text()))
            }
            Attribute::Dns => name::dns(value)
                .map(|name| Self::Text(name.to_owned()))
                .ok_or_else(|| InvalidCondition::Dns(text())),
            Attribute::Email => {
                name::email(value).map(|_| exact()).ok_or_else(|| InvalidCondition::Email(text()))
            }
            Attribute::Fingerprint => name::fingerprint(value)
                .map(Self::Text)
                .ok_or_else(|| InvalidCondition::Fingerprint(text())),
            Attribute::Ip => {
                value.parse().map(Self::Address).map_err(|_| InvalidCondition::Ip(text()))
            }
            Attribute::Issuer if value.contains("=#") || value.contains("=\\#") => {
                Err(InvalidCondition::Hexadecimal(text()))
            }
            Attribute::Issuer => {
                let issuer = name::is_distinguished(value).then(exact);
                issuer.ok_or_else(|| InvalidCondition::Issuer(text()))
            }
            Attribute::SpiffeId => {
                let parent = value.strip_suffix("/*").and_then(|parent| parent.parse().ok());
                let exact = || value.parse().map(Self::SpiffeId);
                // An ID has no asterisk: a bad parent is reported as it was written.
                parent.map_or_else(exact, |parent| Ok(Self::SpiffeIdUnder(parent)))
            }
            .map_err(InvalidCondition::SpiffeId),
            Attribute::Uri => {
                let uri = name::is_uri(value).then(exact);
                uri.ok_or_else(|| InvalidCondition::Uri(text()))
            }
        }
    }
}

impl Display for Condition {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "{} = {:?}", self.attribute, self.written)
    }
}
