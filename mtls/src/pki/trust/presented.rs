//! A chain as the other side presented it: its fields are known, and nothing of it is believed
//! yet. What a stranger can send is bounded before it is looked at.

use std::cell::OnceCell;

use rustls::pki_types::CertificateDer;
use x509_parser::extensions::KeyUsage;

use crate::event::refusal::{Code, Reason};
use crate::pki::certificate::{Certificate, Fields, PublicKey};

/// The most certificates that one side may present: more serve no honest chain.
const LONGEST: usize = 8;

/// The most octets of one certificate: a leaf of 1,000 DNS names fits.
pub(super) const LARGEST_CERTIFICATE: usize = 48 * 1024;

/// The most octets of all certificates: four with keys and signatures of ML-DSA-87 take half of
/// it. rustls stops at 64 KiB.
const LARGEST_CHAIN: usize = 60 * 1024;

pub(super) struct Presented<'a> {
    pub(super) ders: &'a [CertificateDer<'a>],
    /// What refusals show of each, once it was needed.
    facts: Vec<OnceCell<Certificate>>,
    /// The leaf first, then whatever else came; never empty.
    pub(super) parsed: Vec<Fields<'a>>,
}

impl<'a> Presented<'a> {
    /// Finds the fields of a chain that is not too large.
    pub(super) fn parse(ders: &'a [CertificateDer<'a>]) -> Result<Self, Reason> {
        if ders.is_empty() {
            return Err(Reason::new(Code::NoCertificate));
        }
        refuse_too_large(ders)?;
        let parsed = ders.iter().map(|der| Fields::read(der)).collect::<Result<_, _>>();
        let facts = vec![OnceCell::new(); ders.len()];
        Ok(Self { ders, facts, parsed: parsed.map_err(|error| error.reason())? })
    }

    pub(super) fn leaf(&self) -> &Fields<'a> {
        self.parsed.first().expect("a presented chain must have a leaf")
    }

    /// What a refusal shows of the certificate at `index`; its `chain` is itself and all that
    /// followed it.
    pub(super) fn facts(&self, index: usize) -> Certificate {
        let facts = self.facts[index].get_or_init(|| {
            let mut facts = Certificate::excerpt(&self.parsed[index]);
            let above = self.parsed[index + 1..].iter().map(Certificate::subject_excerpt);
            facts.chain.extend(above);
            facts
        });
        facts.clone()
    }

    /// A reason that concerns the certificate at `index`.
    pub(super) fn reason(&self, code: Code, index: usize) -> Reason {
        Reason::new(code).with_certificate(self.facts(index))
    }

    /// Issuer equals subject, and it names its own key as its issuer's or, where no other issuer
    /// may have signed it, verifies with its own key.
    pub(super) fn refuse_self_signed(&self, has_issuer: bool) -> Result<(), Reason> {
        let leaf = self.leaf();
        let is_self_signed = leaf.names_itself() || (!has_issuer && leaf.is_signed_by_itself());
        if is_self_signed { Err(self.reason(Code::SelfSigned, 0)) } else { Ok(()) }
    }
}

/// Whether the key usage includes `bit`, or is absent and so allows all.
pub(super) fn may(certificate: &Fields<'_>, bit: fn(&KeyUsage) -> bool) -> bool {
    certificate.extensions.key_usage.as_ref().is_none_or(bit)
}

/// Refuses a chain that is longer than what one side may present.
pub(crate) fn refuse_too_large(ders: &[CertificateDer<'_>]) -> Result<(), Reason> {
    let largest = ders.iter().map(|der| der.len()).max().unwrap_or(0);
    let all: usize = ders.iter().map(|der| der.len()).sum();
    let detail = if ders.len() > LONGEST {
        format!("{} certificates were sent, and {LONGEST} are the most", ders.len())
    } else if largest > LARGEST_CERTIFICATE {
        format!("a certificate has {largest} bytes, and {LARGEST_CERTIFICATE} are the most")
    } else if all > LARGEST_CHAIN {
        format!("the certificates have {all} bytes, and {LARGEST_CHAIN} are the most")
    } else {
        return Ok(());
    };
    Err(Reason::new(Code::ChainTooComplex).with_detail(detail))
}

/// Why a key is too weak to be believed, or of a kind that is not verified here, if it is.
pub(crate) fn weakness(key: &PublicKey) -> Option<String> {
    let PublicKey { algorithm, curve, bits } = key;
    match (algorithm.as_str(), curve.as_deref()) {
        ("RSA", _) if *bits < 2048 => {
            Some(format!("its RSA key has {bits} bits, and 2048 are the least"))
        }
        ("RSA", _) if *bits > 8192 => {
            Some(format!("its RSA key has {bits} bits, and 8192 are the most"))
        }
        ("RSA" | "Ed25519" | "ML-DSA-44" | "ML-DSA-65" | "ML-DSA-87", _)
        | ("EC", Some("P-256" | "P-384" | "P-521")) => None,
        ("EC", Some(curve)) => {
            Some(format!("its key is on the curve {curve}, which is not verified here"))
        }
        ("EC", None) => {
            let why = "its EC key does not name its curve, and other parameters are not supported";
            Some(why.to_owned())
        }
        ("", _) => Some("its key cannot be decoded".to_owned()),
        (algorithm, _) => {
            Some(format!("its key is of the algorithm {algorithm}, which is not verified here"))
        }
    }
}
