//! A parsed certificate: its bytes, and the fields that an authority needs.

use rcgen::{DistinguishedName, DnType};
use time::OffsetDateTime;
use x509_parser::{
    extensions::ParsedExtension, parse_x509_certificate, pem::Pem, prelude::X509Certificate,
};

use crate::Serial;

/// A certificate that parses.
#[derive(Clone, Debug)]
pub struct Certificate {
    der: Vec<u8>,
    key_identifier: Vec<u8>,
    not_after: OffsetDateTime,
    not_before: OffsetDateTime,
    pem: String,
    public_key: Vec<u8>,
    serial: Serial,
    subject: DistinguishedName,
}

/// The errors of parsing a certificate.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum CertificateError {
    /// The PEM block holds no certificate.
    #[error("a PEM block holds no certificate that can be read")]
    Encoding,
    /// There is no PEM block.
    #[error("there is no PEM block with the label CERTIFICATE")]
    Missing,
}

impl Certificate {
    /// Reads all certificates of a PEM file, in order; other blocks are skipped.
    pub fn read_all(text: &str) -> Result<Vec<Self>, CertificateError> {
        let mut certificates = Vec::new();
        let starts = text.match_indices(BEGIN).map(|(start, _)| start);
        for start in starts {
            let end = text[start..].find(END).ok_or(CertificateError::Encoding)?;
            let block = format!("{}\n", &text[start..start + end + END.len()]);
            let parsed = Pem::iter_from_buffer(block.as_bytes()).next();
            let Some(Ok(parsed)) = parsed else {
                return Err(CertificateError::Encoding);
            };
            certificates.push(Self::new(parsed.contents, block)?);
        }
        if certificates.is_empty() {
            return Err(CertificateError::Missing);
        }
        Ok(certificates)
    }

    pub(crate) fn new(der: Vec<u8>, pem: String) -> Result<Self, CertificateError> {
        let (rest, parsed) =
            parse_x509_certificate(&der).map_err(|_| CertificateError::Encoding)?;
        if !rest.is_empty() {
            return Err(CertificateError::Encoding);
        }
        let certificate = Self {
            key_identifier: key_identifier(&parsed),
            not_after: parsed.validity().not_after.to_datetime(),
            not_before: parsed.validity().not_before.to_datetime(),
            pem,
            public_key: parsed.public_key().raw.to_vec(),
            serial: Serial::from_bytes(parsed.raw_serial()),
            subject: subject(&parsed)?,
            der: Vec::new(),
        };
        Ok(Self { der, ..certificate })
    }

    /// Its DER bytes.
    pub fn der(&self) -> &[u8] {
        &self.der
    }

    /// Its PEM block.
    pub fn pem(&self) -> &str {
        &self.pem
    }

    /// The SHA-256 of its DER in upper-case hex with colons.
    pub fn fingerprint256(&self) -> String {
        let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, &self.der);
        let bytes: Vec<String> = digest.as_ref().iter().map(|byte| format!("{byte:02X}")).collect();
        bytes.join(":")
    }

    /// Its serial number.
    pub fn serial(&self) -> &Serial {
        &self.serial
    }

    /// When its validity starts.
    pub fn not_before(&self) -> OffsetDateTime {
        self.not_before
    }

    /// The last second of its validity.
    pub fn not_after(&self) -> OffsetDateTime {
        self.not_after
    }

    /// Its public key, as DER of a `SubjectPublicKeyInfo`.
    pub fn public_key(&self) -> &[u8] {
        &self.public_key
    }

    /// Its subject key identifier; empty if it has none.
    pub fn key_identifier(&self) -> &[u8] {
        &self.key_identifier
    }

    /// The common name of its subject; empty if it has none.
    pub fn common_name(&self) -> &str {
        match self.subject.get(&DnType::CommonName) {
            Some(rcgen::DnValue::Utf8String(name)) => name,
            _ => "",
        }
    }

    /// Whether this certificate's key signed the other one.
    pub fn signed(&self, other: &Self) -> bool {
        let own = parse_x509_certificate(&self.der);
        let (Ok((_, own)), Ok((_, other))) = (own, parse_x509_certificate(&other.der)) else {
            return false;
        };
        other.issuer().as_raw() == own.subject().as_raw()
            && other.verify_signature(Some(own.public_key())).is_ok()
    }

    pub(crate) fn subject(&self) -> &DistinguishedName {
        &self.subject
    }
}

fn key_identifier(certificate: &X509Certificate<'_>) -> Vec<u8> {
    let identifier =
        certificate.iter_extensions().find_map(|extension| match extension.parsed_extension() {
            ParsedExtension::SubjectKeyIdentifier(identifier) => Some(identifier.0.to_vec()),
            _ => None,
        });
    identifier.unwrap_or_default()
}

fn subject(certificate: &X509Certificate<'_>) -> Result<DistinguishedName, CertificateError> {
    let mut subject = DistinguishedName::new();
    for attribute in certificate.subject().iter_attributes() {
        let kind = attribute.attr_type().iter().map(Iterator::collect::<Vec<u64>>);
        let kind = kind.ok_or(CertificateError::Encoding)?;
        let text = attribute.as_str().map_err(|_| CertificateError::Encoding)?;
        subject.push(DnType::from_oid(&kind), text);
    }
    Ok(subject)
}

const BEGIN: &str = "-----BEGIN CERTIFICATE-----";
const END: &str = "-----END CERTIFICATE-----";
