//! The content of an X.509 certificate, read once and shown in one shape everywhere: in responses,
//! on the page, in refusals and in `certs inspect`. Verification is in [`crate::pki::trust`].

mod alternative_names;
pub(crate) mod der;
mod distinguished_name;
mod extensions;
mod fields;
mod key;
mod shown;
mod signed;
mod usage;

use std::fmt::Write;

use aws_lc_rs::digest::{SHA256, digest};
use rustls::pki_types::CertificateDer;
use serde::Serialize;
use thiserror::Error;
use time::OffsetDateTime;
use x509_parser::asn1_rs::Oid;

pub use self::alternative_names::SubjectAltNames;
pub(crate) use self::distinguished_name::text;
pub use self::distinguished_name::{DistinguishedName, UnreadableName};
pub(crate) use self::fields::Fields;
pub use self::key::PublicKey;
pub use self::shown::ShownNames;
pub(crate) use self::signed::{NotSigned, Signed};
use crate::event::refusal::{Code, Reason};
use crate::pki::spiffe::SpiffeId;
use crate::untrusted::Untrusted;

/// The facts of one certificate (RFC 5280, section 4.1), and the subjects of the chain it stands
/// in.
///
/// Serialized, it is the `clientCert` or `serverCert` of an answer.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Certificate {
    /// The subject.
    pub subject: DistinguishedName,
    /// The issuer.
    pub issuer: DistinguishedName,
    /// Lower-case hexadecimal without separators.
    pub serial_number: String,
    /// SHA-256 of the whole certificate in upper-case hexadecimal with colons; empty where a
    /// refused one has more than 16 KiB, since to hash it would cost as much as to verify it.
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
    /// Whether names, values or lists in here were cut, since nobody verified the certificate.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub truncated: bool,
}

/// A certificate that could not be read.
#[derive(Clone, Debug, Eq, Error, PartialEq)]
#[error("not an X.509 certificate: {why}")]
pub struct UnreadableCertificate {
    excessive: bool,
    why: String,
}

impl UnreadableCertificate {
    fn new(why: impl Into<String>) -> Self {
        Self { excessive: false, why: why.into() }
    }

    /// It may be well formed, but has more of something than is looked at.
    fn excessive(why: &str) -> Self {
        Self { excessive: true, why: why.to_owned() }
    }

    pub(crate) fn reason(&self) -> Reason {
        let code = if self.excessive { Code::ChainTooComplex } else { Code::BadEncoding };
        Reason::new(code).with_detail(&self.why)
    }
}

impl Certificate {
    /// Reads one DER certificate.
    ///
    /// # Errors
    ///
    /// An extension that is read here occurs twice or cannot be decoded, or there are more names
    /// and extensions than a certificate may have to be verified.
    pub fn read(der: &CertificateDer<'_>) -> Result<Self, UnreadableCertificate> {
        Self::of(&Fields::read(der)?)
    }

    /// All that stands in a certificate whose fields are known.
    pub(crate) fn of(fields: &Fields<'_>) -> Result<Self, UnreadableCertificate> {
        let (certificate, problem) = Self::read_up_to(&Most::VERIFIED, fields);
        problem.map_or(Ok(certificate), Err)
    }

    /// What a refusal shows of a certificate that was not verified: the first names, and of each
    /// value at most 256 bytes, whatever was sent.
    pub(crate) fn excerpt(fields: &Fields<'_>) -> Self {
        let (mut certificate, problem) = Self::read_up_to(&Most::REFUSED, fields);
        let cut_names = certificate.subject.cut(cut) | certificate.issuer.cut(cut);
        let cut_others = certificate.subject_alt_names.cut(cut)
            | cut(&mut certificate.serial_number)
            | certificate.extended_key_usage.iter_mut().fold(false, |any, one| cut(one) | any);
        cut(&mut certificate.public_key.algorithm);
        certificate.public_key.curve.as_mut().map(cut);
        cut(&mut certificate.signature_algorithm);
        certificate.chain.iter_mut().for_each(|subject| {
            cut(subject);
        });
        if problem.is_some() {
            certificate.spiffe_id = None;
        }
        certificate.truncated = problem.is_some() | cut_names | cut_others;
        certificate
    }

    /// The subject in a refusal, as an RFC 4514 string of at most 256 bytes.
    pub(crate) fn subject_excerpt(fields: &Fields<'_>) -> String {
        let mut text = DistinguishedName::read_up_to(&Most::REFUSED, fields.subject).0.to_string();
        cut(&mut text);
        text
    }

