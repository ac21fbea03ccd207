//! The key in a certificate, and the algorithm that signed it.

use rustls::crypto::aws_lc_rs::sign::any_supported_type;
use rustls::pki_types::PrivateKeyDer;
use serde::Serialize;
use x509_parser::asn1_rs::Tag;
use x509_parser::oid_registry::Oid;
use x509_parser::prelude::FromDer;
use x509_parser::public_key::PublicKey as Parsed;
use x509_parser::x509::SubjectPublicKeyInfo;

/// A public key's kind and size.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub struct PublicKey {
    /// `EC`, `Ed25519`, `ML-DSA-65`, `RSA`, or the dotted OID of another.
    pub algorithm: String,
    /// The curve of an EC key, by its NIST name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub curve: Option<String>,
    /// Its size in bits.
    pub bits: usize,
}

impl PublicKey {
    /// The public half of a private key; none where it is damaged, or of a kind that TLS here
    /// does not use.
    pub fn of_private(key: &PrivateKeyDer<'_>) -> Option<Self> {
        let key = any_supported_type(key).ok()?.public_key()?.into_owned();
        Some(Self::of(&key))
    }

    /// The key in the DER of a `SubjectPublicKeyInfo`; one that can't be decoded has no name.
    pub(crate) fn of(der: &[u8]) -> Self {
        let Ok((_, info)) = SubjectPublicKeyInfo::from_der(der) else {
            return Self { algorithm: String::new(), curve: None, bits: 0 };
        };
        let oid = super::dotted(info.algorithm.algorithm.as_bytes());
        match (oid.as_str(), info.parsed()) {
            ("1.2.840.113549.1.1.1", Ok(Parsed::RSA(key))) => {
                Self { algorithm: "RSA".to_owned(), curve: None, bits: modulus_bits(key.modulus) }
            }
            ("1.2.840.10045.2.1", parsed) => {
                // `as_oid` takes any tag, and explicit parameters are a SEQUENCE.
                let named = info.algorithm.parameters.as_ref().filter(|p| p.tag() == Tag::Oid);
                let curve = named.and_then(|p| p.as_oid().ok());
                let (curve, bits) = curve.map_or((None, 0), |curve| named_curve(&curve));
                let measured = || parsed.map_or(0, |key| key.key_size());
                let bits = if bits == 0 { measured() } else { bits };
                Self { algorithm: "EC".to_owned(), curve, bits }
            }
            ("1.3.101.112", _) => Self { algorithm: "Ed25519".to_owned(), curve: None, bits: 256 },
            ("2.16.840.1.101.3.4.3.17", _) => Self::lattice("ML-DSA-44", 1312),
            ("2.16.840.1.101.3.4.3.18", _) => Self::lattice("ML-DSA-65", 1952),
            ("2.16.840.1.101.3.4.3.19", _) => Self::lattice("ML-DSA-87", 2592),
            ("1.3.101.113", _) => Self { algorithm: "Ed448".to_owned(), curve: None, bits: 456 },
            (oid, parsed) => Self {
                algorithm: oid.to_owned(),
                curve: None,
                bits: parsed.map_or(0, |key| key.key_size()),
            },
        }
    }
}

impl PublicKey {
    /// A key of FIPS 204, by the octets of its encoding.
    fn lattice(name: &str, octets: usize) -> Self {
        Self { algorithm: name.to_owned(), curve: None, bits: 8 * octets }
    }
}

/// The size that counts (a modulus starts with a set bit once its zero octets are gone).
fn modulus_bits(modulus: &[u8]) -> usize {
    let first = modulus.iter().position(|byte| *byte != 0).unwrap_or(modulus.len());
    let significant = &modulus[first..];
    let leading = significant.first().map_or(0, |byte| byte.leading_zeros() as usize);
    significant.len() * 8 - leading
}

/// By its NIST name, where it has one.
fn named_curve(oid: &Oid<'_>) -> (Option<String>, usize) {
    let oid = super::dotted(oid.as_bytes());
    let (name, bits) = match oid.as_str() {
        "1.2.840.10045.3.1.1" => ("P-192", 192),
        "1.2.840.10045.3.1.7" => ("P-256", 256),
        "1.3.132.0.33" => ("P-224", 224),
        "1.3.132.0.34" => ("P-384", 384),
        "1.3.132.0.35" => ("P-521", 521),
        other => (other, 0),
    };
    (Some(name.to_owned()), bits)
}

/// The algorithm's name in its RFC (3279, 4055, 5758, 8410, 9881), or its dotted OID.
pub(super) fn signature_algorithm(oid: &[u8]) -> String {
    let oid = super::dotted(oid);
    match oid.as_str() {
        "1.2.840.10045.4.1" => "ecdsa-with-SHA1",
        "1.2.840.10045.4.3.2" => "ecdsa-with-SHA256",
        "1.2.840.10045.4.3.3" => "ecdsa-with-SHA384",
        "1.2.840.10045.4.3.4" => "ecdsa-with-SHA512",
        "1.2.840.113549.1.1.10" => "id-RSASSA-PSS",
        "1.2.840.113549.1.1.11" => "sha256WithRSAEncryption",
        "1.2.840.113549.1.1.12" => "sha384WithRSAEncryption",
        "1.2.840.113549.1.1.13" => "sha512WithRSAEncryption",
        "1.2.840.113549.1.1.4" => "md5WithRSAEncryption",
        "1.2.840.113549.1.1.5" => "sha1WithRSAEncryption",
        "1.3.101.112" => "Ed25519",
        "1.3.101.113" => "Ed448",
        "2.16.840.1.101.3.4.3.17" => "id-ml-dsa-44",
        "2.16.840.1.101.3.4.3.18" => "id-ml-dsa-65",
        "2.16.840.1.101.3.4.3.19" => "id-ml-dsa-87",
        other => other,
    }
    .to_owned()
}
