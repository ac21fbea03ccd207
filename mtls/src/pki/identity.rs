//! Who we are: a certificate chain and the private key that belongs to it, checked once and valid
//! from then on. It knows nothing of files, and does not verify itself: that is [`crate::pki::trust`].

use std::fmt::{Debug, Formatter};
use std::sync::Arc;

use rustls::crypto::aws_lc_rs::sign::any_supported_type;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::CertifiedKey;
use thiserror::Error;
use x509_parser::asn1_rs::{Any, Class, FromDer, Tag};

use crate::event::refusal::Reason;
use crate::pki::certificate::{Certificate, Fields, UnreadableCertificate};
use crate::pki::trust;

/// A certificate chain and its private key.
pub struct Identity {
    certificate: Arc<Certificate>,
    certified_key: Arc<CertifiedKey>,
}

/// Why a chain and a key are no identity.
#[derive(Debug, Error)]
pub enum BadIdentity {
    /// A certificate of the chain is none.
    #[error(transparent)]
    Certificate(#[from] UnreadableCertificate),
    /// The chain is empty.
    #[error("there is no certificate")]
    Empty,
    /// The private key spells its curve out instead of naming it.
    #[error(
        "the private key has explicit curve parameters, and only named curves are supported \
         (RFC 5480, section 2.1.1)"
    )]
    ExplicitCurve,
    /// The key is of a kind that TLS does not use, or is damaged.
    #[error("the private key cannot be used: {0}")]
    Key(rustls::Error),
    /// The key is another certificate's.
    #[error("the private key does not belong to the certificate")]
    KeyMismatch,
    /// The key belongs to a certificate that is not the first one.
    #[error(
        "the private key belongs to certificate {position} of {count}: put the leaf first, then \
         each certificate before that of its issuer"
    )]
    LeafNotFirst {
        /// How many certificates there are.
        count: usize,
        /// Which one is the leaf, from 1.
        position: usize,
    },
    /// The chain is longer than what a peer reads.
    #[error("the chain cannot be presented: {0}")]
    TooLarge(Reason),
    /// The key of the certificate is too weak, or of a kind that is not supported.
    #[error("the certificate cannot be verified: {0}")]
    UnsupportedKey(String),
}

impl BadIdentity {
    /// Whether chain and key are each good, but not together.
    pub fn is_mismatch(&self) -> bool {
        matches!(self, Self::KeyMismatch | Self::LeafNotFirst { .. })
    }
}

impl Identity {
    /// Joins a chain, leaf first, with the key of the leaf.
    pub fn new(
        chain: Vec<CertificateDer<'static>>,
        key: &PrivateKeyDer<'_>,
    ) -> Result<Self, BadIdentity> {
        let leaf = chain.first().ok_or(BadIdentity::Empty)?;
        trust::refuse_too_large(&chain).map_err(BadIdentity::TooLarge)?;
        let fields = Fields::read(leaf)?;
        let certificate = Arc::new(Certificate::of(&fields)?);
        // It says more than the library's error about the key.
        if let Some(weakness) = trust::weakness(&certificate.public_key) {
            return Err(BadIdentity::UnsupportedKey(weakness));
        }
        if has_explicit_curve(key) {
            return Err(BadIdentity::ExplicitCurve);
        }
        let key = any_supported_type(key).map_err(BadIdentity::Key)?;
        let own = key.public_key();
        let fits = |certificate: &Fields<'_>| {
            own.as_ref().is_some_and(|own| own.as_ref() == certificate.public_key)
        };
        // rustls' own comparison also fails where webpki cannot read the leaf; that is the
        // verification's to report.
        if !fits(&fields) {
            let other = |der| Fields::read(der).is_ok_and(|fields| fits(&fields));
            let other = chain.iter().position(|der: &CertificateDer<'_>| other(der));
            return Err(other.map_or(BadIdentity::KeyMismatch, |index| {
                BadIdentity::LeafNotFirst { count: chain.len(), position: index + 1 }
            }));
        }
        Ok(Self { certificate, certified_key: Arc::new(CertifiedKey::new(chain, key)) })
    }

    /// What stands in the leaf.
    pub fn certificate(&self) -> &Arc<Certificate> {
        &self.certificate
    }

    /// The chain as it is presented, leaf first.
    pub fn chain(&self) -> &[CertificateDer<'static>] {
        &self.certified_key.cert
    }

    pub(crate) fn certified_key(&self) -> &Arc<CertifiedKey> {
        &self.certified_key
    }
}

