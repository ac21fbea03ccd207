//! Many clicks at once: curl, with connections that it keeps open, as a browser does.

use std::process::Command;

use anyhow::{Result, ensure};
use tempfile::TempDir;

use crate::deadline::eventually;
use crate::program::Program;

/// Clicks under way.
#[derive(Debug)]
pub struct Clicks {
    count: usize,
    curl: Program,
    _answers: TempDir,
}

impl Clicks {
    /// Clicks so many times, on this many connections at once; `place` is scheme, host and port.
    ///
    /// # Errors
    ///
    /// curl is not there.
    pub fn start(place: &str, count: usize, at_once: usize) -> Result<Self> {
        Self::with(place, count, at_once, &[])
    }

    /// The same, and tries each again for half a minute, as a page may.
    ///
    /// # Errors
    ///
    /// curl is not there.
    pub fn with_retries(place: &str, count: usize, at_once: usize) -> Result<Self> {
        let retries = ["--retry", "60", "--retry-delay", "1", "--retry-max-time", "30"];
        Self::with(place, count, at_once, &[&retries[..], &["--retry-all-errors"]].concat())
    }

    fn with(place: &str, count: usize, at_once: usize, more: &[&str]) -> Result<Self> {
        // A file, for curl cannot empty /dev/null before it tries again.
        let answers = tempfile::tempdir()?;
        let url = format!("{place}/proxy/data?[1-{count}]");
        let mut curl = Command::new("curl");
        curl.args(["-sS", "--no-progress-meter", "--noproxy", "*", "-w", "%{http_code}\n", "-o"]);
        curl.arg(answers.path().join("answer"));
        curl.args(["-Z", "--parallel-max", &at_once.to_string()]).args(more).arg(url);
        Ok(Self { count, curl: Program::start(&mut curl, "curl")?, _answers: answers })
    }

    /// The number of requests answered so far.
    pub fn count_answered(&self) -> usize {
        self.curl.stdout().lines().count()
    }

    /// Waits until so many are answered, for as long as it goes on at all.
    ///
    /// # Errors
    ///
    /// It goes on no more.
    pub fn answered(&self, count: usize) -> Result<()> {
        let step = (self.count / 20).max(1);
        for least in (0..count).step_by(step).chain([count]) {
            let enough = || Ok((self.count_answered() >= least).then_some(()));
            eventually(&format!("{least} answers"), enough)?;
        }
        Ok(())
    }

    /// Waits for the last answer; each must be 200.
    ///
    /// # Errors
    ///
    /// One is not.
    pub fn all_good(self) -> Result<()> {
        self.answered(self.count)?;
        let count = self.count;
        let outcome = self.curl.end()?;
        let good = outcome.stdout.lines().filter(|status| *status == "200").count();
        ensure!(good == count, "{good} of {count} answers are 200: {}", outcome.stderr);
        Ok(())
    }
}
