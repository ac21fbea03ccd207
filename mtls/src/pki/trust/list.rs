//! Revocation lists (RFC 5280, section 5): which certificates an issuer has revoked.
//!
//! A list belongs to an issuer by its name and by the key that signed it. The name, compared as
//! RFC 5280 does it, finds candidates; the signature decides.

mod content;

use std::collections::HashMap;
use std::sync::OnceLock;

use rustls::pki_types::CertificateRevocationListDer;
use time::OffsetDateTime;

use self::content::{Content, significant};
use super::name::Name;
use super::{BadTrust, Root};
use crate::moment::Moment;
use crate::pki::certificate::{DistinguishedName, Signed, hexadecimal};

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
    authority_key_identifier: Option<Vec<u8>>,
    name: Name,
    /// By the significant octets of the serial number.
    revoked: HashMap<Box<[u8]>, Revoked>,
    signer: Signer,
}

/// Who signed a list.
#[derive(Debug)]
enum Signer {
    /// No root has its issuer's name: it is of an intermediate, or of an unknown issuer.
    Intermediate {
        list: CertificateRevocationListDer<'static>,
        /// The intermediate's key, once one was verified that had signed the list.
        key: OnceLock<Vec<u8>>,
    },
    /// A root with this key.
    Root { key: Vec<u8> },
}

/// One entry of a list.
#[derive(Clone, Copy, Debug)]
pub(super) struct Revoked {
    pub(super) at: OffsetDateTime,
    pub(super) reason: Option<&'static str>,
}

impl RevocationList {
    pub(super) fn read(
        der: &CertificateRevocationListDer<'static>,
        roots: &[Root],
        now: OffsetDateTime,
    ) -> Result<Self, BadTrust> {
        let unreadable = |_| BadTrust::List("it cannot be decoded".to_owned());
        let signed = Signed::read(der).map_err(unreadable)?;
        let issuer_der = content::issuer(&signed).map_err(unreadable)?;
        let issuer = DistinguishedName::read(issuer_der)
            .map_err(|_| BadTrust::List("the name of its issuer cannot be read".to_owned()))?
            .to_string();
        let bad = |why: String| BadTrust::List(format!("that of {issuer} {why}"));
        let content = Content::read(&signed).map_err(bad)?;
        if content.this_update > now {
            let from = Moment(content.this_update);
            return Err(bad(format!("is from the future ({from}): check the clocks")));
        }
        if !signed.is_supported() {
            let algorithm = signed.algorithm_name();
            return Err(bad(format!("is signed with {algorithm}, which is not supported here")));
        }
        let name = Name::of(issuer_der);
        let signer = match root_key(&signed, &name, roots, &issuer)? {
            Some(key) => Signer::Root { key },
            None => Signer::Intermediate { list: der.clone(), key: OnceLock::new() },
        };
        Ok(Self {
            number: content.number.map(hexadecimal),
            this_update: content.this_update,
            next_update: Some(content.next_update),
            authority_key_identifier: content.authority_key_identifier.map(<[u8]>::to_vec),
            name,
            revoked: content.revoked,
            signer,
            issuer,
        })
    }

    /// Whether its next update was due before `now`.
    pub fn is_stale(&self, now: OffsetDateTime) -> bool {
        self.next_update.is_some_and(|due| due < now)
    }

    /// Whether its issuer is known and signed it: a root, or an intermediate that was presented
    /// in a chain that verified. Until then it revokes nobody.
    pub fn is_verified(&self) -> bool {
        match &self.signer {
            Signer::Intermediate { key, .. } => key.get().is_some(),
            Signer::Root { .. } => true,
        }
    }

    /// Whether it is the list of this root, by name and key.
    pub fn is_of(&self, root: &Root) -> bool {
        self.name == root.name && matches!(&self.signer, Signer::Root { key } if *key == root.key)
    }

    /// The entry of a serial number, given by its octets.
    pub(super) fn entry(&self, serial_number: &[u8]) -> Option<&Revoked> {
        self.revoked.get(significant(serial_number))
    }

    /// Whether it may be the list of an intermediate of this name; one that a root signed is
    /// nobody else's, and a copy of that root, or a cross-certificate, has the root's key.
    pub(super) fn may_be_of(&self, issuer: &Name, key: &[u8]) -> bool {
        self.name == *issuer
            && match &self.signer {
                Signer::Intermediate { .. } => true,
                Signer::Root { key: root_key } => root_key == key,
            }
    }

    /// Whether its authority key identifier names another key than this one (section 5.2.1).
    pub(super) fn names_another_key(&self, key_identifier: Option<&[u8]>) -> bool {
        match (&self.authority_key_identifier, key_identifier) {
            (Some(named), Some(own)) => named != own,
            _ => false,
        }
    }

