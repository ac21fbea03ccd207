//! One root: an authority's own certificate, believed because an operator put it into `ca.crt`.

use rustls::DistinguishedName;
use rustls::pki_types::{CertificateDer, Der, TrustAnchor};
use time::OffsetDateTime;
use x509_parser::extensions::KeyUsage;

use super::BadTrust;
use super::name::Name;
use super::presented::{LARGEST_CERTIFICATE, may, weakness};
use crate::pki::certificate::{Certificate, Fields};

/// A root that may sign leaves and intermediates.
#[derive(Debug)]
pub struct Root {
    /// What stands in it.
    pub certificate: Certificate,
    anchor: TrustAnchor<'static>,
    pub(super) der: CertificateDer<'static>,
    /// Its public key, as DER.
    pub(super) key: Vec<u8>,
    pub(super) key_identifier: Option<Vec<u8>>,
    /// Whether its key usage includes `cRLSign`, or is absent.
    pub(super) may_sign_lists: bool,
    pub(super) name: Name,
    pub(super) path_length: Option<u32>,
    pub(super) subject: Vec<u8>,
}

impl Root {
    pub(super) fn new(der: &CertificateDer<'_>) -> Result<Self, BadTrust> {
        let unnamed = |why: String| BadTrust::Root { subject: "of ca.crt".to_owned(), why };
        let fields = Fields::read(der).map_err(|error| unnamed(error.to_string()))?;
        let certificate = Certificate::of(&fields).map_err(|error| unnamed(error.to_string()))?;
        let bad = |why: String| BadTrust::Root { subject: certificate.subject.to_string(), why };

        if der.len() > LARGEST_CERTIFICATE {
            let most = LARGEST_CERTIFICATE;
            return Err(bad(format!("it has {} bytes, and {most} are the most", der.len())));
        }
        let path_length = authority(&fields).map_err(|why| bad(why.to_owned()))?;
        if let Some(weakness) = weakness(&certificate.public_key) {
            return Err(bad(weakness));
        }
        let anchor = webpki::anchor_from_trusted_cert(der)
            .map_err(|error| bad(error.to_string()))?
            .to_owned();
        Ok(Self {
            anchor,
            der: der.clone().into_owned(),
            key: fields.public_key.to_vec(),
            key_identifier: fields.extensions.subject_key_identifier.map(<[u8]>::to_vec),
            may_sign_lists: may(&fields, KeyUsage::crl_sign),
            name: Name::of(fields.subject),
            path_length,
            subject: fields.subject.to_vec(),
            certificate,
        })
    }

    /// Whether it is inside of its dates, the whole of its last second included; outside of them
    /// it does not count.
    pub fn counts_at(&self, now: OffsetDateTime) -> bool {
        let (from, to) = (self.certificate.valid_from, self.certificate.valid_to);
        (from.unix_timestamp()..=to.unix_timestamp()).contains(&now.unix_timestamp())
    }

    /// Whether it could have issued a certificate of this authority key identifier (RFC 5280,
    /// section 4.2.1.1).
    pub(super) fn may_have_key(&self, authority_key_identifier: Option<&[u8]>) -> bool {
        match (authority_key_identifier, &self.key_identifier) {
            (Some(named), Some(own)) => named == own,
            _ => true,
        }
    }

    /// Itself as webpki's anchor, with the bytes by which one chain names it (the content of its
    /// issuer's `Name`): webpki compares names byte by byte. Its key and its constraints stay.
    pub(super) fn anchor_named<'a>(&'a self, name: &'a [u8]) -> TrustAnchor<'a> {
        let constraints = self.anchor.name_constraints.as_ref();
        TrustAnchor {
            subject: Der::from_slice(name),
            subject_public_key_info: Der::from_slice(&self.anchor.subject_public_key_info),
            name_constraints: constraints.map(|constraints| Der::from_slice(constraints)),
        }
    }

    pub(super) fn distinguished_name(&self) -> DistinguishedName {
        DistinguishedName::from(self.subject.clone())
    }
}

/// The path length of an authority's certificate; an error where it is not an authority's.
fn authority(root: &Fields<'_>) -> Result<Option<u32>, &'static str> {
    let constraints =
        root.extensions.basic_constraints.as_ref().filter(|constraints| constraints.ca);
    let Some(constraints) = constraints else {
        return Err("it is not an authority's certificate (basicConstraints cA is missing)");
    };
    match &root.extensions.key_usage {
        Some(usage) if !usage.key_cert_sign() => Err("its key usage does not include keyCertSign"),
        _ => Ok(constraints.path_len_constraint),
    }
}
