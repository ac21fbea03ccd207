//! The identities of a service: one, or as many as its configuration names, which may become
//! others while it runs.

use std::sync::Arc;

use arc_swap::ArcSwap;
use mtls::credentials::CredentialStore;

/// The identities that are in use, each once.
#[derive(Clone, Debug)]
pub struct Identities(Arc<ArcSwap<Vec<Arc<CredentialStore>>>>);

impl Identities {
    /// These.
    pub fn new(identities: Vec<Arc<CredentialStore>>) -> Self {
        Self(Arc::new(ArcSwap::from_pointee(identities)))
    }

    /// Those that are in use now.
    pub fn current(&self) -> Arc<Vec<Arc<CredentialStore>>> {
        self.0.load_full()
    }

    /// Uses others from now on.
    pub fn become_these(&self, identities: Vec<Arc<CredentialStore>>) {
        self.0.store(Arc::new(identities));
    }
}
