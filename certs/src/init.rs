//! `certs init`: the authority and the three identities.

use std::fmt::Write;

use anyhow::ensure;
use authority::{
    AuthorityOutcome, Certificate, Directory, IdentityOutcome, Leaf, LockedDirectory, Record,
};
use clap::Args;
use time::{OffsetDateTime, format_description::well_known::Rfc3339};

use crate::identities::{Identity, identities};
use crate::remaining::remaining;
use crate::scope::{NAMES, Scope};

/// Creates the authority and the identities api-service, client-service and gateway
///
/// Safe to run repeatedly: what is still valid stays unchanged. What is missing, invalid, expired,
/// or in the last third of its lifetime is replaced, and each line says which and why. A directory
/// has one namespace and one trust domain: another one needs its own directory.
#[derive(Args, Debug)]
pub(crate) struct Init {
    /// Replace everything, including the authority; no certificate issued before stays valid
    #[arg(long)]
    force: bool,
    /// The Kubernetes namespace in the names [default: that of the directory, or default]
    #[arg(long, value_name = "NAME")]
    namespace: Option<String>,
    /// The trust domain in the SPIFFE IDs [default: that of the directory, or mtls-demo.local]
    #[arg(long, value_name = "NAME")]
    trust_domain: Option<String>,
}

impl Init {
    pub(crate) fn run(&self, directory: &Directory) -> anyhow::Result<String> {
        let at_first = Scope {
            namespace: DEFAULT_NAMESPACE.to_owned(),
            trust_domain: DEFAULT_TRUST_DOMAIN.to_owned(),
        };
        // An invalid name is rejected before anything is created.
        identities(&self.scope(&at_first))?;
        let mut locked = directory.create_and_lock()?;
        let known = directory.record().ok().and_then(|record| Scope::of_record(&record));
        let scope = self.scope(known.as_ref().unwrap_or(&at_first));
        if let Some(known) = known {
            ensure_same(directory, &known, &scope)?;
        }
        let identities = identities(&scope)?;
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
        if let Some(end) = first_end(&directory.record()?) {
            writeln!(answer, "renew them by {end}: \"certs renew --all\", or \"certs watch\"")?;
        }
        writeln!(answer, "in {}", directory.path().display())?;
        Ok(answer)
    }

    /// The requested value, or the default if there is none.
    fn scope(&self, default: &Scope) -> Scope {
        let asked =
            |asked: &Option<String>, default: &String| asked.as_ref().unwrap_or(default).clone();
        Scope {
            namespace: asked(&self.namespace, &default.namespace),
            trust_domain: asked(&self.trust_domain, &default.trust_domain),
        }
    }
}

fn ensure_same(directory: &Directory, known: &Scope, asked: &Scope) -> anyhow::Result<()> {
    let path = directory.path().display();
    let other =
        if asked.namespace == known.namespace { &asked.trust_domain } else { &asked.namespace };
    ensure!(
        known == asked,
        "{path} is of {known}, and {asked} was asked for; an authority is of one namespace and one \
         trust domain: name another directory, as in \"--dir {path}-{other}\""
    );
    Ok(())
}

/// When the first of the identities expires, in UTC.
fn first_end(record: &Record) -> Option<String> {
    let ends = NAMES.iter().filter_map(|name| Some(record.newest(name)?.not_after));
    ends.min()?.format(&Rfc3339).ok()
}

fn authority_line(outcome: &AuthorityOutcome, root: &Certificate) -> String {
    let left = remaining(root.not_after() - OffsetDateTime::now_utc());
    let name = root.common_name();
    match outcome {
        AuthorityOutcome::Ended(at) => {
            format!("replaced: it had expired at {}; {name}, {left} left", at.date())
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
        IdentityOutcome::Created(leaf) => format!("made: {}", leaf_line(identity, leaf)),
        IdentityOutcome::Replaced(leaf, None) => {
            format!("replaced: {}", leaf_line(identity, leaf))
        }
        IdentityOutcome::Replaced(leaf, Some(fault)) => {
            format!("replaced, because {fault}: {}", leaf_line(identity, leaf))
        }
        IdentityOutcome::Repaired(files) => {
            format!("unchanged, {} restored", files.join(" and "))
        }
        IdentityOutcome::Unchanged(entry) => {
            let left = remaining(entry.not_after - OffsetDateTime::now_utc());
            format!("unchanged: {}, {left} left", identity.usage)
        }
    }
}

fn leaf_line(identity: &Identity, leaf: &Leaf) -> String {
    let left = remaining(leaf.not_after() - OffsetDateTime::now_utc());
    let capped =
        if leaf.is_capped() { " (no more, because its authority expires then)" } else { "" };
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

const DEFAULT_NAMESPACE: &str = "default";
const DEFAULT_TRUST_DOMAIN: &str = "mtls-demo.local";
