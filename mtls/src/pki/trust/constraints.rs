//! Which name constraint (RFC 5280, section 4.2.1.10) a path does not pass, and whether a name
//! violates it or that is unknown.
//!
//! webpki decides. It evaluates constraints of DNS names and of IP addresses; where a constraint
//! of another kind concerns a certificate, it refuses, whatever the name is. Here is only found
//! which of both it was.

use std::net::IpAddr;

use x509_parser::certificate::X509Certificate;
use x509_parser::extensions::{GeneralName, NameConstraints};
use x509_parser::prelude::FromDer;

use super::path::Path;
use crate::event::refusal::{Code, Reason};
use crate::pki::certificate::{Certificate, DistinguishedName};

/// Whether a constraint's names are the only ones or the forbidden ones.
#[derive(Clone, Copy, Eq, PartialEq)]
enum Subtrees {
    Excluded,
    Permitted,
}

/// A certificate that has constraints, and what they constrain.
struct Bearer<'a> {
    certificate: Certificate,
    constraints: &'a NameConstraints<'a>,
    /// The certificates below it, each with its index in the chain.
    below: &'a [(usize, X509Certificate<'a>)],
}

impl Path<'_> {
    /// The reason for refusing a path that violates an issuer's name constraints.
    ///
    /// webpki looks at constraints once all signatures have verified, so that it is an authority
    /// of ours whose certificates are parsed here.
    pub(super) fn constrained(&self) -> Reason {
        let reason = || self.chain.reason(Code::NameConstraint, 0);
        let parse = |der| X509Certificate::from_der(der).ok().map(|(_, parsed)| parsed);
        let step = |index: &usize| Some((*index, parse(&self.chain.ders[*index])?));
        let steps: Option<Vec<_>> = self.steps.iter().map(step).collect();
        let (Some(root), Some(steps)) = (parse(&self.root.der), steps) else {
            return reason();
        };
        let root = (&root, self.root.certificate.clone(), steps.as_slice());
        let above = (1..steps.len()).rev().map(|step| {
            let (index, parsed) = &steps[step];
            (parsed, self.chain.facts(*index), &steps[..step])
        });
        let bearers: Vec<Bearer<'_>> = std::iter::once(root)
            .chain(above)
            .filter_map(|(parsed, certificate, below)| {
                let constraints = parsed.name_constraints().ok()??.value;
                Some(Bearer { certificate, constraints, below })
            })
            .collect();
        let violation = bearers.iter().find_map(|bearer| self.violation(bearer));
        let unsupported = || bearers.iter().find_map(|bearer| self.unsupported(bearer));
        violation.or_else(unsupported).unwrap_or_else(reason)
    }

    /// A DNS name or an address that is excluded, or not among those that are permitted.
    fn violation(&self, bearer: &Bearer<'_>) -> Option<Reason> {
        let (index, detail) = bearer.below.iter().find_map(|(index, below)| {
            Some((*index, names(below).find_map(|name| bearer.forbids(name))?))
        })?;
        Some(self.chain.reason(Code::NameConstraint, index).with_detail(detail))
    }

    /// A constraint of a kind that is not evaluated here, and that concerns a certificate.
    fn unsupported(&self, bearer: &Bearer<'_>) -> Option<Reason> {
        let (index, subtrees, constraint) = bearer.below.iter().find_map(|(index, below)| {
            let mut all = bearer.all().into_iter();
            let (subtrees, constraint) = all.find(|(_, constraint)| match constraint {
                GeneralName::DNSName(_) | GeneralName::IPAddress(_) => false,
                // Every certificate has a subject.
                GeneralName::DirectoryName(_) => true,
                other => names(below).any(|name| is_same_kind(name, other)),
            })?;
            Some((*index, subtrees, constraint))
        })?;
        let verb = match subtrees {
            Subtrees::Excluded => "excludes",
            Subtrees::Permitted => "permits",
        };
        let detail = format!(
            "{} {verb} {}, and constraints of that kind are not supported, so that {} is refused \
             whether it fits or not",
            bearer.certificate.subject,
            shown(constraint),
            self.chain.facts(index).name(),
        );
        let reason = Reason::new(Code::NameConstraint).with_detail(detail);
        Some(reason.with_certificate(bearer.certificate.clone()))
    }
}

