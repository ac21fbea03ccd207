//! The kind of a private key, and whether it fits the certificate beside it. Never the key itself.

use std::{
    fmt::{Display, Formatter, Result},
    path::{Path, PathBuf},
};

use mtls::pki::certificate::PublicKey;
use mtls::pki::identity::{BadIdentity, Identity};
use mtls::pki::pem::{self, Item};
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use serde::Serialize;

use super::{certificate_view::key_words, sheet::row};

/// A private key.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct KeyView {
    /// None if it is damaged or of a kind that is not supported for TLS.
    kind: Option<PublicKey>,
    /// None if there is no certificate beside it.
    fits: Option<bool>,
    /// The file of that certificate.
    certificate: Option<PathBuf>,
}

impl KeyView {
    /// Reads the key in `path`, and the certificate in the same file, or in the file of the same
    /// name that ends with `.crt` or `.pem`.
    pub(super) fn of(key: &PrivateKeyDer<'_>, path: &Path, inside: &[CertificateDer<'_>]) -> Self {
        let certificate = match inside.first() {
            Some(certificate) => Some((path.to_owned(), certificate.clone().into_owned())),
            None => beside(path),
        };
        let fits = certificate.as_ref().map(|(_, certificate)| {
            let identity = Identity::new(vec![certificate.clone()], key);
            !matches!(identity, Err(BadIdentity::Key(_) | BadIdentity::KeyMismatch))
        });
        Self {
            kind: PublicKey::of_private(key),
            fits,
            certificate: certificate.map(|(path, _)| path),
        }
    }
}

impl Display for KeyView {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> Result {
        let kind = self.kind.as_ref().map(key_words);
        let unknown = "damaged, or of a kind that TLS does not use here".to_owned();
        row(formatter, "key", kind.unwrap_or(unknown))?;
        let fits = match (&self.certificate, self.fits) {
            (Some(path), Some(true)) => format!("the certificate in {}", path.display()),
            (Some(path), _) => format!("NOT the certificate in {}", path.display()),
            (None, _) => "unknown: there is no certificate beside it".to_owned(),
        };
        row(formatter, "fits", fits)
    }
}

fn beside(path: &Path) -> Option<(PathBuf, CertificateDer<'static>)> {
    ["crt", "pem"].into_iter().find_map(|ending| {
        let path = path.with_extension(ending);
        let pem = pem::read_file(&path).ok()?;
        match pem::blocks(&pem).next()?.ok()?.item {
            Item::Certificate(certificate) => Some((path, certificate)),
            _ => None,
        }
    })
}
