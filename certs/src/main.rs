//! The command over the authority: one file a subcommand, `command` is their list.

use std::{io::Write, process::ExitCode};

use clap::Parser;

use crate::command::Arguments;

mod command;
mod identities;
mod init;
mod issue;
mod list;
mod problems;
mod remaining;
mod renew;
mod revoke;

fn main() -> ExitCode {
    match Arguments::parse().run() {
        Ok(answer) => {
            // A reader that went away, such as `head`, is no failure.
            let _ = std::io::stdout().lock().write_all(answer.as_bytes());
            ExitCode::SUCCESS
        }
        Err(error) => {
            let _ = writeln!(std::io::stderr().lock(), "error: {error:#}");
            ExitCode::FAILURE
        }
    }
}
