//! An identity of the gateway, and the tasks that follow it for as long as anybody depends on it.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::{Arc, Once};
use std::time::Duration;

use mtls::live::{BadFile, Live};
use mtls::role::Role;
use mtls::trust::Revocation;

use crate::upstream::Doors;

/// An identity directory in one or both of its roles.
#[derive(Debug)]
pub(crate) struct Identity {
    followed: Once,
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
        Ok(Self { followed: Once::new(), live: Arc::new(live?), revocation, roles })
    }

    /// Follows its files from now on, if it does not already.
    pub(crate) fn be_followed(&self, doors: &Doors) {
        self.followed.call_once(|| {
            tokio::spawn(follow(Arc::clone(&self.live), doors.clone()));
        });
    }

    pub(crate) fn live(&self) -> Arc<Live> {
        Arc::clone(&self.live)
    }

    /// Whether it was judged for just these roles, in this manner.
    pub(crate) fn serves_as(&self, roles: &BTreeSet<Role>, revocation: Revocation) -> bool {
        self.roles == *roles && self.revocation == revocation
    }
}

/// Follows an identity's files, and the connections that were let in by its trust, until nobody
/// depends on it any more: a configuration without it does not end what was let in before.
async fn follow(live: Arc<Live>, doors: Doors) {
    tokio::select! {
        () = Arc::clone(&live).watch() => {}
        () = Arc::clone(&doors.connections).follow(Arc::clone(&live)) => {}
        () = unused(&live) => {}
    }
}

async fn unused(live: &Arc<Live>) {
    loop {
        tokio::time::sleep(LOOK).await;
        if Arc::strong_count(live) <= OF_FOLLOWERS {
            return;
        }
    }
}

/// The references that [`follow`] itself holds.
const OF_FOLLOWERS: usize = 3;

const LOOK: Duration = Duration::from_secs(5);
