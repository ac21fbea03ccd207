//! What stands in an X.509 certificate, read once and told in one shape everywhere: in answers,
//! on the page, in refusals and in `certs inspect`. It judges nothing; that is [`crate::trust`].

mod key;
mod names;
mod usage;

use std::fmt::Write;

use aws_lc_rs::digest::{SHA256, digest};
use rustls::pki_types::CertificateDer;
use serde::Serialize;
use thiserror::Error;
use time::OffsetDateTime;
use x509_parser::prelude::{FromDer, X509Certificate};

pub use self::key::PublicKey;
pub use self::names::{DistinguishedName, SubjectAltNames, UnreadableName};
use crate::spiffe::SpiffeId;

/// The facts of one certificate (RFC 5280, section 4.1), and the subjects of the chain it stands
/// in.
///
/// Serialized, it is the `clientCert` or `serverCert` of an answer.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Certificate {
    /// To whom it was issued.
    pub subject: DistinguishedName,
    /// By whom.
    pub issuer: DistinguishedName,
    /// Lower-case hexadecimal without separators.
    pub serial_number: String,
    /// SHA-256 of the whole certificate in upper-case hexadecimal with colons.
    pub fingerprint256: String,
    /// The first second of its life.
    #[serde(with = "time::serde::rfc3339")]
    pub valid_from: OffsetDateTime,
    /// The last second of its life.
    #[serde(with = "time::serde::rfc3339")]
    pub valid_to: OffsetDateTime,
    /// Names and addresses it was issued for (section 4.2.1.6).
    pub subject_alt_names: SubjectAltNames,
    /// The one URI among them, where it is a SPIFFE ID (X509-SVID, section 2).
    pub spiffe_id: Option<SpiffeId>,
    /// What its key may do (section 4.2.1.3), by the names of RFC 5280.
    pub key_usage: Vec<&'static str>,
    /// What it was issued for (section 4.2.1.12), by the names of RFC 5280 or as dotted OIDs.
    pub extended_key_usage: Vec<String>,
    /// Its key.
    pub public_key: PublicKey,
    /// How its issuer signed it.
    pub signature_algorithm: String,
    /// The RFC 4514 subjects of the chain, leaf first, root last; of the leaf alone where no
    /// chain was built.
    pub chain: Vec<String>,
}

/// A certificate that could not be read.
#[derive(Clone, Debug, Eq, Error, PartialEq)]
#[error("not an X.509 certificate: {0}")]
pub struct UnreadableCertificate(String);

impl Certificate {
    /// Reads one DER certificate.
    pub fn read(der: &CertificateDer<'_>) -> Result<Self, UnreadableCertificate> {
        let parsed = parse(der)?;
        Ok(Self::of(der, &parsed))
    }

    /// The facts of a certificate that is parsed already.
    pub(crate) fn of(der: &[u8], parsed: &X509Certificate<'_>) -> Self {
        let subject_alt_names = SubjectAltNames::of(parsed);
        Self {
            subject: DistinguishedName::of(parsed.subject()),
            issuer: DistinguishedName::of(parsed.issuer()),
            serial_number: hexadecimal(parsed.raw_serial()),
            fingerprint256: fingerprint(der),
            valid_from: parsed.validity().not_before.to_datetime(),
            valid_to: parsed.validity().not_after.to_datetime(),
            spiffe_id: subject_alt_names.spiffe_id(),
            subject_alt_names,
            key_usage: usage::key_usage(parsed),
            extended_key_usage: usage::extended_key_usage(parsed),
            public_key: PublicKey::of(parsed.public_key()),
            signature_algorithm: key::signature_algorithm(&parsed.signature_algorithm.algorithm),
            chain: vec![DistinguishedName::of(parsed.subject()).to_string()],
        }
    }

    /// Whole days until it ends, rounded down; negative once it has ended.
    pub fn days_left(&self, now: OffsetDateTime) -> i64 {
        (self.valid_to - now).whole_seconds().div_euclid(86_400)
    }

    /// Who it names, for people: the common name, or the first other name there is.
    pub fn name(&self) -> &str {
        self.subject
            .common_name()
            .or(self.spiffe_id.as_ref().map(SpiffeId::as_str))
            .or(self.subject_alt_names.dns.first().map(String::as_str))
            .unwrap_or("a certificate without a name")
    }
}

/// Parses the whole of one certificate; bytes after it are an error.
pub(crate) fn parse(der: &[u8]) -> Result<X509Certificate<'_>, UnreadableCertificate> {
    let (rest, parsed) =
        X509Certificate::from_der(der).map_err(|error| UnreadableCertificate(error.to_string()))?;
    if rest.is_empty() {
        Ok(parsed)
    } else {
        Err(UnreadableCertificate("bytes follow its end".to_owned()))
    }
}

/// A serial number as it is written here: lower-case hexadecimal, without the leading zero octet
/// that DER puts before a set high bit.
pub(crate) fn hexadecimal(raw: &[u8]) -> String {
    let significant = match raw {
        [0, rest @ ..] if !rest.is_empty() => rest,
        all => all,
    };
    significant.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

fn fingerprint(der: &[u8]) -> String {
    let bytes = digest(&SHA256, der);
    let pairs: Vec<String> = bytes.as_ref().iter().map(|byte| format!("{byte:02X}")).collect();
    pairs.join(":")
}
