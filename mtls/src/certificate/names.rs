//! The names in a certificate: distinguished names, and subject alternative names.

use std::fmt::{Display, Formatter, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};
use thiserror::Error;
use x509_parser::extensions::GeneralName;
use x509_parser::oid_registry::{Oid, OidRegistry};
use x509_parser::prelude::{FromDer, X509Certificate};
use x509_parser::x509::{AttributeTypeAndValue, X509Name};

use crate::spiffe::SpiffeId;

/// A distinguished name (RFC 5280, section 4.1.2.4), in the order of the certificate.
///
/// Displayed, it is an RFC 4514 string; serialized, a map from attribute to value, in which an
/// attribute that occurs more than once has an array.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct DistinguishedName(Vec<Vec<(String, String)>>);

impl DistinguishedName {
    /// Reads one DER name, such as a server's request names an authority by.
    pub fn read(der: &[u8]) -> Result<Self, UnreadableName> {
        match X509Name::from_der(der) {
            Ok(([], name)) => Ok(Self::of(&name)),
            _ => Err(UnreadableName),
        }
    }

    pub(crate) fn of(name: &X509Name<'_>) -> Self {
        let relative = |attributes: Vec<_>| attributes.into_iter().map(attribute).collect();
        Self(name.iter().map(|set| relative(set.iter().collect())).collect())
    }

    /// The values of one attribute, by its short name: `CN`, `O`, `OU`.
    pub fn values<'a>(&'a self, attribute: &'a str) -> impl Iterator<Item = &'a str> {
        let of_it = move |pair: &&(String, String)| pair.0 == attribute;
        self.0.iter().flatten().filter(of_it).map(|pair| pair.1.as_str())
    }

    /// The first common name.
    pub fn common_name(&self) -> Option<&str> {
        self.values("CN").next()
    }
}

/// A distinguished name that could not be read.
#[derive(Clone, Copy, Debug, Eq, Error, PartialEq)]
#[error("not a distinguished name")]
pub struct UnreadableName;

impl Display for DistinguishedName {
    /// RFC 4514: the last part first.
    fn fmt(&self, formatter: &mut Formatter<'_>) -> std::fmt::Result {
        let part = |set: &Vec<(String, String)>| {
            let pairs: Vec<_> = set.iter().map(|(k, v)| format!("{k}={}", escaped(v))).collect();
            pairs.join("+")
        };
        let parts: Vec<String> = self.0.iter().rev().map(part).collect();
        formatter.write_str(&parts.join(","))
    }
}

impl Serialize for DistinguishedName {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        let mut done: Vec<&str> = Vec::new();
        for (attribute, value) in self.0.iter().flatten() {
            if done.contains(&attribute.as_str()) {
                continue;
            }
            done.push(attribute);
            let values: Vec<&str> = self.values(attribute).collect();
            if values.len() == 1 {
                map.serialize_entry(attribute, value)?;
            } else {
                map.serialize_entry(attribute, &values)?;
            }
        }
        map.end()
    }
}

/// Subject alternative names (RFC 5280, section 4.2.1.6), those of the four kinds that matter.
#[derive(Clone, Debug, Default, Eq, PartialEq, Serialize)]
pub struct SubjectAltNames {
    /// DNS names.
    pub dns: Vec<String>,
    /// Uniform resource identifiers.
    pub uri: Vec<String>,
    /// Internet addresses.
    pub ip: Vec<IpAddr>,
    /// Mail addresses.
    pub email: Vec<String>,
}

impl SubjectAltNames {
    pub(crate) fn of(parsed: &X509Certificate<'_>) -> Self {
        let mut names = Self::default();
        let Ok(Some(extension)) = parsed.subject_alternative_name() else {
            return names;
        };
        for name in &extension.value.general_names {
            match name {
                GeneralName::DNSName(name) => names.dns.push((*name).to_owned()),
                GeneralName::URI(uri) => names.uri.push((*uri).to_owned()),
                GeneralName::IPAddress(octets) => names.ip.extend(address(octets)),
                GeneralName::RFC822Name(mail) => names.email.push((*mail).to_owned()),
                _ => {}
            }
        }
        names
    }

    /// A SPIFFE ID counts only where it is the one URI (X509-SVID, section 2).
    pub(super) fn spiffe_id(&self) -> Option<SpiffeId> {
        match self.uri.as_slice() {
            [uri] => uri.parse().ok(),
            _ => None,
        }
    }
}

fn address(octets: &[u8]) -> Option<IpAddr> {
    let v4 = || <[u8; 4]>::try_from(octets).map(|o| IpAddr::V4(Ipv4Addr::from(o)));
    let v6 = || <[u8; 16]>::try_from(octets).map(|o| IpAddr::V6(Ipv6Addr::from(o)));
    v4().or_else(|_| v6()).ok()
}

fn attribute(attribute: &AttributeTypeAndValue<'_>) -> (String, String) {
    let value = attribute
        .as_str()
        .map_or_else(|_| format!("#{}", super::hexadecimal(attribute.as_slice())), str::to_owned);
    (short_name(attribute.attr_type()), value)
}

/// RFC 4514, section 3, and what else is usual; a dotted OID for the rest.
fn short_name(oid: &Oid<'_>) -> String {
    match oid.to_id_string().as_str() {
        "0.9.2342.19200300.100.1.1" => return "UID".to_owned(),
        "1.2.840.113549.1.9.1" => return "emailAddress".to_owned(),
        _ => {}
    }
    let registry = OidRegistry::default().with_x509();
    match registry.get(oid).map(|entry| entry.sn()) {
        Some("commonName") => "CN",
        Some("countryName") => "C",
        Some("domainComponent") => "DC",
        Some("localityName") => "L",
        Some("organizationName") => "O",
        Some("organizationalUnit") => "OU",
        Some("stateOrProvinceName") => "ST",
        Some("streetAddress") => "STREET",
        Some(other) => other,
        None => return oid.to_id_string(),
    }
    .to_owned()
}

/// RFC 4514, section 2.4.
fn escaped(value: &str) -> String {
    let last = value.chars().count().saturating_sub(1);
    let mut text = String::with_capacity(value.len());
    for (index, character) in value.chars().enumerate() {
        let special = matches!(character, '"' | '+' | ',' | ';' | '<' | '>' | '\\')
            || (index == 0 && matches!(character, ' ' | '#'))
            || (index == last && character == ' ');
        match character {
            _ if character.is_ascii_control() => {
                let _ = write!(text, "\\{:02X}", u32::from(character));
            }
            _ if special => text.extend(['\\', character]),
            _ => text.push(character),
        }
    }
    text
}
