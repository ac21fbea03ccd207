//! `certs init`: the authority and the three identities.

use std::fmt::Write;

use authority::{AuthorityOutcome, Certificate, Directory, IdentityOutcome, Leaf, LockedDirectory};
use clap::Args;
use time::OffsetDateTime;

use crate::{
    identities::{Identity, identities},
    remaining::remaining,
};

/// Makes the authority and the identities api-service, client-service and gateway
///
/// What is still good stays as it is: run it as often as you like. What is missing, unfit, ended,
/// or in the last third of its life is made anew, and each line says which and why.
#[derive(Args, Debug)]
pub(crate) struct Init {
    /// Make all anew, the authority too; what it issued before is worth nothing from then on
    #[arg(long)]
    force: bool,
    /// The Kubernetes namespace in the names
    #[arg(long, value_name = "NAME", default_value = "default")]
    namespace: String,
    /// The trust domain in the SPIFFE IDs
    #[arg(long, value_name = "NAME", default_value = "mtls-demo.local")]
    trust_domain: String,
}

impl Init {
    pub(crate) fn run(&self, directory: &Directory) -> anyhow::Result<String> {
        let identities = identities(&self.namespace, &self.trust_domain)?;
        let mut locked = directory.create_and_lock()?;
        let mut answer = String::new();
        let authority = locked.ensure_authority(self.force)?;
        let root = locked.authority()?.root().clone();
        writeln!(answer, "{:<16}{}", "authority", authority_line(&authority, &root))?;
        for identity in &identities {
            let outcome = locked.ensure_identity(&identity.name, &identity.request, self.force)?;
            writeln!(answer, "{:<16}{}", identity.name, identity_line(identity, &outcome))?;
        }
        locked.spread_trust()?;
        answer.push_str(&strangers(&locked)?);
        writeln!(answer, "in {}", directory.path().display())?;
        Ok(answer)
    }
}

fn authority_line(outcome: &AuthorityOutcome, root: &Certificate) -> String {
    let left = remaining(root.not_after() - OffsetDateTime::now_utc());
    let name = root.common_name();
    match outcome {
        AuthorityOutcome::Ended(at) => {
            format!("made anew: it had ended at {}; {name}, {left} left", at.date())
        }
        AuthorityOutcome::ListRenewed => {
            format!("unchanged, with a new revocation list: {name}, {left} left")
        }
        AuthorityOutcome::Made => format!("made: {name}, {left} left"),
        AuthorityOutcome::Unchanged => format!("unchanged: {name}, {left} left"),
    }
}

fn identity_line(identity: &Identity, outcome: &IdentityOutcome) -> String {
    match outcome {
        IdentityOutcome::Made(leaf) => format!("made: {}", leaf_line(identity, leaf)),
        IdentityOutcome::MadeAnew(leaf, None) => {
            format!("made anew: {}", leaf_line(identity, leaf))
        }
        IdentityOutcome::MadeAnew(leaf, Some(fault)) => {
            format!("made anew, because {fault}: {}", leaf_line(identity, leaf))
        }
        IdentityOutcome::Repaired(files) => {
            format!("unchanged, but for {} put back", files.join(" and "))
        }
        IdentityOutcome::Unchanged(entry) => {
            let left = remaining(entry.not_after - OffsetDateTime::now_utc());
            format!("unchanged: {}, {left} left", identity.usage)
        }
    }
}

fn leaf_line(identity: &Identity, leaf: &Leaf) -> String {
    let left = remaining(leaf.not_after() - OffsetDateTime::now_utc());
    let capped = if leaf.is_capped() { " (no more, because its authority ends then)" } else { "" };
    format!("{}, serial {}, {left} left{capped}", identity.usage, leaf.serial())
}

fn strangers(locked: &LockedDirectory) -> anyhow::Result<String> {
    let mut lines = String::new();
    for name in locked.strangers()? {
        writeln!(
            lines,
            "{name:<16}is not of this authority: renew it with \"certs renew {name}\""
        )?;
    }
    Ok(lines)
}
