//! One of our services as a process: its settings, its addresses, its output.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};
use serde_json::Value;

use crate::binaries::{binary, example};
use crate::curl::Curl;
use crate::deadline::eventually;
use crate::identity::Identity;
use crate::program::{Outcome, Program};

/// A service that is not started yet, and its settings.
#[derive(Clone, Debug)]
pub struct Launch {
    arguments: Vec<String>,
    directory: Option<PathBuf>,
    is_example: bool,
    name: &'static str,
    settings: Vec<(String, String)>,
    user: Option<u32>,
}

/// A service that listens.
#[derive(Debug)]
pub struct Service {
    /// Where its admin listener stands.
    pub admin: SocketAddr,
    /// Where it listens.
    pub address: SocketAddr,
    program: Program,
    scheme: &'static str,
}

impl Launch {
    /// A service on loopback, on ports that the system chooses, with a log for machines. It sees
    /// no variable of the test's own environment.
    pub fn of(name: &'static str) -> Self {
        let (arguments, settings) = (Vec::new(), Vec::new());
        let launch =
            Self { arguments, directory: None, is_example: false, name, settings, user: None };
        let settings =
            [("HOST", "127.0.0.1"), ("PORT", "0"), ("ADMIN_PORT", "0"), ("LOG_FORMAT", "json")];
        settings.iter().fold(launch, |launch, (name, value)| launch.set(name, value))
    }

    /// One that is an example of our libraries.
    pub fn example(name: &'static str) -> Self {
        Self { is_example: true, ..Self::of(name) }
    }

    /// Sets a variable of its environment; the last value counts.
    #[must_use]
    pub fn set(mut self, name: &str, value: impl ToString) -> Self {
        self.settings.push((name.to_owned(), value.to_string()));
        self
    }

    /// Adds an argument.
    #[must_use]
    pub fn argument(mut self, argument: &str) -> Self {
        self.arguments.push(argument.to_owned());
        self
    }

    /// Sets its identity.
    #[must_use]
    pub fn identity(self, identity: &Identity) -> Self {
        self.set("CERT_PATH", identity.directory().display())
    }

    /// Runs it in a directory.
    #[must_use]
    pub fn directory(self, directory: &Path) -> Self {
        Self { directory: Some(directory.to_owned()), ..self }
    }

    /// Runs it as another user, which only root may.
    #[must_use]
    pub fn user(self, user: u32) -> Self {
        Self { user: Some(user), ..self }
    }

    /// Starts it, and waits until it listens.
    ///
    /// # Errors
    ///
    /// It does not; the error has its output.
    pub fn start(&self) -> Result<Service> {
        let mut program = Program::start(&mut self.command()?, "cargo")?;
        let listening = match self.name {
            // It has several listeners, with names of their own.
            "gateway" => "listening".to_owned(),
            name => format!("{name} is listening"),
        };
        let (address, admin) = eventually(&listening, || {
            let ended = program.ended()?;
            let lines = lines(&program.stdout());
            let address = |message: &str| {
                let line = lines.iter().find(|line| line["message"] == *message)?;
                line["address"].as_str()?.parse::<SocketAddr>().ok()
            };
            match (address(&listening).zip(address("admin is listening")), ended) {
                (None, Some(status)) => {
                    bail!(
                        "{} ended with {status}: {}{}",
                        self.name,
                        program.stdout(),
                        program.stderr()
                    )
                }
                (found, _) => Ok(found),
            }
        })?;
        let scheme = if self.name == "client-service" { "http" } else { "https" };
        Ok(Service { admin, address, program, scheme })
    }

    /// Runs it to its end, which is to come by itself.
    ///
    /// # Errors
    ///
    /// It does not end.
    pub fn run(&self) -> Result<Outcome> {
        Program::start(&mut self.command()?, "cargo")?.end()
    }

