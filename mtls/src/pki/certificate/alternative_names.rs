//! Subject alternative names (RFC 5280, section 4.2.1.6).

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use serde::Serialize;

use super::der::{BadDer, Element, Elements, OBJECT_IDENTIFIER, constructed, primitive};
use super::{DistinguishedName, Fields, Most, UnreadableCertificate, memory_of};
use crate::pki::spiffe::SpiffeId;

/// Subject alternative names, those of the four kinds that matter.
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
    /// Reads the first names, up to so many, and why these are not all: one of them cannot be
    /// decoded, of whatever kind it is, there is none, or there are more. What can't be decoded
    /// might be a second SPIFFE ID, or a name that is excluded.
    pub(super) fn read_up_to(
        most: &Most,
        certificate: &Fields<'_>,
    ) -> (Self, Option<UnreadableCertificate>) {
        let mut names = Self::default();
        let problem = names.read(most, certificate).err();
        (names, problem)
    }

    fn read(&mut self, most: &Most, from: &Fields<'_>) -> Result<(), UnreadableCertificate> {
        let Some(all) = from.extensions.alternative_names else {
            return Ok(());
        };
        if all.is_empty() {
            return Err(UnreadableCertificate::new("its subjectAltName is empty"));
        }
        for (index, name) in Elements::of(all).enumerate() {
            if index == most.names {
                let problem = "it has more subject alternative names than are read";
                return Err(UnreadableCertificate::excessive(problem));
            }
            name.and_then(|name| self.add(most, name)).map_err(|_| {
                let problem = format!("name {} of its subjectAltName cannot be decoded", index + 1);
                UnreadableCertificate::new(problem)
            })?;
        }
        Ok(())
    }

    /// About how much memory they take, in bytes.
    pub(super) fn memory(&self) -> usize {
        let Self { dns, uri, ip, email } = self;
        memory_of(dns) + memory_of(uri) + size_of_val(ip.as_slice()) + memory_of(email)
    }

    /// A SPIFFE ID counts only where it is the one URI (X509-SVID, section 2).
    pub(super) fn spiffe_id(&self) -> Option<SpiffeId> {
        match self.uri.as_slice() {
            [uri] => uri.parse().ok(),
            _ => None,
        }
    }

    /// Cuts each name that is longer, and says whether it cut one.
    pub(super) fn cut(&mut self, cut: impl Fn(&mut String) -> bool) -> bool {
        let texts = self.dns.iter_mut().chain(&mut self.uri).chain(&mut self.email);
        texts.fold(false, |any, text| cut(text) | any)
    }

    fn add(&mut self, most: &Most, name: Element<'_>) -> Result<(), BadDer> {
        match name.tag {
            DNS_NAME => self.dns.push(ia5_string(name.content)?),
            UNIFORM_RESOURCE_IDENTIFIER => self.uri.push(ia5_string(name.content)?),
            IP_ADDRESS => self.ip.push(address(name.content)?),
            RFC822_NAME => self.email.push(ia5_string(name.content)?),
            DIRECTORY_NAME => {
                let (_, problem) = DistinguishedName::read_up_to(most, name.content);
                problem.map_or(Ok(()), |_| Err(BadDer))?;
            }
            OTHER_NAME => {
                let mut members = Elements::of(name.content);
                object_identifier(members.expect(OBJECT_IDENTIFIER)?.content)?;
                members.expect(constructed(0))?;
                members.end()?;
            }
            REGISTERED_ID => object_identifier(name.content)?,
            EDI_PARTY_NAME | X400_ADDRESS => {
                Elements::of(name.content).try_for_each(|member| member.map(|_| ()))?;
            }
            _ => return Err(BadDer),
        }
        Ok(())
    }
}

/// ASCII without a NUL, at which other programs would end the name.
fn ia5_string(octets: &[u8]) -> Result<String, BadDer> {
    let text = std::str::from_utf8(octets).map_err(|_| BadDer)?;
    let is_name = !text.is_empty() && text.is_ascii() && !text.contains('\0');
    is_name.then(|| text.to_owned()).ok_or(BadDer)
}

fn address(octets: &[u8]) -> Result<IpAddr, BadDer> {
    let v4 = || <[u8; 4]>::try_from(octets).map(|o| IpAddr::V4(Ipv4Addr::from(o)));
    let v6 = || <[u8; 16]>::try_from(octets).map(|o| IpAddr::V6(Ipv6Addr::from(o)));
    v4().or_else(|_| v6()).map_err(|_| BadDer)
}

/// X.690, section 8.19: the last octet of each arc has its high bit clear.
fn object_identifier(content: &[u8]) -> Result<(), BadDer> {
    if content.last().is_some_and(|octet| *octet < 0x80) { Ok(()) } else { Err(BadDer) }
}

const OTHER_NAME: u8 = constructed(0);
const RFC822_NAME: u8 = primitive(1);
const DNS_NAME: u8 = primitive(2);
const X400_ADDRESS: u8 = constructed(3);
const DIRECTORY_NAME: u8 = constructed(4);
const EDI_PARTY_NAME: u8 = constructed(5);
const UNIFORM_RESOURCE_IDENTIFIER: u8 = primitive(6);
const IP_ADDRESS: u8 = primitive(7);
const REGISTERED_ID: u8 = primitive(8);
