//! `certs watch`: renews what is about to expire, until it is stopped.

use std::{collections::BTreeSet, time::Duration};

use anyhow::Context;
use authority::{Directory, IdentityName, Lifetime, LockedDirectory, Renewals};
use clap::Args;
use time::OffsetDateTime;
use tokio::{
    signal::unix::{Signal, SignalKind, signal},
    task::spawn_blocking,
    time::sleep,
};

use crate::issue::facts;
use crate::problems::Problems;
use crate::progress::{print, print_failure};

/// Renews leaves and revocation lists before they expire, until it is stopped
///
/// Anything with less than a third of its lifetime left is renewed: leaves with a new key and the
/// same names, lists with the same entries and the next number. Revoked leaves are not renewed.
/// A failure is reported and retried. SIGINT and SIGTERM stop it.
#[derive(Args, Debug)]
pub(crate) struct Watch {
    /// The longest time between two checks; it also wakes up when a renewal is due
    #[arg(long, value_name = "SPAN", default_value = "1m")]
    every: String,
    /// Renew leaves that expire within this span, where it is shorter than their lifetime, instead
    /// of those in the last third of their lifetime
    #[arg(long, value_name = "SPAN")]
    within: Option<String>,
}

struct Round<'a> {
    directory: &'a Directory,
    /// The identities whose expiry with the authority has been reported.
    reported: BTreeSet<IdentityName>,
    within: Option<Lifetime>,
}

impl Watch {
    pub(crate) fn run(&self, directory: &Directory) -> anyhow::Result<String> {
        let mut problems = Problems::default();
        let every: Option<Lifetime> = problems.take(self.every.parse());
        let within = self.within.as_ref().and_then(|text| problems.take(text.parse()));
        problems.settle()?;
        let every = every.context("a span must have been given")?.duration().unsigned_abs();

        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let watched = runtime.block_on(async {
            let mut stop = Stop::new()?;
            print(format!("watching {}", directory.path().display()));
            let mut round = Round { directory, reported: BTreeSet::new(), within };
            tokio::select! {
                () = round.repeat(every) => {}
                () = stop.asked() => {}
            }
            Ok(String::new())
        });
        // Another process may hold the lock that this one waits for.
        runtime.shutdown_background();
        watched
    }
}

impl Round<'_> {
    async fn repeat(&mut self, every: Duration) {
        let mut first = true;
        let mut retry = FIRST_RETRY.min(every);
        loop {
            let pause = match self.look(first).await {
                Ok(due) => {
                    (first, retry) = (false, FIRST_RETRY.min(every));
                    due.map_or(every, |due| until(due).min(every))
                }
                Err(error) => {
                    print_failure(format!("{error:#}; trying again in {}s", retry.as_secs()));
                    // One failure must not delay the other renewals.
                    let next = self.due().ok().and_then(|due| due.next);
                    let pause = next.map_or(retry, |due| until(due).min(retry));
                    retry = (retry * 2).min(every);
                    pause
                }
            };
            sleep(pause).await;
        }
    }

    /// Renews what is due, and returns the time of the next renewal.
    ///
    /// The first round always takes the lock, to complete an interrupted run.
    async fn look(&mut self, first: bool) -> anyhow::Result<Option<OffsetDateTime>> {
        let due = self.due()?;
        self.report_capped(&due);
        if !first && !due.lists && due.identities.is_empty() {
            return Ok(due.next);
        }
        let directory = self.directory.clone();
        let locked = spawn_blocking(move || directory.lock()).await??;
        self.renew(locked)?;
        Ok(self.due()?.next)
    }

    fn renew(&self, mut locked: LockedDirectory) -> anyhow::Result<()> {
        for list in locked.renew_lists()? {
            print(format!(
                "{:<16}renewed: number {} of {}, due {}",
                "revocation list",
                list.list_number,
                list.common_name,
                list.list_next_update.date()
            ));
        }
        // Another process may have renewed it while this one waited for the lock.
        let mut failures = Problems::default();
        for name in self.due()?.identities {
            match locked.renew(&name) {
                Ok(leaf) => print(format!("{name:<16}renewed: {}", facts(&leaf)?)),
                Err(error) => {
                    let error = anyhow::Error::new(error);
                    failures.add(format!("{name} could not be renewed: {error:#}"));
                }
            }
        }
        failures.settle()
    }

    fn due(&self) -> anyhow::Result<Renewals> {
        Ok(self.directory.renewals(OffsetDateTime::now_utc(), self.within)?)
    }

    fn report_capped(&mut self, due: &Renewals) {
        for name in &due.capped {
            if self.reported.insert(name.clone()) {
                print_failure(format!(
                    "{name} ends with its authority and cannot be renewed: make a new one with \
                     \"certs rollover begin\""
                ));
            }
        }
        self.reported.retain(|name| due.capped.contains(name));
    }
}

/// The signals that stop it.
struct Stop {
    interrupt: Signal,
    terminate: Signal,
}

impl Stop {
    fn new() -> anyhow::Result<Self> {
        Ok(Self {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
        })
    }

    async fn asked(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
}

// Slightly later than due, and never at once: dates have whole seconds.
fn until(due: OffsetDateTime) -> Duration {
    let left = due - OffsetDateTime::now_utc();
    Duration::try_from(left).unwrap_or_default() + Duration::from_millis(10)
}

const FIRST_RETRY: Duration = Duration::from_secs(1);
