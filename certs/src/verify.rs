//! `certs verify DIR`: whether an identity is fit for use, verified as the services verify it.

use std::{fmt::Write, path::PathBuf};

use authority::Directory;
use clap::Args;
use mtls::pki::role::Role;
use mtls::pki::trust::Revocation;
use time::OffsetDateTime;

use self::{location::Location, verdict::Verdict};
use crate::answer::Answer;
use crate::problems::Problems;

mod fault;
mod location;
mod shell;
mod verdict;
mod warning;

/// Verifies that an identity is fit for use, and prints the command that fixes each problem
///
/// It is verified as the services verify it at startup: against its own ca.crt and ca.crl. All
/// problems are reported at once. Exits with 1 if it is not fit; warnings alone exit with 0.
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Verify {
    /// The directory with tls.crt, tls.key, ca.crt and ca.crl
    #[arg(id = "identity", value_name = "DIR")]
    path: PathBuf,
    /// client or server [default: each that its extended key usage claims]
    #[arg(long)]
    role: Option<String>,
    /// required, checked or off, like REVOCATION for the services
    #[arg(long, default_value = "checked")]
    revocation: String,
}

impl Verify {
    pub(crate) fn run(&self, directory: &Directory) -> anyhow::Result<Answer> {
        let (role, revocation) = self.check()?;
        let location = Location::of(&self.path, directory);
        let verdict = Verdict::on(&location, role, revocation, OffsetDateTime::now_utc());
        let mut text = format!("{}\n", self.path.display());
        for line in &verdict.lines {
            writeln!(text, "  {line}")?;
        }
        for fault in &verdict.faults {
            writeln!(text, "fault: {}\n  fix: {}", fault.words, fault.fix)?;
        }
        for warning in &verdict.warnings {
            writeln!(text, "warning: {}\n  fix: {}", warning.words, warning.fix)?;
        }
        Ok(Answer { is_good: verdict.faults.is_empty(), text })
    }

    fn check(&self) -> anyhow::Result<(Option<Role>, Revocation)> {
        let mut problems = Problems::default();
        let role = self.role.as_deref().and_then(|text| {
            problems.take(match text {
                "client" => Ok(Role::Client),
                "server" => Ok(Role::Server),
                other => Err(format!("\"{other}\" is not a role: give client or server")),
            })
        });
        let revocation = problems.take(self.revocation.parse::<Revocation>());
        problems.settle()?;
        Ok((role, revocation.unwrap_or_default()))
    }
}

const EXAMPLES: &str = "\
Examples:
  certs verify certs/pki/api-service
  certs verify certs/pki/gateway --role client
  certs verify /certs --revocation required";
