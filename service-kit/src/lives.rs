//! The identities of a service: one, or as many as its configuration names, which may become
//! others while it runs.

use std::sync::Arc;

use arc_swap::ArcSwap;
use mtls::live::Live;

/// The identities that are in use, each once.
#[derive(Clone, Debug)]
pub struct Lives(Arc<ArcSwap<Vec<Arc<Live>>>>);

impl Lives {
    /// These.
    pub fn new(lives: Vec<Arc<Live>>) -> Self {
        Self(Arc::new(ArcSwap::from_pointee(lives)))
    }

    /// Those that are in use now.
    pub fn current(&self) -> Arc<Vec<Arc<Live>>> {
        self.0.load_full()
    }

    /// Uses others from now on.
    pub fn become_these(&self, lives: Vec<Arc<Live>>) {
        self.0.store(Arc::new(lives));
    }
}
