//! Whether a server's chain verifies against the authority of `--dir`.

use std::path::PathBuf;

use authority::Directory;
use mtls::credentials::load_trust;
use mtls::event::refusal::Code;
use mtls::pki::trust::Revocation;
use mtls::probe::{Probe, Server};
use serde::Serialize;
use time::OffsetDateTime;

/// The result of verifying the chain, as the services verify it.
#[derive(Debug, Serialize)]
#[serde(rename_all = "kebab-case", tag = "verdict")]
pub(super) enum TrustView {
    /// A client that trusts these roots accepts it.
    Good {
        /// The file with the roots.
        by: PathBuf,
        /// From the leaf to the root.
        chain: Vec<String>,
    },
    /// There are no roots to verify it against.
    NotJudged {
        /// Why.
        why: String,
    },
    /// Such a client refuses it.
    Refused {
        /// The file with the roots.
        by: PathBuf,
        code: Code,
        sentence: String,
        remedy: &'static str,
    },
}

impl TrustView {
    pub(super) fn of(
        look: &Probe,
        server: &Server,
        directory: &Directory,
        now: OffsetDateTime,
    ) -> Self {
        let place = directory.path().join("ca");
        let by = place.join("ca.crt");
        if !by.exists() {
            return Self::NotJudged { why: format!("there is no {}", by.display()) };
        }
        let trust = match load_trust(&place, Revocation::Checked, now) {
            Ok(trust) => trust,
            Err(bad) => {
                let why: Vec<String> = bad.iter().map(ToString::to_string).collect();
                return Self::NotJudged { why: why.join("; ") };
            }
        };
        match look.verify(server, &trust, now) {
            Ok(good) => Self::Good { by, chain: good.certificate.chain },
            Err(reason) => Self::Refused {
                by,
                code: reason.code,
                sentence: reason.sentence(),
                remedy: reason.code.remedy(),
            },
        }
    }

    pub(super) fn words(&self) -> String {
        match self {
            Self::Good { by, chain } => {
                format!("good by {}: {}", by.display(), chain.join(" <- "))
            }
            Self::NotJudged { why } => format!("not verified: {why}"),
            Self::Refused { by, code, sentence, remedy } => {
                format!("NOT good by {}: {sentence} ({code})\n{remedy}", by.display())
            }
        }
    }
}
