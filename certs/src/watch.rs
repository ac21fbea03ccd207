//! `certs watch`: renews what is near its end, for as long as it runs.

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

/// Renews leaves and revocation lists before they end, until it is told to stop
///
/// Whatever has less than a third of its life left gets renewed: leaves with a new key and the
/// same names, lists with the same entries and the next number. What was revoked is not renewed.
/// A failure is told and tried again. SIGINT and SIGTERM end it.
#[derive(Args, Debug)]
pub(crate) struct Watch {
    /// Probe at least this often; it wakes by itself when something is due
    #[arg(long, value_name = "SPAN", default_value = "1m")]
    every: String,
    /// Renew leaves that end within this span, where it is shorter than their life, instead of
    /// those in the last third of their life
    #[arg(long, value_name = "SPAN")]
    within: Option<String>,
}

struct Round<'a> {
    directory: &'a Directory,
    /// The identities of which it was told that their authority ends with them.
    told: BTreeSet<IdentityName>,
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
            let mut round = Round { directory, told: BTreeSet::new(), within };
            tokio::select! {
                () = round.repeat(every) => {}
                () = stop.asked() => {}
            }
            Ok(String::new())
        });
        // Somebody else may hold the lock that we wait for.
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
                    // What failed must not keep the others waiting.
                    let next = self.due().ok().and_then(|due| due.next);
                    let pause = next.map_or(retry, |due| until(due).min(retry));
                    retry = (retry * 2).min(every);
                    pause
                }
            };
            sleep(pause).await;
        }
    }

    /// Renews what is due, and answers with the moment at which the next thing will be.
    ///
    /// The first round takes the lock in any case, to complete what a killed run left.
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
        // Others may have been at work while we waited for the lock.
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
            if self.told.insert(name.clone()) {
                print_failure(format!(
                    "{name} ends with its authority and cannot be renewed: make a new one with \
                     \"certs rollover begin\""
                ));
            }
        }
        self.told.retain(|name| due.capped.contains(name));
    }
}

/// The signals that end it.
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

// A little later than due, and never at once: dates have whole seconds.
fn until(due: OffsetDateTime) -> Duration {
    let left = due - OffsetDateTime::now_utc();
    Duration::try_from(left).unwrap_or_default() + Duration::from_millis(10)
}

const FIRST_RETRY: Duration = Duration::from_secs(1);