    fn read_up_to(most: &Most, fields: &Fields<'_>) -> (Self, Option<UnreadableCertificate>) {
        let (subject, bad_subject) = DistinguishedName::read_up_to(most, fields.subject);
        let (issuer, bad_issuer) = DistinguishedName::read_up_to(most, fields.issuer);
        let (subject_alt_names, bad_names) = SubjectAltNames::read_up_to(most, fields);
        let (extended_key_usage, bad_usage) = usage::read_up_to(most, fields);
        let serial = fields.serial.get(..most.octets).unwrap_or(fields.serial);
        let certificate = Self {
            serial_number: hexadecimal(serial),
            fingerprint256: fingerprint(most, fields.der),
            valid_from: fields.not_before,
            valid_to: fields.not_after,
            spiffe_id: subject_alt_names.spiffe_id(),
            subject_alt_names,
            key_usage: usage::key_usage(fields),
            extended_key_usage,
            public_key: PublicKey::of(fields.public_key),
            signature_algorithm: fields.signed.algorithm_name(),
            chain: vec![subject.to_string()],
            subject,
            issuer,
            truncated: false,
        };
        (certificate, bad_subject.or(bad_issuer).or(bad_names).or(bad_usage))
    }

    /// About how much memory it takes, in bytes.
    pub(crate) fn memory(&self) -> usize {
        // Each member is named, so that a new one is not forgotten.
        let Self {
            subject,
            issuer,
            serial_number,
            fingerprint256,
            valid_from: _,
            valid_to: _,
            subject_alt_names,
            spiffe_id,
            key_usage,
            extended_key_usage,
            public_key: PublicKey { algorithm, curve, bits: _ },
            signature_algorithm,
            chain,
            truncated: _,
        } = self;
        let texts = [serial_number, fingerprint256, algorithm, signature_algorithm];
        size_of::<Self>()
            + subject.memory()
            + issuer.memory()
            + subject_alt_names.memory()
            + texts.iter().map(|text| text.len()).sum::<usize>()
            + spiffe_id.as_ref().map_or(0, |id| id.as_str().len())
            + curve.as_ref().map_or(0, String::len)
            + size_of_val(key_usage.as_slice())
            + memory_of(extended_key_usage)
            + memory_of(chain)
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

/// How much of a certificate is read.
struct Most {
    /// In each name.
    attributes: usize,
    /// Octets of the whole certificate, for its fingerprint.
    hashed: usize,
    /// Subject alternative names.
    names: usize,
    /// Of an attribute that is shown as text, and of the serial number.
    octets: usize,
    /// In the extKeyUsage.
    purposes: usize,
}

impl Most {
    /// Of a certificate that nobody verified.
    const REFUSED: Self =
        Self { attributes: 16, hashed: 16 * 1024, names: 32, octets: 1024, purposes: 16 };
    /// All of it, or it is refused.
    const VERIFIED: Self =
        Self { attributes: 64, hashed: usize::MAX, names: 2_000, octets: usize::MAX, purposes: 64 };
}

/// Cuts a text to 256 bytes, and says whether it was longer; what was cut ends with an ellipsis.
fn cut(text: &mut String) -> bool {
    let longer = text.len() > Untrusted::LIMIT;
    if longer {
        let end = (0..=Untrusted::LIMIT).rev().find(|end| text.is_char_boundary(*end));
        text.truncate(end.unwrap_or(0));
        text.push('…');
        text.shrink_to_fit();
    }
    longer
}

/// About how much memory texts take, in bytes.
fn memory_of(texts: &[String]) -> usize {
    texts.iter().map(|text| text_memory(text)).sum()
}

/// A short text takes more than its length: itself, and what the allocator hands out at least.
fn text_memory(text: &str) -> usize {
    size_of::<String>() + text.len().max(SMALLEST_ALLOCATION)
}

/// A serial number as it is written here: lower-case hexadecimal, without the leading zero octet
/// that DER puts before a set high bit.
pub(crate) fn hexadecimal(raw: &[u8]) -> String {
    let significant = match raw {
        [0, rest @ ..] if !rest.is_empty() => rest,
        all => all,
    };
    let mut text = String::with_capacity(2 * significant.len());
    write_hexadecimal(&mut text, significant);
    text
}

fn write_hexadecimal(text: &mut String, octets: &[u8]) {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    for octet in octets {
        text.push(char::from(DIGITS[usize::from(octet >> 4)]));
        text.push(char::from(DIGITS[usize::from(octet & 15)]));
    }
}

/// An object identifier as numbers with dots between them. No real one is longer than 64 octets.
pub(crate) fn dotted(identifier: &[u8]) -> String {
    match identifier.len() {
        ..=64 => Oid::new(identifier.into()).to_id_string(),
        length => format!("an object identifier of {length} octets"),
    }
}

fn fingerprint(most: &Most, der: &[u8]) -> String {
    if der.len() > most.hashed {
        return String::new();
    }
    let mut text = String::with_capacity(95);
    for (index, byte) in digest(&SHA256, der).as_ref().iter().enumerate() {
        let _ = write!(text, "{}{byte:02X}", if index == 0 { "" } else { ":" });
    }
    text
}

/// With the bookkeeping of the usual allocators on 64-bit machines.
const SMALLEST_ALLOCATION: usize = 32;
