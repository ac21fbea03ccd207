//! The content of one certificate.

use std::fmt::{Display, Formatter, Result};

use mtls::pki::certificate::{Certificate, UnreadableCertificate};
use rustls_pki_types::CertificateDer;
use serde::Serialize;
use time::OffsetDateTime;
use x509_parser::prelude::{FromDer, X509Certificate};

use super::{
    extension_view::ExtensionView,
    sheet::{row, until},
};
use crate::date::date;

/// A certificate in the JSON form of all commands, with its extensions.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct CertificateView {
    #[serde(flatten)]
    pub(super) certificate: Certificate,
    days_left: i64,
    extensions: Vec<ExtensionView>,
    #[serde(skip)]
    now: OffsetDateTime,
    #[serde(skip)]
    self_issued: bool,
}

impl CertificateView {
    /// Reads consecutive certificates; the `chain` of each starts with itself.
    pub(super) fn of_chain(
        chain: &[CertificateDer<'_>],
        now: OffsetDateTime,
    ) -> Vec<std::result::Result<Self, UnreadableCertificate>> {
        let mut views: Vec<_> = chain.iter().map(|der| Self::read(der, now)).collect();
        let mut above: Vec<String> = Vec::new();
        for view in views.iter_mut().rev().flatten() {
            above.insert(0, view.certificate.subject.to_string());
            view.certificate.chain.clone_from(&above);
        }
        views
    }

    fn read(
        der: &CertificateDer<'_>,
        now: OffsetDateTime,
    ) -> std::result::Result<Self, UnreadableCertificate> {
        let certificate = Certificate::read(der)?;
        let parsed = X509Certificate::from_der(der).ok().map(|(_, parsed)| parsed);
        let extensions = parsed.iter().flat_map(|parsed| parsed.extensions());
        Ok(Self {
            days_left: certificate.days_left(now),
            extensions: extensions.map(|one| ExtensionView::of(one, &certificate)).collect(),
            self_issued: parsed
                .as_ref()
                .is_some_and(|parsed| parsed.subject().as_raw() == parsed.issuer().as_raw()),
            certificate,
            now,
        })
    }
}

impl Display for CertificateView {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> Result {
        let it = &self.certificate;
        let itself = if self.self_issued { " (itself)" } else { "" };
        row(formatter, "subject", shown(&it.subject.to_string()))?;
        row(formatter, "issuer", format!("{}{itself}", shown(&it.issuer.to_string())))?;
        row(formatter, "serial number", &it.serial_number)?;
        if it.valid_from > self.now {
            row(formatter, "valid from", format!("{} (not yet)", date(it.valid_from)))?;
        } else {
            row(formatter, "valid from", date(it.valid_from))?;
        }
        row(formatter, "valid to", until(it.valid_to, self.now))?;
        if let Some(id) = &it.spiffe_id {
            row(formatter, "SPIFFE ID", id.as_str())?;
        }
        row(formatter, "key", key_words(&it.public_key))?;
        row(formatter, "signed with", &it.signature_algorithm)?;
        row(formatter, "fingerprint (SHA-256)", &it.fingerprint256)?;
        for extension in &self.extensions {
            extension.fmt(formatter)?;
        }
        Ok(())
    }
}

/// `EC P-256, 256 bits`.
pub(super) fn key_words(key: &mtls::pki::certificate::PublicKey) -> String {
    match &key.curve {
        Some(curve) => format!("{} {curve}, {} bits", key.algorithm, key.bits),
        None => format!("{}, {} bits", key.algorithm, key.bits),
    }
}

fn shown(name: &str) -> &str {
    if name.is_empty() { "an empty name" } else { name }
}
