//! Manages the authority and its certificates. Each subcommand has one file; `command` lists
//! them.

use std::{io::Write, process::ExitCode};

use clap::Parser;

use crate::answer::Answer;
use crate::command::Arguments;

mod answer;
mod command;
mod date;
mod identities;
mod init;
mod inspect;
mod issue;
mod list;
mod problems;
mod progress;
mod remaining;
mod renew;
mod revoke;
mod rollover;
mod rollover_status;
mod rollover_wait;
mod scope;
mod secrets;
mod verify;
mod watch;

fn main() -> ExitCode {
    match Arguments::parse().run() {
        Ok(Answer { is_good, text }) => {
            // A closed pipe, as with `head`, is not an error.
            let _ = std::io::stdout().lock().write_all(text.as_bytes());
            if is_good { ExitCode::SUCCESS } else { ExitCode::FAILURE }
        }
        Err(error) => {
            let _ = writeln!(std::io::stderr().lock(), "error: {error:#}");
            ExitCode::FAILURE
        }
    }
}
