//! mtls-demo measured side by side with other servers, on one machine, in one run.
//!
//! It owns how the servers are configured and started ([`server`]), the load on them ([`load`]),
//! what is measured ([`measurement`]), and what becomes of it ([`figure`], [`report`]). It does not
//! know how any server works: it measures their processes from outside.
//!
//! ```text
//! Arguments ─> Environment ─> measurement::run ─> Figure ─> report: JSON, table, plots, budgets
//!                                  │  by turns
//!                                  ├─ server: api-service, gateway, nginx, Envoy, ...   processor 1
//!                                  └─ load: handshakes, HTTP/1.1, HTTP/2, idle          the others
//! ```

pub mod arguments;
pub mod cpu;
pub mod environment;
pub mod figure;
pub mod load;
pub mod measurement;
pub mod memory;
pub mod peers;
pub mod pki;
pub mod progress;
pub mod report;
pub mod server;

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, bail};

use crate::arguments::Arguments;
use crate::environment::Environment;
use crate::figure::Figure;
use crate::report::machine::Machine;

/// Measures what was asked for, and reports it.
///
/// # Errors
///
/// A measurement fails, or a budget is exceeded and the arguments ask for a check.
pub fn run(arguments: &Arguments) -> Result<()> {
    let environment = Environment::prepare(arguments)?;
    let results = std::path::absolute(arguments.results())?;
    fs::create_dir_all(&results).with_context(|| format!("cannot make {}", results.display()))?;
    Machine::read(arguments, environment.processors.count()).write(&results)?;
    let mut measured = Vec::new();
    for topic in arguments.topics() {
        for figure in measurement::run(&environment, topic)? {
            figure.write(&results)?;
            report::plot::write(&figure, &results)?;
            print!("{}", report::table::of(&figure));
            measured.push(figure);
        }
    }
    let verdicts = report::budget::compare(&measured);
    print!("{}", report::budget::table(&verdicts));
    write_tables(&results)?;
    eprintln!("results are in {}", results.display());
    if arguments.check && verdicts.iter().any(|verdict| !verdict.is_within_bound()) {
        bail!("a budget is exceeded: see the lines marked EXCEEDED above");
    }
    Ok(())
}

/// Writes the tables of all figures in a directory, those of earlier runs included.
fn write_tables(results: &Path) -> Result<()> {
    let figures = Figure::read_all(results)?;
    let mut text = report::budget::table(&report::budget::compare(&figures));
    text.extend(figures.iter().map(report::table::of));
    let path = results.join("tables.md");
    fs::write(&path, text.trim_start()).with_context(|| format!("cannot write {}", path.display()))
}