impl Debug for Identity {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> std::fmt::Result {
        formatter.debug_tuple("Identity").field(&self.certificate.name()).finish()
    }
}

/// Whether the parameters of an EC key are not the name of its curve: in PKCS #8 (RFC 5208) a
/// member of its algorithm, in SEC 1 (RFC 5915) a member with the tag 0.
fn has_explicit_curve(key: &PrivateKeyDer<'_>) -> bool {
    let Some(members) = members(key.secret_der()) else {
        return false;
    };
    members.iter().any(|member| match (member.class(), member.tag()) {
        (Class::ContextSpecific, Tag(0)) => is_sequence(member.data),
        (Class::Universal, Tag::Sequence) => match Any::from_der(member.data) {
            Ok((parameters, kind)) => kind.data == EC_PUBLIC_KEY && is_sequence(parameters),
            Err(_) => false,
        },
        _ => false,
    })
}

/// The members of a `SEQUENCE`.
fn members(der: &[u8]) -> Option<Vec<Any<'_>>> {
    let (_, sequence) = Any::from_der(der).ok()?;
    let mut members = Vec::new();
    let mut rest = sequence.data;
    while !rest.is_empty() {
        let (after, member) = Any::from_der(rest).ok()?;
        members.push(member);
        rest = after;
    }
    Some(members)
}

fn is_sequence(der: &[u8]) -> bool {
    der.first() == Some(&0x30)
}

/// `id-ecPublicKey`, 1.2.840.10045.2.1.
const EC_PUBLIC_KEY: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01];

#[cfg(test)]
mod tests {
    use authority::{Authority, AuthorityRequest, KeyAlgorithm, Leaf, LeafRequest};
    use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};

    use super::{BadIdentity, Identity};

    #[test]
    fn a_chain_and_its_key_of_any_algorithm_are_an_identity() {
        for algorithm in [
            KeyAlgorithm::EcdsaP256,
            KeyAlgorithm::EcdsaP384,
            KeyAlgorithm::Ed25519,
            KeyAlgorithm::Rsa2048,
        ] {
            let leaf = issue(&LeafRequest::new("a").key(algorithm));

            let identity = Identity::new(chain(&leaf), &key(&leaf)).unwrap();

            assert_eq!(identity.certificate().name(), "a");
        }
    }

    #[test]
    fn a_leaf_that_webpki_cannot_read_still_fits_its_key() {
        let odd = LeafRequest::new("a").extension(&[1, 3, 6, 1, 4, 1, 99999, 1], true, &[5, 0]);
        let leaf = issue(&odd);

        assert!(Identity::new(chain(&leaf), &key(&leaf)).is_ok());
    }

    #[test]
    fn what_does_not_fit_is_told_by_its_own_reason() {
        let (leaf, other) = (issue(&LeafRequest::new("a")), issue(&LeafRequest::new("b")));
        let no_key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(&[0x30, 0][..]));
        let garbage = vec![CertificateDer::from(vec![0])];

        let empty = Identity::new(Vec::new(), &key(&leaf)).unwrap_err();
        let unreadable = Identity::new(garbage, &key(&leaf)).unwrap_err();
        let unusable = Identity::new(chain(&leaf), &no_key).unwrap_err();
        let mismatch = Identity::new(chain(&leaf), &key(&other)).unwrap_err();

        assert!(matches!(empty, BadIdentity::Empty));
        assert!(matches!(unreadable, BadIdentity::Certificate(_)));
        assert!(matches!(unusable, BadIdentity::Key(_)));
        assert!(matches!(mismatch, BadIdentity::KeyMismatch));
    }

    #[test]
    fn an_identity_never_shows_its_key() {
        let leaf = issue(&LeafRequest::new("a"));

        let identity = Identity::new(chain(&leaf), &key(&leaf)).unwrap();

        assert_eq!(format!("{identity:?}"), "Identity(\"a\")");
    }

    fn issue(request: &LeafRequest) -> Leaf {
        Authority::generate(&AuthorityRequest::default()).unwrap().issue(request).unwrap()
    }

    fn chain(leaf: &Leaf) -> Vec<CertificateDer<'static>> {
        leaf.chain_der().into_iter().map(CertificateDer::from).collect()
    }

    fn key(leaf: &Leaf) -> PrivateKeyDer<'static> {
        PrivatePkcs8KeyDer::from(leaf.key_der()).into()
    }
}
