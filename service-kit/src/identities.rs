//! The identities of a service: one, or as many as its configuration names; a reload may replace
//! them.

use std::sync::Arc;

use arc_swap::ArcSwap;
use mtls::credentials::CredentialStore;

/// The identities in use, each once.
#[derive(Clone, Debug)]
pub struct Identities(Arc<ArcSwap<Vec<Arc<CredentialStore>>>>);

impl Identities {
    /// Starts with these.
    pub fn new(identities: Vec<Arc<CredentialStore>>) -> Self {
        Self(Arc::new(ArcSwap::from_pointee(identities)))
    }

    /// The identities in use now.
    pub fn current(&self) -> Arc<Vec<Arc<CredentialStore>>> {
        self.0.load_full()
    }

    /// Replaces all of them.
    pub fn replace(&self, identities: Vec<Arc<CredentialStore>>) {
        self.0.store(Arc::new(identities));
    }
}
