//! When files are to be looked at again: when the file system says so, when the
//! operator says so, and every few seconds, for file systems that say nothing.

use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use notify::event::{AccessKind, AccessMode};
use notify::{Event, EventKind, RecommendedWatcher, RecursiveMode, Watcher};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::mpsc;
use tokio::time::{Instant, Interval, MissedTickBehavior};
use tracing::{error, warn};

const POLL: Duration = Duration::from_secs(5);

/// How long a set that does not fit together may still be in the making.
const SETTLE: Duration = Duration::from_secs(2);
const SETTLE_STEP: Duration = Duration::from_millis(50);

/// A directory may hold other files that are written all the time.
const GAP: Duration = Duration::from_millis(20);

/// The moments at which the files of some directories may be others than before.
#[derive(Debug)]
pub struct Changes {
    events: mpsc::Receiver<()>,
    hangup: Option<Signal>,
    happened: mpsc::Sender<()>,
    not_before: Instant,
    poll: Interval,
    watched: Vec<Watched>,
}

/// Trigger to look again.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Trigger {
    /// The files may have changed.
    PossibleChange,
    /// SIGHUP came.
    Signal,
}

impl Changes {
    /// Of these directories, which need not be there yet.
    pub fn of(directories: Vec<PathBuf>) -> Self {
        let (happened, events) = mpsc::channel(1);
        let mut poll = tokio::time::interval(POLL);
        poll.set_missed_tick_behavior(MissedTickBehavior::Delay);
        Self {
            events,
            hangup: signal(SignalKind::hangup()).ok(),
            happened,
            not_before: Instant::now(),
            poll,
            watched: directories.into_iter().map(Watched::new).collect(),
        }
    }

    /// Waits for the next one; the first comes at once, and those that follow each other closely
    /// as one.
    pub async fn next(&mut self) -> Trigger {
        tokio::time::sleep_until(self.not_before).await;
        self.not_before = Instant::now() + GAP;
        self.watched.iter_mut().for_each(|watched| watched.follow(&self.happened));
        tokio::select! {
            _ = self.poll.tick() => Trigger::PossibleChange,
            _ = self.events.recv() => Trigger::PossibleChange,
            () = hung_up(&mut self.hangup) => Trigger::Signal,
        }
    }
}

/// Reads until nothing is bad, or what is bad has stayed so for two seconds, since files that belong
/// together are written one after the other. Returns what is bad then.
pub async fn settle<P: Send + 'static>(
    read: impl Fn() -> Result<(), P> + Clone + Send + 'static,
) -> Option<P> {
    let deadline = Instant::now() + SETTLE;
    loop {
        match tokio::task::spawn_blocking(read.clone()).await {
            Ok(Ok(())) => return None,
            Ok(Err(bad)) if Instant::now() >= deadline => return Some(bad),
            Ok(Err(_)) => tokio::time::sleep(SETTLE_STEP).await,
            Err(failed) => {
                error!(%failed, "the files could not be read");
                return None;
            }
        }
    }
}

async fn hung_up(hangup: &mut Option<Signal>) {
    match hangup {
        Some(hangup) => {
            hangup.recv().await;
        }
        None => std::future::pending().await,
    }
}

/// The directory that is watched. Once its path leads to another one, that one is watched.
#[derive(Debug)]
struct Watched {
    directory: PathBuf,
    inode: Option<(u64, u64)>,
    watcher: Option<RecommendedWatcher>,
}

impl Watched {
    fn new(directory: PathBuf) -> Self {
        Self { directory, inode: None, watcher: None }
    }

    fn follow(&mut self, happened: &mpsc::Sender<()>) {
        let directory = self.directory.as_path();
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
