//! Revocations with time and reason, and revocation lists (RFC 5280, 5).

use std::{fmt, str::FromStr};

use rcgen::{
    CertificateRevocationListParams, Issuer, KeyIdMethod, KeyPair, RevokedCertParams, SerialNumber,
};
use time::OffsetDateTime;

use crate::validity::whole_seconds;
use crate::{IssueError, Lifetime, Serial};

/// One revoked certificate.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Revocation {
    /// When it was revoked.
    pub at: OffsetDateTime,
    /// The reason.
    pub reason: RevocationReason,
    /// The serial number of the certificate.
    pub serial: Serial,
}

/// The reason of a revocation (RFC 5280, 5.3.1); only those that apply to a leaf.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum RevocationReason {
    /// The names of its subject have changed.
    AffiliationChanged,
    /// Its subject no longer operates.
    CessationOfOperation,
    /// Its private key was stolen or lost.
    KeyCompromise,
    /// A privilege of its subject was withdrawn.
    PrivilegeWithdrawn,
    /// Another certificate replaced it.
    Superseded,
    /// No reason was given.
    #[default]
    Unspecified,
}

/// The error for a text that is not a reason.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error(
    "\"{0}\" is not a reason: give unspecified, key-compromise, affiliation-changed, superseded, \
     cessation-of-operation or privilege-withdrawn"
)]
pub struct RevocationReasonError(String);

/// The request for a revocation list.
#[derive(Clone, Debug)]
pub struct RevocationListRequest {
    next_update: OffsetDateTime,
    number: u64,
    revocations: Vec<Revocation>,
    this_update: OffsetDateTime,
}

/// A signed revocation list.
#[derive(Clone, Debug)]
pub struct RevocationList {
    der: Vec<u8>,
    pem: String,
}

impl RevocationListRequest {
    /// The default lifetime of a list.
    pub const LIFETIME: Lifetime = Lifetime::days(30);

    /// An empty list with this number, valid from now for 30 days.
    ///
    /// Each list of an issuer must have a greater number than the one before.
    pub fn new(number: u64) -> Self {
        let now = whole_seconds(OffsetDateTime::now_utc());
        Self {
            next_update: now + Self::LIFETIME.duration(),
            number,
            revocations: Vec::new(),
            this_update: now,
        }
    }

    /// Sets `thisUpdate`, from which the list is valid.
    pub fn this_update(mut self, moment: OffsetDateTime) -> Self {
        self.this_update = moment;
        self
    }

    /// Sets `nextUpdate`; after it the list is stale.
    pub fn next_update(mut self, moment: OffsetDateTime) -> Self {
        self.next_update = moment;
        self
    }

    /// Adds a certificate revoked now.
    pub fn revoke(self, serial: &Serial, reason: RevocationReason) -> Self {
        self.revocation(Revocation {
            at: whole_seconds(OffsetDateTime::now_utc()),
            reason,
            serial: serial.clone(),
        })
    }

    /// Adds a revoked certificate.
    pub fn revocation(mut self, revocation: Revocation) -> Self {
        self.revocations.push(revocation);
        self
    }

    pub(crate) fn number(&self) -> u64 {
        self.number
    }

    pub(crate) fn dates(&self) -> (OffsetDateTime, OffsetDateTime) {
        (self.this_update, self.next_update)
    }

    pub(crate) fn sign(
        &self,
        key_identifier: &[u8],
        issuer: &Issuer<'_, &KeyPair>,
    ) -> Result<RevocationList, IssueError> {
        let what = || format!("revocation list {}", self.number);
        let signed = CertificateRevocationListParams {
            this_update: self.this_update,
            next_update: self.next_update,
            crl_number: SerialNumber::from(self.number),
            issuing_distribution_point: None,
            revoked_certs: self.revocations.iter().map(Revocation::to_rcgen).collect(),
            key_identifier_method: KeyIdMethod::PreSpecified(key_identifier.to_vec()),
        }
        .signed_by(issuer)
        .and_then(|list| Ok((list.der().to_vec(), list.pem()?)));
        let (der, pem) = signed.map_err(|source| IssueError::Sign { what: what(), source })?;
        Ok(RevocationList { der, pem })
    }
}

impl RevocationList {
    /// Its DER bytes.
    pub fn der(&self) -> &[u8] {
        &self.der
    }

    /// Its PEM block: the content of `ca.crl`.
    pub fn pem(&self) -> &str {
        &self.pem
    }
}

impl Revocation {
    fn to_rcgen(&self) -> RevokedCertParams {
        RevokedCertParams {
            serial_number: SerialNumber::from_slice(self.serial.as_bytes()),
            revocation_time: self.at,
            reason_code: Some(self.reason.to_rcgen()),
            invalidity_date: None,
        }
    }
}

impl RevocationReason {
    fn to_rcgen(self) -> rcgen::RevocationReason {
        match self {
            Self::AffiliationChanged => rcgen::RevocationReason::AffiliationChanged,
            Self::CessationOfOperation => rcgen::RevocationReason::CessationOfOperation,
            Self::KeyCompromise => rcgen::RevocationReason::KeyCompromise,
            Self::PrivilegeWithdrawn => rcgen::RevocationReason::PrivilegeWithdrawn,
            Self::Superseded => rcgen::RevocationReason::Superseded,
            Self::Unspecified => rcgen::RevocationReason::Unspecified,
        }
    }
}

impl fmt::Display for RevocationReason {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(match self {
            Self::AffiliationChanged => "affiliation-changed",
            Self::CessationOfOperation => "cessation-of-operation",
            Self::KeyCompromise => "key-compromise",
            Self::PrivilegeWithdrawn => "privilege-withdrawn",
            Self::Superseded => "superseded",
            Self::Unspecified => "unspecified",
        })
    }
}

impl FromStr for RevocationReason {
    type Err = RevocationReasonError;

    /// In kebab case, as flags are, or as RFC 5280 writes it.
    fn from_str(text: &str) -> Result<Self, RevocationReasonError> {
        match text {
            "affiliation-changed" | "affiliationChanged" => Ok(Self::AffiliationChanged),
            "cessation-of-operation" | "cessationOfOperation" => Ok(Self::CessationOfOperation),
            "key-compromise" | "keyCompromise" => Ok(Self::KeyCompromise),
            "privilege-withdrawn" | "privilegeWithdrawn" => Ok(Self::PrivilegeWithdrawn),
            "superseded" => Ok(Self::Superseded),
            "unspecified" => Ok(Self::Unspecified),
            _ => Err(RevocationReasonError(text.to_owned())),
        }
    }
}
