//! When to look at the files again: when the file system says so, when the operator says so, and
//! every few seconds, for file systems that say nothing.

use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use notify::event::{AccessKind, AccessMode};
use notify::{Event, EventKind, RecommendedWatcher, RecursiveMode, Watcher};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc;
use tokio::time::{Instant, MissedTickBehavior};
use tracing::{error, info, warn};

use super::{Live, Look, mount};

/// How long a set that does not fit together may still be in the making.
const SETTLE: Duration = Duration::from_secs(2);
const SETTLE_STEP: Duration = Duration::from_millis(50);
const POLL: Duration = Duration::from_secs(5);

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
        let (happened, mut events) = mpsc::channel(1);
        let mut hangup = signal(SignalKind::hangup()).ok();
        let mut poll = tokio::time::interval(POLL);
        poll.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut watched = Watched::none();
        loop {
            watched.follow(&self.directory, &happened);
            let again = tokio::select! {
                _ = poll.tick() => false,
                _ = events.recv() => false,
                () = hung_up(&mut hangup) => {
                    info!(directory = %self.directory.display(), "SIGHUP: reading the files again");
                    true
                }
            };
            Arc::clone(&self).settle(again).await;
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

async fn hung_up(hangup: &mut Option<tokio::signal::unix::Signal>) {
    match hangup {
        Some(hangup) => {
            hangup.recv().await;
        }
        None => std::future::pending().await,
    }
}

/// The directory that the file system tells us of. It is another one once its path leads
/// elsewhere, and is then watched anew.
struct Watched {
    inode: Option<(u64, u64)>,
    watcher: Option<RecommendedWatcher>,
}

impl Watched {
    fn none() -> Self {
        Self { inode: None, watcher: None }
    }

    fn follow(&mut self, directory: &Path, happened: &mpsc::Sender<()>) {
        let inode = directory.metadata().ok().map(|found| (found.dev(), found.ino()));
        if inode == self.inode {
            return;
        }
        self.inode = inode;
        self.watcher = None;
        if inode.is_none() {
            return;
        }
        match watcher(directory, happened.clone()) {
            Ok(watcher) => self.watcher = Some(watcher),
            Err(error) => warn!(
                directory = %directory.display(),
                %error,
                "no events from the file system: looking every {} s instead",
                POLL.as_secs()
            ),
        }
        // What changed between the last look and this watch is seen at once.
        let _ = happened.try_send(());
    }
}

fn watcher(directory: &Path, happened: mpsc::Sender<()>) -> notify::Result<RecommendedWatcher> {
    let mut watcher = notify::recommended_watcher(move |event: notify::Result<Event>| {
        if event.is_ok_and(|event| changes(&event.kind)) {
            // A full channel holds an event already, and one look serves for all.
            let _ = happened.try_send(());
        }
    })?;
    watcher.watch(directory, RecursiveMode::NonRecursive)?;
    Ok(watcher)
}

/// Our own reading must not have us look again.
fn changes(kind: &EventKind) -> bool {
    match kind {
        EventKind::Access(access) => *access == AccessKind::Close(AccessMode::Write),
        _ => true,
    }
}
