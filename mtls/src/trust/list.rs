//! Revocation lists (RFC 5280, section 5): which certificates an issuer has taken back.

use std::collections::HashMap;

use rustls::pki_types::CertificateRevocationListDer;
use time::OffsetDateTime;
use webpki::BorrowedCertRevocationList;
use x509_parser::error::X509Error;
use x509_parser::extensions::ParsedExtension;
use x509_parser::prelude::{CertificateRevocationList, FromDer};
use x509_parser::x509::SubjectPublicKeyInfo;

use super::{BadTrust, Root};
use crate::certificate::{DistinguishedName, hexadecimal};

/// One issuer's list.
#[derive(Debug)]
pub struct RevocationList {
    /// Whose list it is, as an RFC 4514 string.
    pub issuer: String,
    /// Its number in lower-case hexadecimal, which grows with each list (section 5.2.3).
    pub number: Option<String>,
    /// When it was made.
    pub this_update: OffsetDateTime,
    /// When the next one is due; from then on it is stale.
    pub next_update: Option<OffsetDateTime>,
    pub(super) issuer_der: Vec<u8>,
    der: CertificateRevocationListDer<'static>,
    revoked: HashMap<String, Revoked>,
    /// The key of the root that signed it, as DER; none for an intermediate's list.
    root_key: Option<Vec<u8>>,
}

/// One entry of a list.
#[derive(Clone, Debug)]
pub(super) struct Revoked {
    pub(super) at: OffsetDateTime,
    pub(super) reason: Option<String>,
}

impl RevocationList {
    pub(super) fn read(
        der: &CertificateRevocationListDer<'static>,
        roots: &[Root],
    ) -> Result<Self, BadTrust> {
        let bad = |error: String| BadTrust::List(error);
        // webpki refuses what neither it nor we judge by: delta, indirect and partitioned lists.
        BorrowedCertRevocationList::from_der(der).map_err(|error| bad(error.to_string()))?;
        let (_, parsed) =
            CertificateRevocationList::from_der(der).map_err(|error| bad(error.to_string()))?;
        let leaves_out_leaves = parsed.extensions().iter().any(|extension| {
            matches!(extension.parsed_extension(),
                ParsedExtension::IssuingDistributionPoint(point)
                    if point.only_contains_ca_certs || point.only_contains_attribute_certs)
        });
        if leaves_out_leaves {
            return Err(bad("it does not speak of leaves".to_owned()));
        }

        let issuer = DistinguishedName::read(parsed.issuer().as_raw())
            .map_err(|error| bad(error.to_string()))?
            .to_string();
        let issuer_der = parsed.issuer().as_raw().to_vec();
        let mut named = roots.iter().filter(|root| root.subject == issuer_der).peekable();
        let claims_a_root = named.peek().is_some();
        let root_key = named.find_map(|root| {
            let (_, key) = SubjectPublicKeyInfo::from_der(&root.key).ok()?;
            parsed.verify_signature(&key).ok()?;
            Some(root.key.clone())
        });
        if claims_a_root && root_key.is_none() {
            return Err(BadTrust::ListForged(issuer));
        }
        Ok(Self {
            issuer,
            number: parsed.crl_number().map(|number| hexadecimal(&number.to_bytes_be())),
            this_update: parsed.last_update().to_datetime(),
            next_update: parsed.next_update().map(|time| time.to_datetime()),
            issuer_der,
            revoked: revoked(&parsed),
            root_key,
            der: der.clone(),
        })
    }

    /// Whether its next update was due before `now`.
    pub fn is_stale(&self, now: OffsetDateTime) -> bool {
        self.next_update.is_some_and(|due| due < now)
    }

    /// The entry of a serial number, in the hexadecimal of [`hexadecimal`].
    pub(super) fn entry(&self, serial_number: &str) -> Option<&Revoked> {
        self.revoked.get(serial_number)
    }

