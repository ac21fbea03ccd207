//! When to look at the files again, and what comes of it.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;
use tracing::{error, info, warn};

use super::changes::{Changes, Why};
use super::{Live, Look, mount};

/// How long a set that does not fit together may still be in the making.
const SETTLE: Duration = Duration::from_secs(2);
const SETTLE_STEP: Duration = Duration::from_millis(50);

impl Live {
    /// Follows the files for as long as it is polled: plain overwrites, renames, Kubernetes'
    /// swap of `..data`, and SIGHUP.
    pub async fn watch(self: Arc<Self>) {
        if mount::is_single_file(&self.directory.join("tls.crt")) {
            warn!(
                directory = %self.directory.display(),
                "tls.crt is mounted by itself, as with subPath, and will never change: \
                 mount the whole directory to have renewals followed"
            );
        }
        // Not when the files are first read: that is before the log has begun.
        self.warn_of_hint(&self.current());
        let mut changes = Changes::of(&self.directory);
        loop {
            let why = changes.next().await;
            if why == Why::Told {
                info!(directory = %self.directory.display(), "SIGHUP: reading the files again");
            }
            Arc::clone(&self).settle(why == Why::Told).await;
        }
    }

    /// Looks until there is nothing new, or something bad has stayed bad for two seconds.
    async fn settle(self: Arc<Self>, again: bool) {
        let deadline = Instant::now() + SETTLE;
        loop {
            let live = Arc::clone(&self);
            let look = match tokio::task::spawn_blocking(move || live.look(again)).await {
                Ok(look) => look,
                Err(failed) => {
                    error!(%failed, "the identity's files could not be looked at");
                    return;
                }
            };
            match look {
                Look::Published | Look::Unchanged => return,
                Look::Bad(digest, problems) if Instant::now() >= deadline => {
                    return self.tell_bad(digest, &problems);
                }
                Look::Bad(..) => tokio::time::sleep(SETTLE_STEP).await,
            }
        }
    }
}
