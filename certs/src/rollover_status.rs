//! `certs rollover status`: the current step, and the next command.

use std::fmt::Write;

use authority::{Directory, Record, RolloverStep, RootId};
use time::OffsetDateTime;

use crate::remaining::remaining;

/// Shows the roots, which root signed each leaf, and the next command.
pub(crate) fn status(directory: &Directory) -> anyhow::Result<String> {
    let record = directory.record()?;
    let mut answer = String::new();
    let Some(rollover) = record.rollover.as_ref().filter(|rollover| rollover.is_under_way()) else {
        let before = match record.rollover.as_ref().map(|rollover| rollover.step) {
            None => "there was none",
            Some(RolloverStep::Aborted) => "the last one was aborted",
            Some(_) => "the last one is finished",
        };
        writeln!(answer, "{:<10}not under way: {before}", "rollover")?;
        for root in record.signers() {
            let left = remaining(root.not_after - OffsetDateTime::now_utc());
            writeln!(answer, "{:<10}{}, {left} left", "root", root.common_name)?;
        }
        writeln!(
            answer,
            "{:<10}\"certs rollover begin\", when this root is to be replaced",
            "next"
        )?;
        return Ok(answer);
    };
    writeln!(answer, "{:<10}{}", "rollover", words(rollover.step))?;
    writeln!(answer, "{:<10}{}", "old root", root(directory, &record, &rollover.old)?)?;
    writeln!(answer, "{:<10}{}", "new root", root(directory, &record, &rollover.new)?)?;
    writeln!(answer, "{:<10}{}", "next", next(rollover.step))?;
    Ok(answer)
}

fn root(directory: &Directory, record: &Record, root: &RootId) -> anyhow::Result<String> {
    let mut names = Vec::new();
    for (name, entry) in directory.leaves()? {
        if entry.is_some_and(|entry| entry.authority == root.key_identifier) {
            names.push(name);
        }
    }
    let mut known = record.authorities.iter();
    let known = known.find(|entry| entry.key_identifier == root.key_identifier);
    let now = OffsetDateTime::now_utc();
    let left = known
        .map_or_else(String::new, |entry| format!(", {} left", remaining(entry.not_after - now)));
    let leaves = if names.is_empty() { "no leaf".to_owned() } else { names.join(", ") };
    Ok(format!("{}{left}; of it: {leaves}", root.common_name))
}

fn words(step: RolloverStep) -> &'static str {
    match step {
        RolloverStep::Aborted => "aborted",
        RolloverStep::Aborting => "being aborted: both roots are trusted, the old one issues again",
        RolloverStep::Beginning => "beginning: not every directory has both roots yet",
        RolloverStep::Begun => "begun: both roots are trusted, the old one issues",
        RolloverStep::Finished => "finished",
        RolloverStep::Finishing => "finishing: the old root is being removed",
        RolloverStep::Issuing => "issuing: both roots are trusted, the new one issues",
        RolloverStep::Withdrawing => "being aborted: the new root is being removed",
    }
}

fn next(step: RolloverStep) -> &'static str {
    match step {
        RolloverStep::Aborted | RolloverStep::Finished => "\"certs rollover begin\"",
        RolloverStep::Aborting | RolloverStep::Withdrawing => "\"certs rollover abort\" again",
        RolloverStep::Beginning => {
            "\"certs rollover begin\" again, or return with \"certs rollover abort\""
        }
        RolloverStep::Begun => "\"certs rollover issue\", or return with \"certs rollover abort\"",
        RolloverStep::Finishing => {
            "\"certs rollover finish\" again, or return with \"certs rollover abort\""
        }
        RolloverStep::Issuing => {
            "\"certs rollover finish\" once every leaf is of the new root (\"certs rollover issue\" \
             renews those that are not), or return with \"certs rollover abort\""
        }
    }
}
