//! A chain as the other side presented it: parsed, and nothing of it believed yet.

use rustls::pki_types::CertificateDer;
use x509_parser::extensions::ParsedExtension;
use x509_parser::oid_registry::{
    OID_X509_EXT_AUTHORITY_KEY_IDENTIFIER, OID_X509_EXT_SUBJECT_KEY_IDENTIFIER,
};
use x509_parser::prelude::X509Certificate;

use super::Root;
use crate::certificate::{Certificate, PublicKey, parse};
use crate::refusal::{Code, Reason};

/// The most certificates that one side may present: more serve no honest chain.
const LONGEST: usize = 8;

pub(super) struct Presented<'a> {
    pub(super) ders: &'a [CertificateDer<'a>],
    /// What stands in each; a certificate's `chain` is itself and all that followed it.
    pub(super) facts: Vec<Certificate>,
    /// The leaf first, then whatever else came; never empty.
    pub(super) parsed: Vec<X509Certificate<'a>>,
}

impl<'a> Presented<'a> {
    pub(super) fn parse(ders: &'a [CertificateDer<'a>]) -> Result<Self, Reason> {
        if ders.is_empty() {
            return Err(Reason::new(Code::NoCertificate));
        }
        if ders.len() > LONGEST {
            let detail = format!("{} certificates were sent", ders.len());
            return Err(Reason::new(Code::ChainTooComplex).with_detail(detail));
        }
        let read = |der: &'a CertificateDer<'a>| {
            parse(der).map_err(|e| Reason::new(Code::BadEncoding).with_detail(e.to_string()))
        };
        let parsed = ders.iter().map(read).collect::<Result<Vec<_>, _>>()?;
        let mut facts: Vec<Certificate> =
            ders.iter().zip(&parsed).map(|(der, parsed)| Certificate::of(der, parsed)).collect();
        let subjects: Vec<String> = facts.iter().map(|facts| facts.subject.to_string()).collect();
        for (index, facts) in facts.iter_mut().enumerate() {
            facts.chain = subjects[index..].to_vec();
        }
        Ok(Self { ders, facts, parsed })
    }

    pub(super) fn leaf(&self) -> &X509Certificate<'a> {
        self.parsed.first().expect("a presented chain must have a leaf")
    }

    /// A reason that concerns the certificate at `index`.
    pub(super) fn reason(&self, code: Code, index: usize) -> Reason {
        Reason::new(code).with_certificate(self.facts[index].clone())
    }

    /// Issuer equals subject, and it verifies with its own key.
    pub(super) fn refuse_self_signed(&self) -> Result<(), Reason> {
        let leaf = self.leaf();
        let self_issued = leaf.issuer().as_raw() == leaf.subject().as_raw();
        if self_issued && leaf.verify_signature(None).is_ok() {
            return Err(self.reason(Code::SelfSigned, 0));
        }
        Ok(())
    }

    /// Follows issuer names, and key identifiers where there are some, from the leaf upwards; no
    /// signature is looked at, so it says only who *should* have signed.
    pub(super) fn refuse_unknown_issuer(&self, roots: &[Root]) -> Result<(), Reason> {
        let mut reached = vec![0];
        let mut next = 0;
        while let Some(&index) = reached.get(next) {
            let certificate = &self.parsed[index];
            let (issuer, key) = (certificate.issuer(), authority_key_identifier(certificate));
            if roots.iter().any(|root| root.could_have_issued(issuer, key)) {
                return Ok(());
            }
            for (above, candidate) in self.parsed.iter().enumerate().skip(1) {
                let other_key = match (key, key_identifier(candidate)) {
                    (Some(named), Some(own)) => named != own,
                    _ => false,
                };
                let named = candidate.subject().as_raw() == issuer.as_raw();
                if named && !other_key && !reached.contains(&above) {
                    reached.push(above);
                }
            }
            next += 1;
        }
        let top = reached.last().copied().unwrap_or(0);
        let issuer = &self.facts[top].issuer;
        Err(self.reason(Code::UnknownIssuer, 0).with_detail(format!("it names {issuer}")))
    }

    pub(super) fn refuse_weak_keys(&self) -> Result<(), Reason> {
        for (index, facts) in self.facts.iter().enumerate() {
            if let Some(weakness) = weakness(&facts.public_key) {
                return Err(self.reason(Code::UnsupportedAlgorithm, index).with_detail(weakness));
            }
        }
        Ok(())
    }
}

/// Why a key is too weak to be believed, if it is.
pub(super) fn weakness(key: &PublicKey) -> Option<String> {
    let weak = key.algorithm == "RSA" && key.bits < 2048;
    weak.then(|| format!("its RSA key has {} bits, and 2048 are the least", key.bits))
}

pub(super) fn key_identifier(parsed: &X509Certificate<'_>) -> Option<Vec<u8>> {
    let extension = parsed.get_extension_unique(&OID_X509_EXT_SUBJECT_KEY_IDENTIFIER).ok()??;
    match extension.parsed_extension() {
        ParsedExtension::SubjectKeyIdentifier(identifier) => Some(identifier.0.to_vec()),
        _ => None,
    }
}

pub(super) fn authority_key_identifier<'a>(parsed: &'a X509Certificate<'_>) -> Option<&'a [u8]> {
    let extension = parsed.get_extension_unique(&OID_X509_EXT_AUTHORITY_KEY_IDENTIFIER).ok()??;
    match extension.parsed_extension() {
        ParsedExtension::AuthorityKeyIdentifier(identifier) => {
            identifier.key_identifier.as_ref().map(|identifier| identifier.0)
        }
        _ => None,
    }
}