impl Bearer<'_> {
    fn all(&self) -> Vec<(Subtrees, &GeneralName<'_>)> {
        let permitted = self.constraints.permitted_subtrees.iter().flatten();
        let excluded = self.constraints.excluded_subtrees.iter().flatten();
        let permitted = permitted.map(|subtree| (Subtrees::Permitted, &subtree.base));
        permitted.chain(excluded.map(|subtree| (Subtrees::Excluded, &subtree.base))).collect()
    }

    fn of_kind<'a>(
        &'a self,
        subtrees: Subtrees,
        name: &'a GeneralName<'_>,
    ) -> impl Iterator<Item = &'a GeneralName<'a>> {
        let all = self.all().into_iter();
        let kind = move |(of, base): &(Subtrees, &GeneralName<'_>)| {
            *of == subtrees && is_same_kind(base, name)
        };
        all.filter(kind).map(|(_, base)| base)
    }

    /// How it forbids a DNS name or an address, if it does.
    fn forbids(&self, name: &GeneralName<'_>) -> Option<String> {
        let who = &self.certificate.subject;
        let mut excluded = self.of_kind(Subtrees::Excluded, name);
        if let Some(by) = excluded.find(|base| is_within(name, base)) {
            return Some(format!("{} is excluded by {who} with {}", shown(name), shown(by)));
        }
        let permitted: Vec<_> = self.of_kind(Subtrees::Permitted, name).collect();
        let is_evaluated = matches!(name, GeneralName::DNSName(_) | GeneralName::IPAddress(_));
        let is_permitted = permitted.iter().any(|base| is_within(name, base));
        (is_evaluated && !permitted.is_empty() && !is_permitted).then(|| {
            let permitted: Vec<String> = permitted.into_iter().map(shown).collect();
            format!("{} is outside of what {who} permits: {}", shown(name), permitted.join(", "))
        })
    }
}

fn names<'a>(certificate: &'a X509Certificate<'_>) -> impl Iterator<Item = &'a GeneralName<'a>> {
    let names = certificate.subject_alternative_name().ok().flatten();
    names.into_iter().flat_map(|extension| &extension.value.general_names)
}

fn is_same_kind(one: &GeneralName<'_>, other: &GeneralName<'_>) -> bool {
    std::mem::discriminant(one) == std::mem::discriminant(other)
}

/// Whether a DNS name or an address is in the subtree of a constraint.
fn is_within(name: &GeneralName<'_>, base: &GeneralName<'_>) -> bool {
    match (name, base) {
        (GeneralName::DNSName(name), GeneralName::DNSName(base)) => {
            let (name, base) = (name.to_ascii_lowercase(), base.to_ascii_lowercase());
            let above = base.strip_prefix('.').unwrap_or(&base);
            let labels = name.strip_suffix(above);
            base.is_empty() || name == base || labels.is_some_and(|labels| labels.ends_with('.'))
        }
        (GeneralName::IPAddress(name), GeneralName::IPAddress(base)) => {
            let (address, mask) = base.split_at(base.len() / 2);
            let bits = name.iter().zip(address).zip(mask);
            name.len() * 2 == base.len()
                && bits.into_iter().all(|((name, base), mask)| name & mask == base & mask)
        }
        _ => false,
    }
}

/// The kind and the value of a name or of a constraint.
fn shown(name: &GeneralName<'_>) -> String {
    match name {
        GeneralName::OtherName(oid, _) => format!("the other name of type {oid}"),
        GeneralName::RFC822Name(mail) => format!("the email address \"{mail}\""),
        GeneralName::DNSName(name) => format!("the DNS name \"{name}\""),
        GeneralName::X400Address(_) => "an X.400 address".to_owned(),
        GeneralName::DirectoryName(name) => {
            let name = DistinguishedName::read(name.as_raw());
            let name = name.map_or_else(|error| error.to_string(), |name| name.to_string());
            format!("the directory name \"{name}\"")
        }
        GeneralName::EDIPartyName(_) => "an EDI party name".to_owned(),
        GeneralName::URI(uri) => format!("the URI \"{uri}\""),
        GeneralName::IPAddress(octets) => format!("the IP address {}", address(octets)),
        GeneralName::RegisteredID(oid) => format!("the registered ID {oid}"),
        GeneralName::Invalid(..) => "a name that cannot be read".to_owned(),
    }
}

/// An address, or an address and its mask.
fn address(octets: &[u8]) -> String {
    let one = |octets: &[u8]| {
        let v4 = <[u8; 4]>::try_from(octets).map(IpAddr::from);
        v4.or_else(|_| <[u8; 16]>::try_from(octets).map(IpAddr::from)).ok()
    };
    let (address, mask) = octets.split_at(octets.len() / 2);
    let length: u32 = mask.iter().map(|octet| octet.count_ones()).sum();
    match (octets.len(), one(octets), one(address)) {
        (4 | 16, Some(address), _) => address.to_string(),
        (8 | 32, _, Some(address)) => format!("{address}/{length}"),
        _ => "of an unknown length".to_owned(),
    }
}
