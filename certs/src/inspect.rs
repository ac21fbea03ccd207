//! `certs inspect`: the content of a file or a directory, or what a live server presents.

use std::path::{Path, PathBuf};

use authority::Directory;
use clap::Args;
use time::OffsetDateTime;

use self::{directory_view::DirectoryView, file_view::FileView, server_view::ServerView};
use crate::answer::Answer;

mod certificate_view;
mod directory_view;
mod extension_view;
mod file_view;
mod general_name;
mod key_view;
mod list_view;
mod server_view;
mod sheet;
mod trust_view;

/// Shows a file, an identity directory, or what a live server presents and requests
///
/// A PEM file may hold certificates, a private key (of which only the kind is shown, and whether
/// it fits the certificate beside it) and revocation lists. A directory is one with tls.crt,
/// tls.key, ca.crt and ca.crl.
///
/// The command makes one handshake in each version of TLS, and never sends any data. The chain
/// is verified against DIR/ca/ca.crt if that file exists.
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Inspect {
    /// A PEM file, an identity directory, or the URL of a server
    #[arg(value_name = "PATH|https://HOST:PORT")]
    what: String,
    /// Present this identity to the server, and report whether it was accepted
    #[arg(long, value_name = "DIR")]
    identity: Option<PathBuf>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

impl Inspect {
    pub(crate) fn run(&self, directory: &Directory) -> anyhow::Result<Answer> {
        let now = OffsetDateTime::now_utc();
        if self.what.contains("://") {
            let server = self.what.parse()?;
            let view = ServerView::look(&server, self.identity.as_deref(), directory, now)?;
            return Ok(if self.json { json(&view)? } else { view.to_string() }.into());
        }
        anyhow::ensure!(
            self.identity.is_none(),
            "--identity is for a server: give https://HOST:PORT instead of \"{}\"",
            self.what
        );
        let path = Path::new(&self.what);
        let (is_good, text) = if path.is_dir() {
            let view = DirectoryView::read(path, now)?;
            (view.is_good(), if self.json { json(&view)? } else { view.to_string() })
        } else {
            let view = FileView::read(path, now)?;
            (view.is_good(), if self.json { json(&view)? } else { view.to_string() })
        };
        Ok(Answer { is_good, text })
    }
}

fn json(view: &impl serde::Serialize) -> anyhow::Result<String> {
    Ok(serde_json::to_string_pretty(view)? + "\n")
}

const EXAMPLES: &str = "\
Examples:
  certs inspect certs/pki/api-service              the four files of an identity
  certs inspect certs/pki/ca/ca.crl                what was revoked, when and why
  certs inspect chain.pem --json
  certs inspect https://localhost:3000             versions, suites, chain, what it asks for
  certs inspect https://localhost:3000 --identity certs/pki/client-service";
