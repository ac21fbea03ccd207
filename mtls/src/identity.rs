//! Who we are: a certificate chain and the private key that belongs to it, checked once and valid
//! from then on. It knows nothing of files, and does not judge itself: that is [`crate::trust`].

use std::fmt::{Debug, Formatter};
use std::sync::Arc;

use rustls::crypto::aws_lc_rs::sign::any_supported_type;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::CertifiedKey;
use thiserror::Error;

use crate::certificate::{Certificate, Fields, UnreadableCertificate};

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
    /// The key is of a kind that TLS does not use, or is damaged.
    #[error("the private key cannot be used: {0}")]
    Key(rustls::Error),
    /// The key is another certificate's.
    #[error("the private key does not belong to the certificate")]
    KeyMismatch,
}

impl Identity {
    /// Joins a chain, leaf first, with the key of the leaf.
    pub fn new(
        chain: Vec<CertificateDer<'static>>,
        key: &PrivateKeyDer<'_>,
    ) -> Result<Self, BadIdentity> {
        let leaf = chain.first().ok_or(BadIdentity::Empty)?;
        let fields = Fields::read(leaf)?;
        let certificate = Arc::new(Certificate::of(&fields)?);
        let key = any_supported_type(key).map_err(BadIdentity::Key)?;
        // rustls' own comparison also fails where webpki cannot read the leaf; that is the
        // judge's to tell.
        if key.public_key().is_none_or(|own| own.as_ref() != fields.public_key) {
            return Err(BadIdentity::KeyMismatch);
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