    /// Whether it is the list of an issuer, which is a name *and* a key: the same in a root and
    /// in a copy of it, or a cross-certificate, that a peer presents as an intermediate.
    ///
    /// # Errors
    ///
    /// It bears the issuer's name, but the issuer's key did not sign it.
    pub(super) fn is_of(&self, issuer: &[u8], key: &[u8]) -> Result<bool, X509Error> {
        if self.issuer_der != issuer {
            return Ok(false);
        }
        match &self.root_key {
            Some(root_key) => Ok(root_key == key),
            None => {
                let (_, parsed) = CertificateRevocationList::from_der(&self.der)
                    .map_err(|_| X509Error::InvalidCertificate)?;
                let (_, key) =
                    SubjectPublicKeyInfo::from_der(key).map_err(|_| X509Error::InvalidSPKI)?;
                parsed.verify_signature(&key).map(|()| true)
            }
        }
    }

    pub(super) fn is_of_root(&self, root: &Root) -> bool {
        self.issuer_der == root.subject && self.root_key.as_ref() == Some(&root.key)
    }

    /// Whether the same key signed both, as far as that is known.
    pub(super) fn has_signer_of(&self, other: &Self) -> bool {
        self.issuer_der == other.issuer_der && self.root_key == other.root_key
    }

    /// RFC 5280, section 5.2.3: a later list has a greater number. One without a number, where
    /// there was one, counts as older.
    pub(super) fn is_older_than(&self, other: &Self) -> bool {
        // Equally long hexadecimal numbers compare as their texts do.
        let value = |list: &Self| {
            let digits = list.number.as_deref().map(|number| number.trim_start_matches('0'));
            digits.map(|digits| (digits.len(), digits.to_owned()))
        };
        value(self) < value(other)
    }

    pub(super) fn is_of_an_intermediate(&self) -> bool {
        self.root_key.is_none()
    }
}

/// Issuers that have more than one list.
pub(super) fn doubled(lists: &[RevocationList]) -> impl Iterator<Item = BadTrust> {
    let earlier = |index: usize, list: &RevocationList| {
        lists[..index].iter().any(|other| other.has_signer_of(list))
    };
    let twice = lists.iter().enumerate().filter(move |(index, list)| earlier(*index, list));
    twice.map(|(_, list)| BadTrust::ListTwice(list.issuer.clone()))
}

/// Roots that have no list.
pub(super) fn missing(lists: &[RevocationList], roots: &[Root]) -> impl Iterator<Item = BadTrust> {
    let without = roots.iter().filter(|root| !lists.iter().any(|list| list.is_of_root(root)));
    without.map(|root| BadTrust::ListMissing(root.certificate.subject.to_string()))
}

/// Lists whose next update was due.
pub(super) fn stale(
    lists: &[RevocationList],
    now: OffsetDateTime,
) -> impl Iterator<Item = BadTrust> {
    let stale = lists.iter().filter(move |list| list.is_stale(now));
    stale.filter_map(|list| {
        let since = list.next_update?;
        Some(BadTrust::ListStale { issuer: list.issuer.clone(), since })
    })
}

fn revoked(parsed: &CertificateRevocationList<'_>) -> HashMap<String, Revoked> {
    let entries = parsed.iter_revoked_certificates().map(|entry| {
        let reason = entry.reason_code().map(|(_, reason)| camel_case(&reason.to_string()));
        let at = entry.revocation_date.to_datetime();
        (hexadecimal(entry.raw_serial()), Revoked { at, reason })
    });
    entries.collect()
}

/// `KEYCOMPROMISE`, `Key Compromise` or `KeyCompromise` as RFC 5280 writes it: `keyCompromise`.
fn camel_case(name: &str) -> String {
    let known = [
        "unspecified",
        "keyCompromise",
        "cACompromise",
        "affiliationChanged",
        "superseded",
        "cessationOfOperation",
        "certificateHold",
        "removeFromCRL",
        "privilegeWithdrawn",
        "aACompromise",
    ];
    let plain = |text: &str| text.replace([' ', '_'], "").to_lowercase();
    let same = known.into_iter().find(|known| plain(known) == plain(name));
    same.unwrap_or(name).to_owned()
}
