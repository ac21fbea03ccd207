//! `certs revoke`: revokes certificates, in the list of every directory.

use std::fmt::Write;

use authority::{Directory, RevocationReason};
use clap::Args;

use crate::problems::Problems;
use crate::scope::Scope;

/// Revokes every unexpired certificate of a name, or the one with a serial number
///
/// Each line says which serial number, and of which namespace. The revocation list gets a new
/// number, and every ca.crl under DIR is rewritten.
#[derive(Args, Debug)]
pub(crate) struct Revoke {
    /// A name or a serial number, as "certs list --all" shows them
    #[arg(value_name = "NAME|SERIAL")]
    what: String,
    /// unspecified, key-compromise, affiliation-changed, superseded, cessation-of-operation or
    /// privilege-withdrawn
    #[arg(long, default_value = "unspecified")]
    reason: String,
}

impl Revoke {
    pub(crate) fn run(&self, directory: &Directory) -> anyhow::Result<String> {
        let mut problems = Problems::default();
        let reason: Option<RevocationReason> = problems.take(self.reason.parse());
        problems.settle()?;
        let revoked = directory.lock()?.revoke(&self.what, reason.unwrap_or_default())?;
        let mut answer = String::new();
        for entry in revoked {
            let scope = Scope::of_subject(&entry.subject)
                .map_or_else(|| "of no namespace".to_owned(), |scope| format!("of {scope}"));
            writeln!(answer, "{:<16}revoked: serial {}, {scope}", entry.name, entry.serial)?;
        }
        let record = directory.record()?;
        let numbers: Vec<String> =
            record.signers().map(|authority| authority.list_number.to_string()).collect();
        let (lists, are) = if numbers.len() == 1 { ("list", "is") } else { ("lists", "are") };
        writeln!(answer, "revocation {lists} {} {are} in every ca.crl", numbers.join(" and "))?;
        Ok(answer)
    }
}
