//! Why a handshake or a request was refused: one value, the same in the log, in the
//! metrics, on `/handshakes` and on the page. It knows nothing of how the verification was made.

mod code;

use std::fmt::{Display, Formatter};
use std::net::SocketAddr;
use std::sync::Arc;

use serde::Serialize;
use thiserror::Error;
use time::OffsetDateTime;

pub use self::code::Code;
use crate::event::alert::Alert;
use crate::pki::certificate::Certificate;
use crate::pki::role::Role;
use crate::untrusted::Excerpt;

/// What is wrong with a peer, before the refusal's side and address are known.
#[derive(Clone, Debug, Error)]
#[error("{}", self.sentence())]
pub struct Reason {
    /// Which kind of reason it is.
    pub code: Code,
    /// What is particular to this case, such as a date or a name; it may hold text from the peer.
    detail: Option<Excerpt>,
    /// The certificate at issue.
    pub certificate: Option<Arc<Certificate>>,
    /// The remedy, if it differs from the default remedy of its code.
    remedy: Option<&'static str>,
}

impl Reason {
    /// A reason without particulars.
    pub fn new(code: Code) -> Self {
        Self { code, detail: None, certificate: None, remedy: None }
    }

    /// Adds what is particular to this case, escaped and cut.
    pub fn with_detail(self, detail: impl AsRef<str>) -> Self {
        Self { detail: Some(Excerpt::of(detail.as_ref())), ..self }
    }

    /// Adds the certificate at issue.
    pub fn with_certificate(self, certificate: Certificate) -> Self {
        Self { certificate: Some(Arc::new(certificate)), ..self }
    }

    /// Replaces the remedy.
    pub(crate) fn with_remedy(self, remedy: &'static str) -> Self {
        Self { remedy: Some(remedy), ..self }
    }

    /// The remedy.
    pub fn remedy(&self) -> &'static str {
        self.remedy.unwrap_or(self.code.remedy())
    }

    /// The whole reason in one sentence, without a full stop.
    pub fn sentence(&self) -> String {
        match &self.detail {
            Some(detail) => format!("{}: {detail}", self.code.sentence()),
            None => self.code.sentence().to_owned(),
        }
    }
}

/// A handshake or a request that was refused, and why.
#[derive(Clone, Debug, Serialize)]
pub struct Refusal {
    /// Which kind of reason it is.
    pub code: Code,
    /// The end that refused.
    pub side: Role,
    /// The reason in one sentence; it may hold text from the peer, escaped and cut.
    pub sentence: String,
    /// The remedy.
    pub remedy: &'static str,
    /// The certificate at issue, if there is one.
    pub certificate: Option<Arc<Certificate>>,
    /// The alert that was sent to the other side.
    pub alert: Option<Alert>,
    /// The address of the other end.
    pub peer: SocketAddr,
    /// When.
    #[serde(with = "time::serde::rfc3339")]
    pub at: OffsetDateTime,
}

impl Refusal {
    /// A refusal by `side`, now.
    pub fn new(reason: Reason, side: Role, alert: Option<Alert>, peer: SocketAddr) -> Self {
        Self {
            code: reason.code,
            side,
            sentence: reason.sentence(),
            remedy: reason.remedy(),
            certificate: reason.certificate,
            alert,
            peer,
            at: OffsetDateTime::now_utc(),
        }
    }
}

impl Display for Refusal {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "{} ({})", self.sentence, self.code)
    }
}
