//! The content of one revocation list (RFC 5280, section 5).

use std::fmt::{Display, Formatter, Result};

use mtls::pki::certificate::DistinguishedName;
use serde::Serialize;
use time::OffsetDateTime;
use x509_parser::prelude::{CertificateRevocationList, FromDer};
use x509_parser::revocation_list::RevokedCertificate;

use super::sheet::{hexadecimal, row, until};
use crate::date::date;

/// A revocation list.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ListView {
    issuer: String,
    number: Option<String>,
    #[serde(with = "time::serde::rfc3339")]
    this_update: OffsetDateTime,
    #[serde(with = "time::serde::rfc3339::option")]
    next_update: Option<OffsetDateTime>,
    stale: bool,
    revoked: Vec<Revoked>,
    #[serde(skip)]
    now: OffsetDateTime,
}

/// One entry of a list.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Revoked {
    serial_number: String,
    #[serde(with = "time::serde::rfc3339")]
    at: OffsetDateTime,
    /// The reason, named as in RFC 5280, section 5.3.1.
    reason: Option<&'static str>,
}

impl ListView {
    pub(super) fn read(der: &[u8], now: OffsetDateTime) -> std::result::Result<Self, String> {
        let (rest, list) =
            CertificateRevocationList::from_der(der).map_err(|error| error.to_string())?;
        if !rest.is_empty() {
            return Err("bytes follow its end".to_owned());
        }
        let next_update = list.next_update().map(|time| time.to_datetime());
        let issuer = DistinguishedName::read(list.issuer().as_raw());
        let issuer = issuer.map_err(|error| error.to_string())?.to_string();
        Ok(Self {
            issuer,
            number: list.crl_number().map(|number| number_text(&number.to_bytes_be())),
            this_update: list.last_update().to_datetime(),
            next_update,
            stale: next_update.is_some_and(|due| due < now),
            revoked: list.iter_revoked_certificates().map(Revoked::of).collect(),
            now,
        })
    }
}

impl Revoked {
    fn of(entry: &RevokedCertificate<'_>) -> Self {
        let reason = entry.reason_code().and_then(|(_, code)| REASONS.get(usize::from(code.0)));
        Self {
            serial_number: number_text(entry.raw_serial()),
            at: entry.revocation_date.to_datetime(),
            reason: reason.copied(),
        }
    }
}

impl Display for ListView {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> Result {
        row(formatter, "issuer", &self.issuer)?;
        row(formatter, "number", self.number.as_deref().unwrap_or("none"))?;
        row(formatter, "made", date(self.this_update))?;
        match self.next_update {
            Some(due) if self.stale => {
                let ago = until(due, self.now).replace("ended", "STALE since then,");
                row(formatter, "next one due", ago)?;
            }
            Some(due) => row(formatter, "next one due", until(due, self.now))?,
            None => row(formatter, "next one due", "not said")?,
        }
        row(formatter, "revoked", self.revoked.len())?;
        for entry in &self.revoked {
            let why = entry.reason.unwrap_or("no reason given");
            row(formatter, &entry.serial_number, format!("  {}, {why}", date(entry.at)))?;
        }
        Ok(())
    }
}

/// Lower-case hexadecimal, without the zero octet that DER puts before a set high bit.
fn number_text(bytes: &[u8]) -> String {
    match bytes {
        [0, rest @ ..] if !rest.is_empty() => hexadecimal(rest),
        all => hexadecimal(all),
    }
}

const REASONS: [&str; 11] = [
    "unspecified",
    "keyCompromise",
    "cACompromise",
    "affiliationChanged",
    "superseded",
    "cessationOfOperation",
    "certificateHold",
    "reason 7",
    "removeFromCRL",
    "privilegeWithdrawn",
    "aACompromise",
];
