//! The files of an identity directory, or of the authority's directory.

use std::{
    fmt::{Display, Formatter, Result},
    path::{Path, PathBuf},
};

use mtls::credentials::{load_identity, load_trust};
use mtls::pki::role::Role;
use mtls::pki::trust::Revocation;
use mtls::untrusted::Untrusted;
use serde::Serialize;
use time::OffsetDateTime;

use super::file_view::FileView;

/// A directory and its certificate, key and list files.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct DirectoryView {
    path: PathBuf,
    files: Vec<FileView>,
    /// What is missing or could not be read.
    problems: Vec<String>,
    /// The issuers of lists that cannot be verified yet, and so are not used.
    unverified_lists: Vec<String>,
}

impl DirectoryView {
    pub(super) fn read(path: &Path, now: OffsetDateTime) -> anyhow::Result<Self> {
        let is_authority = path.join("ca.key").exists() && !path.join("tls.crt").exists();
        let names = if is_authority { AUTHORITY } else { IDENTITY };
        anyhow::ensure!(
            names.iter().any(|name| path.join(name).exists()),
            "no identity in {}: give a directory with {}, or a PEM file",
            path.display(),
            IDENTITY.join(", "),
        );
        let mut view = Self {
            path: path.to_owned(),
            files: Vec::new(),
            problems: Vec::new(),
            unverified_lists: unverified_lists(path, now),
        };
        for name in names {
            let file = path.join(name);
            match FileView::read(&file, now) {
                Ok(file) => view.files.push(file),
                Err(_) if !file.exists() && *name == LIST => {}
                Err(_) if !file.exists() => {
                    view.problems.push(format!("no file {}", file.display()));
                }
                Err(problem) => view.problems.push(problem.to_string()),
            }
        }
        Ok(view)
    }

    /// Whether no file is missing and all could be read.
    pub(super) fn is_good(&self) -> bool {
        self.problems.is_empty() && self.files.iter().all(FileView::is_good)
    }
}

impl Display for DirectoryView {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> Result {
        let mut parts: Vec<String> = self.files.iter().map(ToString::to_string).collect();
        let list = self.path.join(LIST);
        if !list.exists() {
            parts.push(format!("no file {}: nothing is known of revocations\n", list.display()));
        }
        parts.extend(self.unverified_lists.iter().map(|issuer| {
            let issuer = Untrusted(issuer);
            format!("the list of {issuer} is unverified: that is no root here, nor in tls.crt\n")
        }));
        parts.extend(self.problems.iter().map(|problem| format!("{}\n", Untrusted(problem))));
        formatter.write_str(&parts.join("\n"))
    }
}

/// The issuers of lists that neither a root nor an intermediate in `tls.crt` is known to have
/// signed.
fn unverified_lists(path: &Path, now: OffsetDateTime) -> Vec<String> {
    let Ok(trust) = load_trust(path, Revocation::Checked, now) else {
        return Vec::new();
    };
    if let Ok(identity) = load_identity(path) {
        for role in [Role::Client, Role::Server] {
            // Only the lists that its intermediates signed matter here.
            let _ = trust.verify(identity.chain(), role, now);
        }
    }
    let unverified = trust.lists().iter().filter(|list| !list.is_verified());
    unverified.map(|list| list.issuer.clone()).collect()
}

const AUTHORITY: &[&str] = &["ca.crt", "ca.key", LIST];
const IDENTITY: &[&str] = &["tls.crt", "tls.key", "ca.crt", LIST];
const LIST: &str = "ca.crl";
