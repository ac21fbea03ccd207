//! The content of one PEM file.

use std::{
    fmt::{Display, Formatter, Result},
    path::{Path, PathBuf},
};

use mtls::pki::pem::{self, BadPem, Cause, Item};
use mtls::untrusted::Untrusted;
use serde::Serialize;
use time::OffsetDateTime;

use super::{certificate_view::CertificateView, key_view::KeyView, list_view::ListView};

/// A file and its content.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct FileView {
    path: PathBuf,
    certificates: Vec<CertificateView>,
    private_keys: Vec<KeyView>,
    revocation_lists: Vec<ListView>,
    /// The parts that could not be read.
    problems: Vec<String>,
}

impl FileView {
    /// Reads a file; an error if it contains nothing to show.
    pub(super) fn read(path: &Path, now: OffsetDateTime) -> anyhow::Result<Self> {
        let pem = pem::read_file(path).map_err(|error| unreadable(path, &error))?;
        let mut view = Self {
            path: path.to_owned(),
            certificates: Vec::new(),
            private_keys: Vec::new(),
            revocation_lists: Vec::new(),
            problems: Vec::new(),
        };
        let (mut chain, mut keys) = (Vec::new(), Vec::new());
        for block in pem::blocks(&pem) {
            match block.map(|block| block.item) {
                Ok(Item::Certificate(certificate)) => chain.push(certificate),
                Ok(Item::PrivateKey(key)) => keys.push(key),
                Ok(Item::RevocationList(list)) => match ListView::read(&list, now) {
                    Ok(list) => view.revocation_lists.push(list),
                    Err(why) => view.problems.push(format!("a revocation list is garbage: {why}")),
                },
                Err(bad) if bad.cause == Cause::Der => return Err(is_der(path)),
                Err(bad) => view.problems.push(words(&bad, path)),
            }
        }
        for (index, one) in CertificateView::of_chain(&chain, now).into_iter().enumerate() {
            match one {
                Ok(certificate) => view.certificates.push(certificate),
                Err(why) => view.problems.push(format!("certificate {} is {why}", index + 1)),
            }
        }
        view.private_keys = keys.iter().map(|key| KeyView::of(key, path, &chain)).collect();
        if view.is_empty() { Err(view.nothing()) } else { Ok(view) }
    }

    /// Whether all of it could be read.
    pub(super) fn is_good(&self) -> bool {
        self.problems.is_empty()
    }

    fn is_empty(&self) -> bool {
        self.certificates.is_empty()
            && self.private_keys.is_empty()
            && self.revocation_lists.is_empty()
    }

    fn nothing(&self) -> anyhow::Error {
        let path = self.path.display();
        match self.problems.as_slice() {
            [] => anyhow::anyhow!(
                "no certificate, private key or revocation list in {path}: give a file in PEM"
            ),
            problems => anyhow::anyhow!("garbage in {path}: {}", problems.join("; ")),
        }
    }
}

/// Describes a problem with a block; the file is part of the command that fixes it.
fn words(bad: &BadPem, path: &Path) -> String {
    match bad.cause {
        Cause::Encrypted => format!(
            "line {}: the private key is encrypted: decrypt it with \
             \"openssl pkey -in {path} -out {path}\"",
            bad.line,
            path = path.display()
        ),
        _ => bad.to_string(),
    }
}

impl Display for FileView {
    /// Joins parts with an empty line between them.
    fn fmt(&self, formatter: &mut Formatter<'_>) -> Result {
        let path = self.path.display();
        let count = self.certificates.len();
        let certificates = self.certificates.iter().enumerate();
        let mut parts: Vec<String> = certificates
            .map(|(index, it)| format!("{path}: certificate {} of {count}\n{it}", index + 1))
            .collect();
        let keys = self.private_keys.iter();
        parts.extend(keys.map(|key| format!("{path}: private key\n{key}")));
        let lists = self.revocation_lists.iter();
        parts.extend(lists.map(|list| format!("{path}: revocation list\n{list}")));
        let problems = self.problems.iter();
        parts.extend(problems.map(|problem| format!("{path}: {}\n", Untrusted(problem))));
        formatter.write_str(&parts.join("\n"))
    }
}

fn is_der(path: &Path) -> anyhow::Error {
    let path = path.display();
    anyhow::anyhow!(
        "{path} is not PEM, but perhaps DER: try \
         \"openssl x509 -inform DER -in {path} -out FILE.pem\""
    )
}

fn unreadable(path: &Path, error: &std::io::Error) -> anyhow::Error {
    let hint = match path.to_str() {
        Some(text) if error.kind() == std::io::ErrorKind::NotFound && text.contains(':') => {
            format!("; a server is https://{text}")
        }
        _ => String::new(),
    };
    anyhow::anyhow!("cannot read {}: {error}{hint}", path.display())
}
