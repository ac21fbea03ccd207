//! `certs issue NAME`: issues one identity with the requested names and nothing else.

use std::fmt::Write;

use anyhow::Context;
use authority::{AlternativeName, Directory, IdentityName, Leaf, LeafRequest, Usage};
use clap::Args;
use time::{OffsetDateTime, format_description::well_known::Rfc3339};

use crate::problems::Problems;
use crate::remaining::remaining;

/// Issues an identity NAME with the requested names and nothing else
///
/// Its common name is NAME. The files tls.crt, tls.key, ca.crt and ca.crl are written to DIR/NAME.
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Issue {
    /// The common name and the directory name
    name: String,
    /// A DNS name; may be repeated
    #[arg(long, value_name = "NAME")]
    dns: Vec<String>,
    /// A mail address; may be repeated
    #[arg(long, value_name = "ADDRESS")]
    email: Vec<String>,
    /// An IP address; may be repeated
    #[arg(long, value_name = "ADDRESS")]
    ip: Vec<String>,
    /// ecdsa-p256, ecdsa-p384, ed25519, rsa-2048 or rsa-4096
    #[arg(long, value_name = "ALGORITHM", default_value = "ecdsa-p256")]
    key: String,
    /// The lifetime: 30d, 12h, 5m, 20s [default: 30d]
    #[arg(long, value_name = "SPAN")]
    lifetime: Option<String>,
    /// The expiry, such as 2030-01-31T12:00:00Z
    #[arg(long, value_name = "DATE")]
    not_after: Option<String>,
    /// The start of validity, such as 2030-01-01T12:00:00Z [default: five minutes ago]
    #[arg(long, value_name = "DATE")]
    not_before: Option<String>,
    /// The organizational unit in its subject
    #[arg(long, value_name = "NAME")]
    organizational_unit: Option<String>,
    /// A SPIFFE ID, such as spiffe://mtls-demo.local/ns/default/sa/NAME
    #[arg(long, value_name = "ID")]
    spiffe: Option<String>,
    /// The usage: client, server or both
    #[arg(long, default_value = "client")]
    usage: String,
}

impl Issue {
    pub(crate) fn run(&self, directory: &Directory) -> anyhow::Result<String> {
        let (name, request) = self.check()?;
        let leaf = directory.lock()?.issue(&name, &request)?;
        let path = directory.path().join(name.as_str());
        let mut answer = format!("{name}: {}\n", facts(&leaf)?);
        writeln!(answer, "in {}", path.display())?;
        Ok(answer)
    }

    fn check(&self) -> anyhow::Result<(IdentityName, LeafRequest)> {
        let mut problems = Problems::default();
        let name = problems.take(self.name.parse::<IdentityName>());
        let usage = match problems.take(self.usage.parse()) {
            Some(Usage::Unstated) => {
                problems.add("\"unstated\" is not a usage: give client, server or both");
                None
            }
            usage => usage,
        };
        let mut request = self.names(LeafRequest::new(&self.name));
        if let Some(usage) = usage {
            request = request.usage(usage);
        }
        if let Some(key) = problems.take(self.key.parse()) {
            request = request.key(key);
        }
        let request = self.dates(request, &mut problems);
        for problem in request.problems() {
            // The common name is the name, and was checked as such.
            let is_name = matches!(&problem, authority::IssueError::Name(authority::NameError::Subject(text)) if *text == self.name);
            if !is_name {
                problems.add(problem);
            }
        }
        problems.settle()?;
        Ok((name.context("a name must have been given")?, request))
    }

    fn names(&self, request: LeafRequest) -> LeafRequest {
        let request = self.dns.iter().fold(request, LeafRequest::dns);
        let request = self
            .ip
            .iter()
            .fold(request, |request, address| request.name(AlternativeName::ip(address)));
        let request = self.spiffe.iter().fold(request, LeafRequest::spiffe);
        let request = self.email.iter().fold(request, LeafRequest::email);
        match &self.organizational_unit {
            None => request,
            Some(name) => request.organizational_unit(name),
        }
    }

    fn dates(&self, mut request: LeafRequest, problems: &mut Problems) -> LeafRequest {
        if self.lifetime.is_some() && self.not_after.is_some() {
            problems.add("--lifetime and --not-after say the same: give one of them");
        }
        if let Some(lifetime) = self.lifetime.as_ref().and_then(|text| problems.take(text.parse()))
        {
            request = request.lifetime(lifetime);
        }
        if let Some(moment) = date("--not-before", self.not_before.as_deref(), problems) {
            request = request.not_before(moment);
        }
        match date("--not-after", self.not_after.as_deref(), problems) {
            None => request,
            Some(moment) => request.not_after(moment),
        }
    }
}

/// Describes a new leaf in one line.
pub(crate) fn facts(leaf: &Leaf) -> anyhow::Result<String> {
    let left = remaining(leaf.not_after() - OffsetDateTime::now_utc());
    let ends = leaf.not_after().format(&Rfc3339)?;
    let capped = if leaf.is_capped() {
        ", sooner than requested, because its authority expires then"
    } else {
        ""
    };
    Ok(format!("serial {}, ends {ends} ({left}){capped}", leaf.serial()))
}

fn date(option: &str, text: Option<&str>, problems: &mut Problems) -> Option<OffsetDateTime> {
    let text = text?;
    problems.take(OffsetDateTime::parse(text, &Rfc3339).map_err(|_| {
        format!("{option} \"{text}\" is not a date: give one such as 2030-01-31T12:00:00Z")
    }))
}

const EXAMPLES: &str = "\
Examples:
  certs issue alice --email alice@example.com --organizational-unit support
  certs issue batch --spiffe spiffe://mtls-demo.local/ns/jobs/sa/batch --lifetime 12h
  certs issue db --usage server --dns db --ip 10.0.0.7 --key ecdsa-p384";
