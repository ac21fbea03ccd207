//! Who the other side proved to be.

use std::sync::Arc;
#[cfg(feature = "axum")]
use std::sync::OnceLock;

use rustls::pki_types::CertificateDer;
#[cfg(feature = "axum")]
use serde_json::value::{RawValue, to_raw_value};
use time::OffsetDateTime;

use crate::pki::certificate::Certificate;
use crate::pki::spiffe::SpiffeId;
use crate::pki::trust::VerifiedChain;

/// The other end of a connection, as its certificate names it.
///
/// Only a verified chain and a proof of its key yield a `Peer`, so code that receives one decides
/// *what the peer may do*, never *who it is*.
#[derive(Clone, Debug)]
pub struct Peer {
    /// One `Arc` for all, since each request has a clone.
    proven: Arc<Proven>,
}

#[derive(Debug)]
struct Proven {
    certificate: Arc<Certificate>,
    #[cfg(feature = "axum")]
    certificate_json: OnceLock<Box<RawValue>>,
    not_after: OffsetDateTime,
    presented: Vec<CertificateDer<'static>>,
}

impl Peer {
    pub(crate) fn new(chain: VerifiedChain) -> Self {
        let proven = Proven {
            certificate: Arc::new(chain.certificate),
            #[cfg(feature = "axum")]
            certificate_json: OnceLock::new(),
            not_after: chain.not_after,
            presented: chain.presented,
        };
        Self { proven: Arc::new(proven) }
    }

    /// Every attribute worth deciding on.
    pub fn certificate(&self) -> &Arc<Certificate> {
        &self.proven.certificate
    }

    /// The certificate as JSON. It is written at the first call, and kept for the other requests of
    /// the connection.
    #[cfg(feature = "axum")]
    pub fn certificate_json(&self) -> &RawValue {
        self.proven.certificate_json.get_or_init(|| {
            to_raw_value(&self.proven.certificate).expect("a certificate must have a form in JSON")
        })
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
        match self.proven.certificate.subject_alt_names.dns.as_slice() {
            [name] if !name.is_empty() && name.bytes().all(is_host) => name,
            _ => &self.proven.certificate.fingerprint256,
        }
    }

    /// The common name, for people and logs; decide by [`Peer::spiffe_id`] or by a name in
    /// `subject_alt_names`.
    pub fn common_name(&self) -> Option<&str> {
        self.proven.certificate.subject.common_name()
    }

    /// The SPIFFE ID, if the leaf has one.
    pub fn spiffe_id(&self) -> Option<&SpiffeId> {
        self.proven.certificate.spiffe_id.as_ref()
    }

    /// When the trust in it ends by itself: the end of the first certificate of its chain to end.
    pub fn not_after(&self) -> OffsetDateTime {
        self.proven.not_after
    }

    /// The chain as it was presented, leaf first, for another verification.
    pub fn presented(&self) -> &[CertificateDer<'static>] {
        &self.proven.presented
    }
}