    fn command(&self) -> Result<Command> {
        let path = if self.is_example { example(self.name)? } else { binary(self.name)? };
        let mut command = match self.user {
            None => Command::new(path),
            Some(user) => {
                let user = user.to_string();
                let mut command = Command::new("setpriv");
                command.args(["--reuid", &user, "--regid", &user, "--clear-groups"]).arg(path);
                command
            }
        };
        if let Some(directory) = &self.directory {
            command.current_dir(directory);
        }
        command.args(&self.arguments).env_clear().envs(self.settings.iter().cloned());
        command.env("PATH", std::env::var_os("PATH").unwrap_or_default());
        Ok(command)
    }
}

impl Service {
    /// A URL of it, by the name `localhost`.
    pub fn url(&self, path: &str) -> String {
        format!("{}://localhost:{}{path}", self.scheme, self.address.port())
    }

    /// The number of its process.
    pub fn process(&self) -> u32 {
        self.program.process()
    }

    /// The most memory that it ever had, in KiB.
    ///
    /// # Errors
    ///
    /// The system does not say.
    pub fn peak_memory(&self) -> Result<u64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.process()))?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let size = line.and_then(|line| line.trim().strip_suffix("kB"));
        Ok(size.context("VmHWM must be there")?.trim().parse()?)
    }

    /// What its admin listener answers.
    ///
    /// # Errors
    ///
    /// It does not answer.
    pub fn admin(&self, path: &str) -> Result<String> {
        let answer = Curl::get(&format!("http://{}{path}", self.admin)).run()?;
        if answer.code != Some(0) {
            bail!("no answer from the admin listener: {}", answer.stderr);
        }
        Ok(answer.body)
    }

    /// `/handshakes`, newest first.
    ///
    /// # Errors
    ///
    /// There is no such answer.
    pub fn events(&self) -> Result<Vec<Value>> {
        let answer: Value = serde_json::from_str(&self.admin("/handshakes")?)?;
        Ok(answer["handshakes"].as_array().context("handshakes must be a list")?.clone())
    }

    /// The refusals among its handshakes, newest first, once there are `count`.
    ///
    /// # Errors
    ///
    /// There are not so many.
    pub fn refusals(&self, count: usize) -> Result<Vec<Value>> {
        eventually(&format!("{count} refusals on /handshakes"), || {
            let all = self.events()?.into_iter();
            let refusals: Vec<_> =
                all.map(|mut event| event["refusal"].take()).filter(Value::is_object).collect();
            Ok((refusals.len() >= count).then_some(refusals))
        })
    }

    /// All that it wrote on standard output so far, as it stands there.
    pub fn output(&self) -> String {
        self.program.stdout()
    }

    /// The lines of its log so far.
    pub fn log(&self) -> Vec<Value> {
        lines(&self.program.stdout())
    }

    /// The newest line of its log for which `wanted` holds, once there is one.
    ///
    /// # Errors
    ///
    /// There is none.
    pub fn logged(&self, what: &str, wanted: impl Fn(&Value) -> bool) -> Result<Value> {
        let found = eventually(what, || Ok(self.log().into_iter().rev().find(&wanted)));
        found.with_context(|| format!("the log is {}", self.program.stdout()))
    }

    /// The log's line of a refusal: that of the other end's address.
    ///
    /// # Errors
    ///
    /// There is none.
    pub fn logged_refusal(&self, refusal: &Value) -> Result<Value> {
        let peer = &refusal["peer"];
        self.logged("the log line of a refusal", |line| {
            &line["peer"] == peer && line["level"] == "WARN"
        })
    }

    /// Asks it to stop.
    ///
    /// # Errors
    ///
    /// It cannot be signalled.
    pub fn terminate(&self) -> Result<()> {
        self.program.terminate()
    }

    /// Asks it to stop, and waits for its end.
    ///
    /// # Errors
    ///
    /// It does not end.
    pub fn stop(self) -> Result<Outcome> {
        self.terminate()?;
        self.end()
    }

    /// Waits for its end.
    ///
    /// # Errors
    ///
    /// It does not end.
    pub fn end(self) -> Result<Outcome> {
        self.program.end()
    }
}

fn lines(log: &str) -> Vec<Value> {
    log.lines().filter_map(|line| serde_json::from_str(line).ok()).collect()
}
