//! When to look at the files again, and what comes of it.

use std::sync::{Arc, Weak};
use std::time::Duration;

use tokio::time::Instant;
use tracing::{error, info, warn};

use super::changes::{Changes, Trigger};
use super::{CredentialStore, ReadOutcome, mount};
use crate::task::OwnedTask;

/// How long a set that does not fit together may still be in the making.
const SETTLE: Duration = Duration::from_secs(2);
const SETTLE_STEP: Duration = Duration::from_millis(50);

impl CredentialStore {
    /// Follows the files from now on, for as long as anything holds this value: plain overwrites,
    /// renames, Kubernetes' swap of `..data`, and SIGHUP. Further calls change nothing.
    pub fn follow_files(self: &Arc<Self>) {
        self.follower.get_or_init(|| OwnedTask::spawn(follow(Arc::downgrade(self))));
    }

    /// Looks until there is nothing new, or something bad has stayed bad for two seconds.
    async fn settle(self: Arc<Self>, again: bool) {
        let deadline = Instant::now() + SETTLE;
        loop {
            let store = Arc::clone(&self);
            let look = match tokio::task::spawn_blocking(move || store.look(again)).await {
                Ok(look) => look,
                Err(failed) => {
                    error!(%failed, "the identity's files could not be looked at");
                    return;
                }
            };
            match look {
                ReadOutcome::Published | ReadOutcome::Unchanged => return,
                ReadOutcome::Bad(digest, problems) if Instant::now() >= deadline => {
                    return self.report_bad(digest, &problems);
                }
                ReadOutcome::Bad(..) => tokio::time::sleep(SETTLE_STEP).await,
            }
        }
    }
}

async fn follow(store: Weak<CredentialStore>) {
    let Some(directory) = store.upgrade().map(|store| store.directory.clone()) else {
        return;
    };
    if mount::is_single_file(&directory.join("tls.crt")) {
        warn!(
            directory = %directory.display(),
            "tls.crt is mounted by itself, as with subPath, and will never change: \
             mount the whole directory to have renewals followed"
        );
    }
    // Not when the files are first read: that is before the log has begun.
    if let Some(store) = store.upgrade() {
        store.warn_of_hint(&store.current());
    }
    let mut changes = Changes::of(&directory);
    loop {
        let why = changes.next().await;
        let Some(store) = store.upgrade() else {
            return;
        };
        if why == Trigger::Signal {
            info!(directory = %directory.display(), "SIGHUP: reading the files again");
        }
        store.settle(why == Trigger::Signal).await;
    }
}
