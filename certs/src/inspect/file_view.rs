//! Everything in one PEM file.

use std::{
    fmt::{Display, Formatter, Result},
    fs,
    path::{Path, PathBuf},
};

use mtls::untrusted::Untrusted;
use rustls_pki_types::{
    CertificateDer, PrivateKeyDer,
    pem::{PemObject, SectionKind},
};
use serde::Serialize;
use time::OffsetDateTime;

use super::{certificate_view::CertificateView, key_view::KeyView, list_view::ListView};

/// A file and what is in it.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct FileView {
    path: PathBuf,
    certificates: Vec<CertificateView>,
    private_keys: Vec<KeyView>,
    revocation_lists: Vec<ListView>,
    /// What could not be read.
    problems: Vec<String>,
}

impl FileView {
    /// Reads a file; an error where there is nothing in it to show.
    pub(super) fn read(path: &Path, now: OffsetDateTime) -> anyhow::Result<Self> {
        let pem = fs::read(path).map_err(|error| unreadable(path, &error))?;
        let mut view = Self {
            path: path.to_owned(),
            certificates: Vec::new(),
            private_keys: Vec::new(),
            revocation_lists: Vec::new(),
            problems: Vec::new(),
        };
        let (mut chain, mut keys) = (Vec::new(), Vec::new());
        let sections = <(SectionKind, Vec<u8>)>::pem_slice_iter(&pem);
        for (index, section) in sections.enumerate() {
            match section {
                Ok((SectionKind::Certificate, der)) => chain.push(CertificateDer::from(der)),
                Ok((SectionKind::Crl, der)) => match ListView::read(&der, now) {
                    Ok(list) => view.revocation_lists.push(list),
                    Err(why) => view.problems.push(format!("a revocation list is garbage: {why}")),
                },
                Ok((kind, der)) => match PrivateKeyDer::from_pem(kind, der) {
                    Some(key) => keys.push(key),
                    None => view
                        .problems
                        .push(format!("block {} is {kind:?}, which is not shown", index + 1)),
                },
                Err(error) => {
                    view.problems.push(format!("block {} is garbage: {error}", index + 1))
                }
            }
        }
        for (index, one) in CertificateView::of_chain(&chain, now).into_iter().enumerate() {
            match one {
                Ok(certificate) => view.certificates.push(certificate),
                Err(why) => view.problems.push(format!("certificate {} is {why}", index + 1)),
            }
        }
        view.private_keys = keys.iter().map(|key| KeyView::of(key, path, &chain)).collect();
        if view.is_empty() { Err(view.nothing_because(&pem)) } else { Ok(view) }
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

    fn nothing_because(&self, bytes: &[u8]) -> anyhow::Error {
        let path = self.path.display();
        let text = String::from_utf8_lossy(bytes);
        if !self.problems.is_empty() {
            return anyhow::anyhow!("garbage in {path}: {}", self.problems.join("; "));
        }
        if text.contains("-----BEGIN ENCRYPTED PRIVATE KEY-----") {
            return anyhow::anyhow!(
                "the private key in {path} is encrypted, and no service here could use it: \
                 decrypt it with \"openssl pkey -in {path}\""
            );
        }
        if bytes.first() == Some(&0x30) {
            return anyhow::anyhow!(
                "{path} is not PEM, but perhaps DER: try \
                 \"openssl x509 -inform DER -in {path} -out FILE.pem\""
            );
        }
        anyhow::anyhow!(
            "no certificate, private key or revocation list in {path}: give a file in PEM"
        )
    }
}

impl Display for FileView {
    /// Parts with an empty line between them.
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

fn unreadable(path: &Path, error: &std::io::Error) -> anyhow::Error {
    let hint = match path.to_str() {
        Some(text) if error.kind() == std::io::ErrorKind::NotFound && text.contains(':') => {
            format!("; a server is https://{text}")
        }
        _ => String::new(),
    };
    anyhow::anyhow!("cannot read {}: {error}{hint}", path.display())
}
