//! When to look at the files again, and what comes of it.

use std::sync::{Arc, Weak};

use tracing::{info, warn};

use super::changes::{Changes, Trigger, settle};
use super::{CredentialStore, mount};
use crate::task::OwnedTask;

impl CredentialStore {
    /// Follows the files from now on, for as long as anything holds this value: plain overwrites,
    /// renames, Kubernetes' swap of `..data`, and SIGHUP. Further calls change nothing.
    pub fn follow_files(self: &Arc<Self>) {
        self.follower.get_or_init(|| OwnedTask::spawn(follow(Arc::downgrade(self))));
    }
}

async fn follow(store: Weak<CredentialStore>) {
    let Some(files) = store.upgrade().map(|store| store.files.clone()) else {
        return;
    };
    if mount::is_single_file(&files.certificate) {
        warn!(
            file = %files.certificate.display(),
            "the certificate is mounted by itself, as with subPath, and will never change: \
             mount the whole directory to have renewals followed"
        );
    }
    // Not when the files are first read: that is before the log has begun.
    if let Some(store) = store.upgrade() {
        store.warn_of_hint(&store.current());
    }
    let mut changes = Changes::of(files.directories());
    loop {
        let why = changes.next().await;
        let Some(store) = store.upgrade() else {
            return;
        };
        if why == Trigger::Signal {
            info!(directory = %files.directory().display(), "SIGHUP: reading the files again");
        }
        let reader = Arc::clone(&store);
        let bad = settle(move || reader.read_again(why == Trigger::Signal)).await;
        if let Some((digest, problems)) = bad {
            store.report_bad(digest, &problems);
        }
    }
}
