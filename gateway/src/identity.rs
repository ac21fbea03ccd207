//! An identity that the gateway uses.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

use mtls::credentials::{BadFile, CredentialStore};
use mtls::pki::role::Role;
use mtls::pki::trust::Revocation;

/// An identity directory in one or both of its roles.
#[derive(Debug)]
pub(crate) struct Identity {
    store: Arc<CredentialStore>,
    revocation: Revocation,
    roles: BTreeSet<Role>,
}

impl Identity {
    /// Loads a directory; without a role, only its certificate and key.
    ///
    /// # Errors
    ///
    /// Every problem with it.
    pub(crate) fn load(
        directory: &Path,
        roles: BTreeSet<Role>,
        revocation: Revocation,
    ) -> Result<Self, Vec<BadFile>> {
        let store = if roles.is_empty() {
            CredentialStore::load_identity_alone(directory.to_owned())
        } else {
            let roles: Vec<Role> = roles.iter().copied().collect();
            CredentialStore::load(directory.to_owned(), &roles, revocation)
        };
        Ok(Self { store: Arc::new(store?), revocation, roles })
    }

    pub(crate) fn store(&self) -> Arc<CredentialStore> {
        Arc::clone(&self.store)
    }

    /// Whether it was loaded for exactly these roles and this revocation setting.
    pub(crate) fn serves_as(&self, roles: &BTreeSet<Role>, revocation: Revocation) -> bool {
        self.roles == *roles && self.revocation == revocation
    }
}
