//! `certs renew`: new keys and leaves with the same names.

use std::fmt::Write;

use authority::{Directory, IdentityName, Lifetime, LockedDirectory, Record};
use clap::Args;
use time::OffsetDateTime;

use crate::issue::facts;
use crate::problems::Problems;

/// Gives identities a new key and a new certificate with the same names, usage and lifetime
#[derive(Args, Debug)]
pub(crate) struct Renew {
    /// The identities to renew
    #[arg(required_unless_present = "all", value_name = "NAME")]
    names: Vec<String>,
    /// Renew every identity in the directory that is not revoked
    #[arg(long, conflicts_with = "names")]
    all: bool,
    /// Only those that expire within this span, such as 10d
    #[arg(long, value_name = "SPAN")]
    within: Option<String>,
}

impl Renew {
    pub(crate) fn run(&self, directory: &Directory) -> anyhow::Result<String> {
        let (mut names, within) = self.check()?;
        let mut locked = directory.lock()?;
        let record = directory.record()?;
        if self.all {
            names = recorded(&locked, &record)?;
        }
        let mut answer = String::new();
        for name in &names {
            if self.all && is_revoked(name, &record) {
                writeln!(
                    answer,
                    "{name:<16}unchanged: it was revoked, and is renewed only by its name"
                )?;
            } else if ends_within(name, &record, within) {
                writeln!(answer, "{name:<16}renewed: {}", facts(&locked.renew(name)?)?)?;
            } else {
                writeln!(answer, "{name:<16}unchanged: it does not end that soon")?;
            }
        }
        Ok(answer)
    }

    fn check(&self) -> anyhow::Result<(Vec<IdentityName>, Option<Lifetime>)> {
        let mut problems = Problems::default();
        let within = self.within.as_ref().and_then(|text| problems.take(text.parse()));
        let names = self.names.iter().filter_map(|name| problems.take(name.parse()));
        let names = names.collect();
        problems.settle()?;
        Ok((names, within))
    }
}

// Skip directories that this authority did not create.
fn recorded(locked: &LockedDirectory, record: &Record) -> anyhow::Result<Vec<IdentityName>> {
    let names = locked.identities()?;
    let names = names.iter().filter(|name| record.newest(name).is_some());
    Ok(names.map(|name| name.parse()).collect::<Result<_, _>>()?)
}

fn is_revoked(name: &IdentityName, record: &Record) -> bool {
    record.newest(name.as_str()).is_some_and(|entry| entry.revoked.is_some())
}

fn ends_within(name: &IdentityName, record: &Record, within: Option<Lifetime>) -> bool {
    let (Some(within), Some(entry)) = (within, record.newest(name.as_str())) else {
        return true;
    };
    entry.not_after - OffsetDateTime::now_utc() < within.duration()
}
