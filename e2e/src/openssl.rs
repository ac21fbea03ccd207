//! OpenSSL's command: a client and a server that we did not write, and a maker of certificates.

use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result};

use crate::deadline::eventually;
use crate::identity::Identity;
use crate::program::{Outcome, Program};

/// Runs `openssl`, which is to succeed.
///
/// # Errors
///
/// It failed.
pub fn openssl(arguments: &[&str]) -> Result<Outcome> {
    Program::run(Command::new("openssl").args(arguments), "openssl", b"")?
        .good()
        .with_context(|| format!("openssl {arguments:?}"))
}

/// `openssl s_client`, set to ask a service for its data over HTTP/1.1.
#[derive(Clone, Debug)]
pub struct Client {
    arguments: Vec<String>,
}

/// What came of it.
#[derive(Debug)]
pub struct Answer {
    /// The TLS alert that it received.
    pub alert: Option<u8>,
    /// Its exit code.
    pub code: Option<i32>,
    /// All that it said on standard error.
    pub stderr: String,
    /// All that it said on standard output: the session, then the HTTP answer.
    pub stdout: String,
}

impl Client {
    /// Connects to an address, and trusts the roots of `identity`.
    pub fn to(address: SocketAddr, identity: &Identity) -> Self {
        let (address, roots) = (address.to_string(), identity.roots());
        let arguments = ["s_client", "-connect", &address, "-servername", "localhost", "-CAfile"];
        Self { arguments: Vec::new() }.with(&arguments).with(&[&text(&roots)])
    }

    /// Presents this identity.
    ///
    /// # Errors
    ///
    /// Its files cannot be read.
    pub fn presenting(self, identity: &Identity) -> Result<Self> {
        let (chain, key) = (identity.chain(), identity.key());
        let shown = self.with(&["-cert", &text(&chain), "-key", &text(&key)]);
        Ok(match identity.intermediates()? {
            None => shown,
            Some(path) => shown.with(&["-cert_chain", &text(&path)]),
        })
    }

    /// Adds arguments.
    #[must_use]
    pub fn with(mut self, arguments: &[&str]) -> Self {
        self.arguments.extend(arguments.iter().map(ToString::to_string));
        self
    }

    /// Requests the data, and reads to the end of the connection.
    ///
    /// # Errors
    ///
    /// OpenSSL is not there, or does not end.
    pub fn request(&self) -> Result<Answer> {
        let mut command = self.command();
        let Outcome { code, stderr, stdout } =
            Program::run(command.arg("-ign_eof"), "openssl", REQUEST)?;
        Ok(Answer { alert: alert_in(&stderr), code, stderr, stdout })
    }

    /// Connects, and leaves what is said to the test.
    ///
    /// # Errors
    ///
    /// OpenSSL is not there.
    pub fn start(&self) -> Result<Program> {
        Program::start(self.command().arg("-quiet"), "openssl")
    }

    fn command(&self) -> Command {
        let mut command = Command::new("openssl");
        command.args(&self.arguments);
        command
    }
}

/// `openssl s_server`, listening.
#[derive(Debug)]
pub struct Server {
    /// Where.
    pub port: u16,
    /// The process: its input is what it sends to its client, unless it serves files.
    pub program: Program,
}

impl Server {
    /// Presents an identity to each client, and handles it as the test says.
    ///
    /// # Errors
    ///
    /// It does not listen.
    pub fn presenting(identity: &Identity, arguments: &[&str]) -> Result<Self> {
        Self::start(identity, identity.directory(), arguments)
    }

    /// Answers each request with the file of its path: a whole HTTP answer, head and all.
    ///
    /// # Errors
    ///
    /// It does not listen.
    pub fn of_files(identity: &Identity, directory: &Path) -> Result<Self> {
        Self::start(identity, directory, &["-HTTP"])
    }

    /// The URL of it.
    pub fn url(&self) -> String {
        format!("https://localhost:{}", self.port)
    }

    fn start(identity: &Identity, directory: &Path, arguments: &[&str]) -> Result<Self> {
        let mut command = Command::new("openssl");
        command.args(["s_server", "-accept", "127.0.0.1:0"]).args(arguments).current_dir(directory);
        command.arg("-cert").arg(identity.chain()).arg("-key").arg(identity.key());
        let mut program = Program::start(&mut command, "openssl")?;
        let port = eventually("openssl s_server to listen", || {
            let said = program.stdout();
            let port = said.lines().find_map(|line| line.strip_prefix("ACCEPT 127.0.0.1:"));
            anyhow::ensure!(program.ended()?.is_none(), "it ended: {}", program.stderr());
            Ok(port.and_then(|port| port.parse().ok()))
        })?;
        Ok(Self { port, program })
    }
}

/// The alert that OpenSSL reports: its error codes for received alerts are 1000 and the number
/// of the alert (`SSL_AD_REASON_OFFSET`).
pub fn alert_in(complaint: &str) -> Option<u8> {
    complaint.split("error:").skip(1).find_map(|rest| {
        let code = u32::from_str_radix(rest.split(':').next()?, 16).ok()?;
        (code & 0xfff).checked_sub(1000).and_then(|number| u8::try_from(number).ok())
    })
}

fn text(path: &Path) -> String {
    path.display().to_string()
}

const REQUEST: &[u8] = b"GET /api/data HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";

#[cfg(test)]
mod tests {
    use super::alert_in;

    #[test]
    fn the_number_of_an_alert_is_read_from_openssls_complaint() {
        let required = "C0:error:0A00045C:SSL routines:ssl3_read_bytes:tlsv13 alert \
            certificate required:../ssl/record/rec_layer_s3.c:1600:SSL alert number 116";
        let own = "C0:error:0A000086:SSL routines:tls_post_process_server_certificate:\
            certificate verify failed:../ssl/statem/statem_clnt.c:1889:";

        assert_eq!(alert_in(required), Some(116));
        assert_eq!(alert_in(own), None);
    }
}
