//! The command line.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result};
use clap::{Parser, ValueEnum};

use crate::load::window::Window;

/// Measures mtls-demo side by side with nginx and Envoy, on this machine, in one run.
///
/// Every server has one worker thread on a processor of its own, the same ECDSA P-256 certificates,
/// TLS 1.3, no session resumption and no access log. Servers are measured by turns, each round anew.
/// The main quantity is the processor time that the server's own processes use, as the operating
/// system counts it. Compare ratios of one run: absolute numbers depend on the machine.
#[derive(Clone, Debug, Parser)]
#[command(name = "bench", version)]
pub struct Arguments {
    /// What to measure; everything by default
    #[arg(value_enum, value_name = "TOPIC")]
    pub topics: Vec<Topic>,
    /// Measure for 3 minutes at most: shorter samples, and fewer of them
    #[arg(long)]
    pub quick: bool,
    /// Fail where a measured figure exceeds the bound of its budget
    #[arg(long)]
    pub check: bool,
    /// How often each server is measured
    #[arg(long, value_name = "COUNT", default_value = "5", value_parser = clap::value_parser!(u16).range(1..))]
    rounds: u16,
    /// How long each sample takes, in seconds [default: 2, with --quick 0.4]
    #[arg(long, value_name = "SECONDS")]
    seconds: Option<f64>,
    /// Where results are written [default: bench/results, with --quick target/bench/quick]
    #[arg(long, value_name = "DIRECTORY")]
    results: Option<PathBuf>,
    /// The private virtual environment of the other servers
    #[arg(long, value_name = "DIRECTORY", default_value = "target/bench/peers")]
    pub peers: PathBuf,
    /// Where our release binaries are [default: beside this program]
    #[arg(long, value_name = "DIRECTORY")]
    binaries: Option<PathBuf>,
}

/// What is measured.
#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
pub enum Topic {
    /// Full mutual handshakes, with X25519 and with X25519MLKEM768
    Handshakes,
    /// Small requests on kept-alive connections to api-service, HTTP/1.1 and HTTP/2
    Requests,
    /// The gateway before a backend: small, 64 KiB and 16 MiB bodies, certificates passed on
    Proxy,
    /// A click: client-service and api-service together, beside nginx in front of nginx
    Click,
    /// Resident memory when idle, and of 1,000 and 10,000 open idle connections
    Memory,
    /// From the start of the process to the first good handshake
    Start,
    /// The least that a handshake can cost: rustls in memory, and bare TCP with the same bytes
    Floor,
    /// Handshakes with revocation lists, many roots, many clients, and two threads
    Growth,
}

impl Arguments {
    /// The topics to measure, in their order.
    pub fn topics(&self) -> Vec<Topic> {
        let all = Topic::value_variants().iter().copied();
        all.filter(|topic| self.topics.is_empty() || self.topics.contains(topic)).collect()
    }

    /// How often each server is measured.
    pub fn rounds(&self) -> usize {
        usize::from(self.rounds)
    }

    /// How long each sample takes.
    pub fn window(&self) -> Window {
        let seconds = self.seconds.unwrap_or(if self.quick { 0.4 } else { 2.0 });
        let warm_up = if self.quick { 0.1 } else { 0.3 };
        Window {
            measured: Duration::from_secs_f64(seconds.clamp(0.05, 600.0)),
            warm_up: Duration::from_secs_f64(warm_up),
        }
    }

    /// Where results are written.
    pub fn results(&self) -> PathBuf {
        let usual = if self.quick { "target/bench/quick" } else { "bench/results" };
        self.results.clone().unwrap_or_else(|| usual.into())
    }

    /// Where our release binaries are.
    ///
    /// # Errors
    ///
    /// The system does not name this program.
    pub fn binaries(&self) -> Result<PathBuf> {
        if let Some(binaries) = &self.binaries {
            return Ok(std::path::absolute(binaries)?);
        }
        let own = std::env::current_exe().context("cannot find this program: give --binaries")?;
        Ok(own.parent().context("a program must be in a directory")?.to_owned())
    }
}
