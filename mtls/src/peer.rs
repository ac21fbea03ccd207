//! Who the other side proved to be.

use std::sync::Arc;

use rustls::pki_types::CertificateDer;
use time::OffsetDateTime;

use crate::pki::certificate::Certificate;
use crate::pki::spiffe::SpiffeId;
use crate::pki::trust::VerifiedChain;

/// The other end of a connection, as its certificate names it.
///
/// Only a verified chain and a proof of its key yield a `Peer`, so whoever receives one decides
/// *what the peer may do*, never *who it is*.
#[derive(Clone, Debug)]
pub struct Peer {
    certificate: Arc<Certificate>,
    not_after: OffsetDateTime,
    presented: Arc<[CertificateDer<'static>]>,
}

impl Peer {
    pub(crate) fn new(chain: VerifiedChain) -> Self {
        Self {
            certificate: Arc::new(chain.certificate),
            not_after: chain.not_after,
            presented: chain.presented.into(),
        }
    }

    /// Every attribute worth deciding on.
    pub fn certificate(&self) -> &Arc<Certificate> {
        &self.certificate
    }

    /// The name to decide by: the SPIFFE ID or, where there is none, the one DNS name; never the
    /// common name.
    ///
    /// A leaf with neither, or with several DNS names, or with a wildcard, which names a set, is
    /// called by its fingerprint.
    pub fn name(&self) -> &str {
        let is_host = |b: u8| b.is_ascii_alphanumeric() || b"-._".contains(&b);
        if let Some(spiffe_id) = self.spiffe_id() {
            return spiffe_id.as_str();
        }
        match self.certificate.subject_alt_names.dns.as_slice() {
            [name] if !name.is_empty() && name.bytes().all(is_host) => name,
            _ => &self.certificate.fingerprint256,
        }
    }

    /// The common name, for people and logs; decide by [`Peer::spiffe_id`] or by a name in
    /// `subject_alt_names`.
    pub fn common_name(&self) -> Option<&str> {
        self.certificate.subject.common_name()
    }

    /// The SPIFFE ID, if the leaf bears one.
    pub fn spiffe_id(&self) -> Option<&SpiffeId> {
        self.certificate.spiffe_id.as_ref()
    }

    /// When the trust in it ends by itself: the end of the first certificate of its chain to end.
    pub fn not_after(&self) -> OffsetDateTime {
        self.not_after
    }

    /// The chain as it was presented, leaf first, for another verification.
    pub fn presented(&self) -> &[CertificateDer<'static>] {
        &self.presented
    }
}
