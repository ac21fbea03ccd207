//! `certs rollover`: replaces the root step by step, without a failed request.

use anyhow::Context;
use authority::{Directory, LockedDirectory, NotReissued, Reissued, RolloverStep, RootId};
use clap::{Args, Subcommand};

use crate::problems::Problems;
use crate::progress::print;
use crate::rollover_status::status;
use crate::rollover_wait::{Sight, Wait, WaitArguments};

/// Replaces the authority's root with a new one, step by step, while the services run
///
/// Each step can be run again, and completes an interrupted run of the same step.
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Rollover {
    #[command(subcommand)]
    step: Step,
}

#[derive(Debug, Subcommand)]
enum Step {
    /// Return to the old root only, at any point before finish completes
    ///
    /// Leaves of the new root are first renewed under the old one.
    Abort(WaitArguments),
    /// Create the new root, and write both roots and both revocation lists to every directory
    Begin(WaitArguments),
    /// Remove the old root from every directory; the new one becomes ca/ca.crt
    ///
    /// Refused while any directory has a leaf of the old root.
    Finish(WaitArguments),
    /// Renew all leaves under the new root, with new keys and the same names
    Issue(WaitArguments),
    /// Show the step that the rollover has reached, and the next command
    Status,
}

impl Rollover {
    pub(crate) fn run(&self, directory: &Directory) -> anyhow::Result<String> {
        let (arguments, run): (_, fn(&Directory, &Wait) -> anyhow::Result<()>) = match &self.step {
            Step::Abort(arguments) => (arguments, abort),
            Step::Begin(arguments) => (arguments, begin),
            Step::Finish(arguments) => (arguments, finish),
            Step::Issue(arguments) => (arguments, issue),
            Step::Status => return status(directory),
        };
        let mut problems = Problems::default();
        let wait = arguments.check(&mut problems);
        problems.settle()?;
        run(directory, &wait.context("the arguments must have been checked")?)?;
        Ok(String::new())
    }
}

fn begin(directory: &Directory, wait: &Wait) -> anyhow::Result<()> {
    let rollover = directory.lock()?.begin_rollover()?;
    print(both_trusted(&rollover.old, &rollover.new));
    wait.until(&Sight::With(&rollover.new))?;
    print("next: \"certs rollover issue\"");
    Ok(())
}

fn issue(directory: &Directory, wait: &Wait) -> anyhow::Result<()> {
    let (rollover, reissued) = directory.lock()?.issue_rollover()?;
    wait_for_leaves(directory, &rollover.new, &reissued, wait)?;
    print("next: \"certs rollover finish\"");
    Ok(())
}

fn finish(directory: &Directory, wait: &Wait) -> anyhow::Result<()> {
    let rollover = directory.lock()?.finish_rollover()?;
    print(alone(&rollover.new));
    Ok(wait.until(&Sight::Without(&rollover.old))?)
}

// The lock is not held while waiting, so that others can issue and revoke meanwhile.
fn abort(directory: &Directory, wait: &Wait) -> anyhow::Result<()> {
    let lock = || -> anyhow::Result<LockedDirectory> { Ok(directory.lock()?) };
    let rollover = lock()?.begin_abort()?;
    if rollover.step == RolloverStep::Aborting {
        print(both_trusted(&rollover.old, &rollover.new));
        wait.until(&Sight::With(&rollover.old))?;
        let reissued = lock()?.issue_abort()?;
        wait_for_leaves(directory, &rollover.old, &reissued, wait)?;
    }
    let rollover = lock()?.finish_abort()?;
    print(alone(&rollover.old));
    Ok(wait.until(&Sight::Without(&rollover.new))?)
}

fn wait_for_leaves(
    directory: &Directory,
    root: &RootId,
    reissued: &[Reissued],
    wait: &Wait,
) -> anyhow::Result<()> {
    let mut serials = Vec::new();
    for Reissued { name, leaf } in reissued {
        match leaf {
            Ok(serial) => {
                print(format!("{name:<16}has a leaf of {}: serial {serial}", root.common_name));
                serials.push(serial.clone());
            }
            Err(why) => {
                let path = directory.path().join(name);
                print(format!(
                    "{name:<16}left alone: {}",
                    not_reissued(*why, name, &path.display())
                ));
            }
        }
    }
    Ok(wait.until(&Sight::Serial(&serials))?)
}

fn not_reissued(why: NotReissued, name: &str, path: &dyn std::fmt::Display) -> String {
    match why {
        NotReissued::Revoked => {
            format!("its leaf is revoked: renew it with \"certs renew {name}\", or remove {path}")
        }
        NotReissued::NotOurs => format!("this authority did not issue the certificate in {path}"),
    }
}

fn both_trusted(old: &RootId, new: &RootId) -> String {
    format!(
        "both roots and lists are in every directory: {} and {}",
        old.common_name, new.common_name
    )
}

fn alone(root: &RootId) -> String {
    format!("one root is in every directory: {}", root.common_name)
}

const EXAMPLES: &str = "\
Examples, where the services' admin listeners are at 9000 and 9001:
  certs rollover begin  --wait http://localhost:9000 http://localhost:9001
  certs rollover issue  --wait http://localhost:9000 http://localhost:9001
  certs rollover finish --wait http://localhost:9000 http://localhost:9001
  certs rollover status";