    /// Whether the key of an issuer signed it, who is verified; that it did is remembered.
    pub(super) fn is_signed_by(&self, key: &[u8]) -> bool {
        match &self.signer {
            Signer::Root { key: signer } => signer == key,
            Signer::Intermediate { key: known, .. } if known.get().is_some() => {
                known.get().is_some_and(|known| known == key)
            }
            Signer::Intermediate { list, key: known } => {
                let is_signed = is_signed(list, key);
                if is_signed {
                    known.get_or_init(|| key.to_vec());
                }
                is_signed
            }
        }
    }

    /// Whether it comes from where an earlier list came from: the same name, and the same key as
    /// far as that is known.
    pub(super) fn may_follow(&self, earlier: &Self) -> bool {
        let is_signed = |signer: &[u8]| match &self.signer {
            Signer::Intermediate { list, .. } => is_signed(list, signer),
            Signer::Root { key } => key == signer,
        };
        self.name == earlier.name
            && match &earlier.signer {
                Signer::Root { key } => is_signed(key),
                Signer::Intermediate { key, .. } => match key.get() {
                    Some(key) => is_signed(key),
                    None => !self.names_another_key(earlier.authority_key_identifier.as_deref()),
                },
            }
    }

    /// Section 5.2.3: a later list has a greater number. One without a number, where there is
    /// one, counts as older; of equal numbers, or of none, the date decides.
    pub(super) fn is_older_than(&self, other: &Self) -> bool {
        // Equally long hexadecimal numbers compare as their texts do.
        let age = |list: &Self| {
            let digits = list.number.as_deref().map(|number| number.trim_start_matches('0'));
            (digits.map(|digits| (digits.len(), digits.to_owned())), list.this_update)
        };
        age(self) < age(other)
    }

    pub(super) fn is_of_an_intermediate(&self) -> bool {
        matches!(self.signer, Signer::Intermediate { .. })
    }
}

/// The key of the root that signed a list; none where no root has its issuer's name.
fn root_key(
    list: &Signed<'_>,
    name: &Name,
    roots: &[Root],
    issuer: &str,
) -> Result<Option<Vec<u8>>, BadTrust> {
    let named: Vec<&Root> = roots.iter().filter(|root| root.name == *name).collect();
    let signer = named.iter().find(|root| list.verify(&root.key).is_ok());
    match signer {
        None if named.is_empty() => Ok(None),
        None => Err(BadTrust::ListForged(issuer.to_owned())),
        // A root that was renewed with its key may have another key usage.
        Some(signer) => {
            if named.iter().any(|root| root.key == signer.key && root.may_sign_lists) {
                Ok(Some(signer.key.clone()))
            } else {
                Err(BadTrust::ListSigner(issuer.to_owned()))
            }
        }
    }
}

fn is_signed(list: &CertificateRevocationListDer<'_>, key: &[u8]) -> bool {
    Signed::read(list).is_ok_and(|list| list.verify(key).is_ok())
}

/// Of several lists of one root only the newest; which of several lists is an intermediate's is
/// known only once it is presented.
pub(super) fn newest(lists: Vec<RevocationList>) -> Vec<RevocationList> {
    let is_superseded = |list: &RevocationList| {
        let by = |other: &RevocationList| !other.is_of_an_intermediate() && other.may_follow(list);
        !list.is_of_an_intermediate()
            && lists.iter().any(|other| by(other) && list.is_older_than(other))
    };
    let superseded: Vec<bool> = lists.iter().map(is_superseded).collect();
    let kept = lists.into_iter().zip(superseded).filter(|(_, superseded)| !superseded);
    kept.map(|(list, _)| list).collect()
}

/// Roots that have no list.
pub(super) fn missing(lists: &[RevocationList], roots: &[Root]) -> impl Iterator<Item = BadTrust> {
    let without = roots.iter().filter(|root| !lists.iter().any(|list| list.is_of(root)));
    without.map(|root| BadTrust::ListMissing(root.certificate.subject.to_string()))
}

/// Lists whose next update was due, and after which no newer one seems to have come.
pub(super) fn stale(
    lists: &[RevocationList],
    now: OffsetDateTime,
) -> impl Iterator<Item = BadTrust> {
    let replaced = |list: &RevocationList| {
        lists.iter().any(|other| other.may_follow(list) && list.is_older_than(other))
    };
    let stale = lists.iter().filter(move |list| list.is_stale(now) && !replaced(list));
    stale.filter_map(|list| {
        let since = list.next_update?;
        Some(BadTrust::ListStale { issuer: list.issuer.clone(), since })
    })
}
