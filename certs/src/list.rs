//! `certs list`: the issued certificates and their remaining lifetime.

use std::{fmt::Write, io::IsTerminal};

use authority::{Directory, Entry, Record, Rollover};
use clap::Args;
use time::{OffsetDateTime, format_description::well_known::Rfc3339};

use crate::remaining::remaining;

/// Lists issued certificates: name, serial number, usage, remaining lifetime, and the names
///
/// Shows the newest leaf of each name, and revoked leaves that have not expired.
#[derive(Args, Debug)]
pub(crate) struct List {
    /// Show every certificate ever issued; of each name, the newest hundred that have expired
    #[arg(long)]
    all: bool,
}

impl List {
    pub(crate) fn run(&self, directory: &Directory) -> anyhow::Result<String> {
        let record = directory.record()?;
        let now = OffsetDateTime::now_utc();
        let mut rows = vec![HEADINGS.map(str::to_owned)];
        for entry in record.issued.iter().filter(|entry| self.shows(entry, &record, now)) {
            rows.push(row(entry, &record, now)?);
        }
        let colour = std::io::stdout().is_terminal()
            && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
        let mut answer = table(&rows, colour);
        for authority in record.signers() {
            writeln!(
                answer,
                "{}: {} left; revocation list {}: {} left",
                authority.common_name,
                remaining(authority.not_after - now),
                authority.list_number,
                remaining(authority.list_next_update - now),
            )?;
        }
        if record.rollover.as_ref().is_some_and(Rollover::is_under_way) {
            answer.push_str("a rollover is under way: see \"certs rollover status\"\n");
        }
        Ok(answer)
    }

    fn shows(&self, entry: &Entry, record: &Record, now: OffsetDateTime) -> bool {
        self.all || is_newest(entry, record) || (entry.revoked.is_some() && entry.not_after >= now)
    }
}

fn is_newest(entry: &Entry, record: &Record) -> bool {
    let newest = record.newest(&entry.name);
    newest.is_some_and(|newest| newest.serial == entry.serial)
}

fn row(entry: &Entry, record: &Record, now: OffsetDateTime) -> anyhow::Result<[String; 6]> {
    let names: Vec<String> = entry.subject.names().collect();
    Ok([
        entry.name.clone(),
        entry.serial.to_string(),
        entry.subject.usage.to_string(),
        remaining(entry.not_after - now),
        state(entry, record, now)?,
        if names.is_empty() { "-".to_owned() } else { names.join(", ") },
    ])
}

fn state(entry: &Entry, record: &Record, now: OffsetDateTime) -> anyhow::Result<String> {
    Ok(if let Some(revoked) = &entry.revoked {
        format!("revoked {} ({})", revoked.at.format(&Rfc3339)?, revoked.reason)
    } else if entry.not_after < now {
        "expired".to_owned()
    } else if !record.trusts(&entry.authority) {
        "of an old authority".to_owned()
    } else if !is_newest(entry, record) {
        "replaced".to_owned()
    } else if entry.not_before > now {
        "not valid yet".to_owned()
    } else if entry.is_near_its_end(now) {
        "expires soon".to_owned()
    } else {
        "good".to_owned()
    })
}

fn table(rows: &[[String; 6]], colour: bool) -> String {
    let mut widths = [0; 6];
    for row in rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.chars().count());
        }
    }
    let mut text = String::new();
    for row in rows {
        let cells: Vec<String> =
            row.iter().zip(widths).map(|(cell, width)| format!("{cell:<width$}")).collect();
        let line = cells.join("  ");
        let line = line.trim_end();
        match colour_of(&row[STATE]).filter(|_| colour) {
            None => text.push_str(line),
            Some(code) => text.push_str(&format!("\u{1b}[{code}m{line}\u{1b}[0m")),
        }
        text.push('\n');
    }
    text
}

fn colour_of(state: &str) -> Option<u8> {
    match state {
        "STATE" => Some(1),
        "expires soon" | "not valid yet" => Some(33),
        "good" => None,
        "replaced" => Some(2),
        _ => Some(31),
    }
}

const HEADINGS: [&str; 6] = ["NAME", "SERIAL", "FOR", "LEFT", "STATE", "NAMES"];
const STATE: usize = 4;
