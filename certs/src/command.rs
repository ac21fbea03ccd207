//! The command line: the options of all commands, and the list of commands.

use std::path::PathBuf;

use authority::Directory;
use clap::{Parser, Subcommand};

use crate::answer::Answer;
use crate::init::Init;
use crate::inspect::Inspect;
use crate::issue::Issue;
use crate::list::List;
use crate::renew::Renew;
use crate::revoke::Revoke;
use crate::rollover::Rollover;
use crate::secrets::Secrets;
use crate::verify::Verify;
use crate::watch::Watch;

/// Issues, renews, revokes and explains the certificates of mtls-demo.
#[derive(Debug, Parser)]
#[command(name = "certs", version, after_help = EXAMPLES)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    command: Command,
    /// The directory of the authority and the identities
    #[arg(long, global = true, value_name = "DIR", default_value = "certs/pki")]
    dir: PathBuf,
}

#[derive(Debug, Subcommand)]
enum Command {
    Init(Init),
    Inspect(Inspect),
    Issue(Box<Issue>),
    List(List),
    Renew(Renew),
    Revoke(Revoke),
    Rollover(Rollover),
    Secrets(Secrets),
    Verify(Verify),
    Watch(Watch),
}

impl Arguments {
    /// Runs the command and writes its output to standard output.
    pub(crate) fn run(self) -> anyhow::Result<Answer> {
        let directory = Directory::new(self.dir);
        Ok(match self.command {
            Command::Init(init) => init.run(&directory)?.into(),
            Command::Inspect(inspect) => inspect.run(&directory)?,
            Command::Issue(issue) => issue.run(&directory)?.into(),
            Command::List(list) => list.run(&directory)?.into(),
            Command::Renew(renew) => renew.run(&directory)?.into(),
            Command::Revoke(revoke) => revoke.run(&directory)?.into(),
            Command::Rollover(rollover) => rollover.run(&directory)?.into(),
            Command::Secrets(secrets) => secrets.run(&directory)?.into(),
            Command::Verify(verify) => verify.run(&directory)?,
            Command::Watch(watch) => watch.run(&directory)?.into(),
        })
    }
}

const EXAMPLES: &str = "\
Examples:
  certs init                                 the authority and the three identities
  certs issue alice --email alice@example.com
  certs issue db --usage server --dns db --dns db.default.svc
  certs list
  certs renew --all --within 10d
  certs revoke alice --reason key-compromise
  certs watch                                renew before anything expires, until stopped
  certs rollover status                      the progress of the change to a new root
  certs secrets | kubectl apply -f -         the identities, to a Kubernetes cluster
  certs inspect certs/pki/api-service        everything in its files
  certs inspect https://localhost:3000       what a live server presents and requests
  certs verify certs/pki/api-service         is it fit for use, and what fixes it if not";
