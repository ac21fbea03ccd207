//! One extension of a certificate, by name or OID, and its content.

use std::fmt::{Display, Formatter, Result};

use mtls::pki::certificate::Certificate;
use serde::Serialize;
use x509_parser::extensions::{
    AuthorityKeyIdentifier, BasicConstraints, DistributionPointName, GeneralSubtree,
    ParsedExtension, X509Extension,
};

use super::general_name;
use super::sheet::{hexadecimal, row_of_list};

/// An extension (RFC 5280, section 4.2).
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ExtensionView {
    oid: String,
    /// Its name in its RFC; none if it is unknown to this program.
    name: Option<&'static str>,
    critical: bool,
    /// Its content as text.
    value: String,
}

impl ExtensionView {
    /// The extension of a certificate whose other facts are known.
    pub(super) fn of(extension: &X509Extension<'_>, certificate: &Certificate) -> Self {
        let oid = extension.oid.to_id_string();
        let known = NAMES.iter().find(|(known, _)| *known == oid);
        let parsed = extension.parsed_extension();
        let value = match words(parsed, certificate) {
            Some(words) => words,
            None if parsed.error().is_some() => {
                format!("unreadable: {}", hexadecimal(extension.value))
            }
            None => hexadecimal(extension.value),
        };
        Self { name: known.map(|(_, name)| *name), critical: extension.critical, value, oid }
    }
}

impl Display for ExtensionView {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> Result {
        let critical = if self.critical { " (critical)" } else { "" };
        let value = format!("{}{critical}", self.value);
        row_of_list(formatter, self.name.unwrap_or(&self.oid), &value)
    }
}

fn words(parsed: &ParsedExtension<'_>, certificate: &Certificate) -> Option<String> {
    Some(match parsed {
        ParsedExtension::AuthorityInfoAccess(access) => {
            let places = access.iter().map(|one| {
                let how = match one.access_method.to_id_string().as_str() {
                    "1.3.6.1.5.5.7.48.1" => "OCSP".to_owned(),
                    "1.3.6.1.5.5.7.48.2" => "issuer".to_owned(),
                    other => other.to_owned(),
                };
                format!("{how} at {}", general_name::words(&one.access_location))
            });
            places.collect::<Vec<_>>().join(", ")
        }
        ParsedExtension::AuthorityKeyIdentifier(identifier) => authority_key(identifier),
        ParsedExtension::BasicConstraints(constraints) => basic_constraints(constraints),
        ParsedExtension::CRLDistributionPoints(points) => {
            let names = points.iter().filter_map(|point| match &point.distribution_point {
                Some(DistributionPointName::FullName(names)) => Some(general_name::list(names)),
                _ => None,
            });
            names.collect::<Vec<_>>().join(", ")
        }
        ParsedExtension::CertificatePolicies(policies) => {
            let oids = policies.iter().map(|policy| policy.policy_id.to_id_string());
            oids.collect::<Vec<_>>().join(", ")
        }
        ParsedExtension::ExtendedKeyUsage(_) => certificate.extended_key_usage.join(", "),
        ParsedExtension::InhibitAnyPolicy(inhibit) => {
            format!("after {} certificates", inhibit.skip_certs)
        }
        ParsedExtension::IssuerAlternativeName(names) => general_name::list(&names.general_names),
        ParsedExtension::KeyUsage(_) => certificate.key_usage.join(", "),
        ParsedExtension::NameConstraints(constraints) => {
            let permitted = subtrees("permits", constraints.permitted_subtrees.as_deref());
            let excluded = subtrees("excludes", constraints.excluded_subtrees.as_deref());
            let parts: Vec<String> = permitted.into_iter().chain(excluded).collect();
            parts.join("; ")
        }
        ParsedExtension::NsCertComment(comment) => (*comment).to_owned(),
        ParsedExtension::SubjectAlternativeName(names) => general_name::list(&names.general_names),
        ParsedExtension::SubjectKeyIdentifier(identifier) => hexadecimal(identifier.0),
        _ => return None,
    })
}

fn authority_key(identifier: &AuthorityKeyIdentifier<'_>) -> String {
    let key = identifier.key_identifier.as_ref().map(|key| hexadecimal(key.0));
    let issuer = identifier.authority_cert_issuer.as_ref();
    let issuer = issuer.map(|names| format!("issued by {}", general_name::list(names)));
    let serial = identifier.authority_cert_serial;
    let serial = serial.map(|serial| format!("serial number {}", hexadecimal(serial)));
    key.into_iter().chain(issuer).chain(serial).collect::<Vec<_>>().join(", ")
}

fn basic_constraints(constraints: &BasicConstraints) -> String {
    match (constraints.ca, constraints.path_len_constraint) {
        (false, _) => "a leaf, no authority".to_owned(),
        (true, None) => "an authority, any path length".to_owned(),
        (true, Some(length)) => format!("an authority, path length {length}"),
    }
}

fn subtrees(verb: &str, subtrees: Option<&[GeneralSubtree<'_>]>) -> Option<String> {
    let names = subtrees?.iter().map(|subtree| general_name::words(&subtree.base));
    Some(format!("{verb} {}", names.collect::<Vec<_>>().join(", ")))
}

/// By the names of RFC 5280, 6960, 6962 and 7633.
const NAMES: [(&str, &str); 19] = [
    ("1.3.6.1.4.1.11129.2.4.2", "signedCertificateTimestamps"),
    ("1.3.6.1.5.5.7.1.1", "authorityInfoAccess"),
    ("1.3.6.1.5.5.7.1.11", "subjectInfoAccess"),
    ("1.3.6.1.5.5.7.1.24", "tlsFeature"),
    ("1.3.6.1.5.5.7.48.1.5", "ocspNoCheck"),
    ("2.16.840.1.113730.1.13", "netscapeComment"),
    ("2.5.29.14", "subjectKeyIdentifier"),
    ("2.5.29.15", "keyUsage"),
    ("2.5.29.17", "subjectAltName"),
    ("2.5.29.18", "issuerAltName"),
    ("2.5.29.19", "basicConstraints"),
    ("2.5.29.30", "nameConstraints"),
    ("2.5.29.31", "cRLDistributionPoints"),
    ("2.5.29.32", "certificatePolicies"),
    ("2.5.29.33", "policyMappings"),
    ("2.5.29.35", "authorityKeyIdentifier"),
    ("2.5.29.36", "policyConstraints"),
    ("2.5.29.37", "extendedKeyUsage"),
    ("2.5.29.54", "inhibitAnyPolicy"),
];
