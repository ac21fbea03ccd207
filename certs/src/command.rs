//! What can be asked for: the options of all commands, and the list of commands.

use std::path::PathBuf;

use authority::Directory;
use clap::{Parser, Subcommand};

use crate::{init::Init, issue::Issue, list::List, renew::Renew, revoke::Revoke};

/// Issues, renews, revokes and lists the certificates of mtls-demo.
#[derive(Debug, Parser)]
#[command(name = "certs", version, after_help = EXAMPLES)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    command: Command,
    /// Where the authority and the identities live
    #[arg(long, global = true, value_name = "DIR", default_value = "certs/pki")]
    dir: PathBuf,
}

#[derive(Debug, Subcommand)]
enum Command {
    Init(Init),
    Issue(Box<Issue>),
    List(List),
    Renew(Renew),
    Revoke(Revoke),
}

impl Arguments {
    /// Does what was asked for; the answer goes to standard output.
    pub(crate) fn run(self) -> anyhow::Result<String> {
        let directory = Directory::new(self.dir);
        match self.command {
            Command::Init(init) => init.run(&directory),
            Command::Issue(issue) => issue.run(&directory),
            Command::List(list) => list.run(&directory),
            Command::Renew(renew) => renew.run(&directory),
            Command::Revoke(revoke) => revoke.run(&directory),
        }
    }
}

const EXAMPLES: &str = "\
Examples:
  certs init                                 the authority and the three identities
  certs issue alice --email alice@example.com
  certs issue db --usage server --dns db --dns db.default.svc
  certs list
  certs renew --all --within 10d
  certs revoke alice --reason key-compromise";
