//! curl, as a user runs it.

use std::process::Command;

use anyhow::{Context, Result};
use serde_json::Value;

use crate::identity::Identity;
use crate::openssl::alert_in;
use crate::program::{Outcome, Program};

/// One request, not made yet.
#[derive(Clone, Debug)]
pub struct Curl {
    arguments: Vec<String>,
}

/// What came of it.
#[derive(Debug)]
pub struct Answer {
    /// The TLS alert that curl reports.
    pub alert: Option<u8>,
    /// The body.
    pub body: String,
    /// curl's exit code.
    pub code: Option<i32>,
    /// The media type.
    pub content_type: String,
    /// The version of HTTP, such as `1.1` or `2`.
    pub http_version: String,
    /// The HTTP status; 0 where there was no answer.
    pub status: u16,
    /// curl's complaint.
    pub stderr: String,
}

impl Curl {
    /// `curl URL`.
    pub fn get(url: &str) -> Self {
        let arguments = ["-sS", "--max-time", "14", "--noproxy", "*", "-w", FACTS, url];
        Self { arguments: arguments.map(str::to_owned).to_vec() }
    }

    /// Presents this identity, and trusts its roots.
    #[must_use]
    pub fn presenting(self, identity: &Identity) -> Self {
        let (chain, key) = (identity.chain(), identity.key());
        self.trusting(identity).with(&[
            "--cert",
            &chain.display().to_string(),
            "--key",
            &key.display().to_string(),
        ])
    }

    /// Trusts the roots of this identity.
    #[must_use]
    pub fn trusting(self, identity: &Identity) -> Self {
        self.with(&["--cacert", &identity.roots().display().to_string()])
    }

    /// Adds arguments.
    #[must_use]
    pub fn with(mut self, arguments: &[&str]) -> Self {
        self.arguments.extend(arguments.iter().map(ToString::to_string));
        self
    }

    /// Makes the request.
    ///
    /// # Errors
    ///
    /// curl is not there, or does not end. That it complains is an answer.
    pub fn run(&self) -> Result<Answer> {
        Answer::of(Program::run(&mut self.command(), "curl", b"")?)
    }

    /// Makes the request, and does not wait for its answer.
    ///
    /// # Errors
    ///
    /// curl is not there.
    pub fn start(&self) -> Result<Program> {
        Program::start(&mut self.command(), "curl")
    }

    fn command(&self) -> Command {
        let mut command = Command::new("curl");
        command.args(&self.arguments);
        command
    }
}

impl Answer {
    /// Reads what curl said.
    ///
    /// # Errors
    ///
    /// It did not come to its facts.
    pub fn of(outcome: Outcome) -> Result<Self> {
        let Outcome { code, stderr, stdout } = outcome;
        let (body, facts) = stdout.rsplit_once('\n').with_context(|| stderr.clone())?;
        let mut facts = facts.splitn(3, ' ');
        let mut next = || facts.next().unwrap_or_default();
        Ok(Self {
            alert: alert_in(&stderr),
            body: body.to_owned(),
            code,
            status: next().parse()?,
            http_version: next().to_owned(),
            content_type: next().to_owned(),
            stderr,
        })
    }

    /// The body as JSON.
    ///
    /// # Errors
    ///
    /// It is none.
    pub fn json(&self) -> Result<Value> {
        serde_json::from_str(&self.body)
            .with_context(|| format!("{} {}{}", self.status, self.body, self.stderr))
    }
}

const FACTS: &str = "\n%{http_code} %{http_version} %{content_type}";
