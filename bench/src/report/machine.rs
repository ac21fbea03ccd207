//! The machine and the versions that were measured.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result};
use serde::Serialize;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::arguments::Arguments;
use crate::peers::Peers;

/// The machine and the versions that were measured.
#[derive(Clone, Debug, Serialize)]
pub struct Machine {
    at: String,
    commit: String,
    kernel: String,
    load_average: String,
    others: Vec<String>,
    processor: String,
    processors: usize,
    rounds: usize,
    seconds_per_sample: f64,
}

impl Machine {
    /// Reads what the system says; what it does not say is empty.
    pub fn read(arguments: &Arguments, processors: usize) -> Self {
        let read = |path: &str| fs::read_to_string(path).unwrap_or_default().trim().to_owned();
        let model = read("/proc/cpuinfo");
        let model = model.lines().find_map(|line| line.strip_prefix("model name"));
        let processor = model.unwrap_or_default().trim_start_matches([' ', '\t', ':']);
        let now = OffsetDateTime::now_utc().format(&Rfc3339);
        let others =
            Peers::versions().into_iter().map(|(name, version)| format!("{name} {version}"));
        Self {
            at: now.unwrap_or_default(),
            commit: commit(),
            kernel: read("/proc/sys/kernel/osrelease"),
            load_average: read("/proc/loadavg"),
            others: others.collect(),
            processor: processor.to_owned(),
            processors,
            rounds: arguments.rounds(),
            seconds_per_sample: arguments.window().measured.as_secs_f64(),
        }
    }

    /// Writes it as JSON.
    ///
    /// # Errors
    ///
    /// The file cannot be written.
    pub fn write(&self, directory: &Path) -> Result<()> {
        let path = directory.join("machine.json");
        fs::write(&path, serde_json::to_string_pretty(self)? + "\n")
            .with_context(|| format!("cannot write {}", path.display()))
    }
}

fn commit() -> String {
    let output = Command::new("git").args(["rev-parse", "--short", "HEAD"]).output();
    output
        .map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned())
        .unwrap_or_default()
}
