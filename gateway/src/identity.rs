//! An identity of the gateway.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

use mtls::live::{BadFile, Live};
use mtls::role::Role;
use mtls::trust::Revocation;

/// An identity directory in one or both of its roles.
#[derive(Debug)]
pub(crate) struct Identity {
    live: Arc<Live>,
    revocation: Revocation,
    roles: BTreeSet<Role>,
}

impl Identity {
    /// Loads a directory; without a role its own certificate alone.
    ///
    /// # Errors
    ///
    /// Everything that is wrong with it.
    pub(crate) fn load(
        directory: &Path,
        roles: BTreeSet<Role>,
        revocation: Revocation,
    ) -> Result<Self, Vec<BadFile>> {
        let live = if roles.is_empty() {
            Live::load_identity_alone(directory.to_owned())
        } else {
            let roles: Vec<Role> = roles.iter().copied().collect();
            Live::load(directory.to_owned(), &roles, revocation)
        };
        Ok(Self { live: Arc::new(live?), revocation, roles })
    }

    pub(crate) fn live(&self) -> Arc<Live> {
        Arc::clone(&self.live)
    }

    /// Whether it was judged for just these roles, in this manner.
    pub(crate) fn serves_as(&self, roles: &BTreeSet<Role>, revocation: Revocation) -> bool {
        self.roles == *roles && self.revocation == revocation
    }
}
