//! The state of a rollover from one root to the next: which roots the directories trust, and
//! which root issues.

use serde::{Deserialize, Serialize};

use crate::Certificate;
use crate::record::key_identifier;

/// The rollover in the record, under way or over.
///
/// ```text
/// Beginning ──> Begun ──> Issuing ──> Finishing ──> Finished
///     └───────────┴──────────┴────────────┴──> Aborting ──> Withdrawing ──> Aborted
/// ```
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Rollover {
    /// The step that it has reached.
    pub step: RolloverStep,
    /// The root that issued when it began.
    pub old: RootId,
    /// The root that replaces it.
    pub new: RootId,
}

/// A step of a rollover.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum RolloverStep {
    /// Only the old root is trusted again.
    Aborted,
    /// Aborting: both roots are trusted, and the old one issues again.
    Aborting,
    /// The new root is created, and not every directory has it yet.
    Beginning,
    /// Both roots are trusted, and the old one issues.
    Begun,
    /// Only the new root is trusted.
    Finished,
    /// The old root is being removed.
    Finishing,
    /// Both roots are trusted, and the new one issues.
    Issuing,
    /// Aborting: the new root is being removed.
    Withdrawing,
}

/// Identifies a root, here and in what a service reports of itself.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RootId {
    /// Its common name.
    pub common_name: String,
    /// The SHA-256 of its DER in upper-case hex with colons.
    pub fingerprint256: String,
    /// Its key identifier in hex.
    pub key_identifier: String,
}

impl Rollover {
    pub(crate) fn new(old: &Certificate, new: &Certificate) -> Self {
        Self { step: RolloverStep::Beginning, old: RootId::of(old), new: RootId::of(new) }
    }

    /// Whether it is neither finished nor aborted.
    pub fn is_under_way(&self) -> bool {
        !matches!(self.step, RolloverStep::Aborted | RolloverStep::Finished)
    }

    /// The root that issues.
    pub fn issuing(&self) -> &RootId {
        match self.step {
            RolloverStep::Finished | RolloverStep::Finishing | RolloverStep::Issuing => &self.new,
            RolloverStep::Aborted
            | RolloverStep::Aborting
            | RolloverStep::Beginning
            | RolloverStep::Begun
            | RolloverStep::Withdrawing => &self.old,
        }
    }

    /// Whether the identities trust the root with this key identifier.
    pub fn trusts(&self, key_identifier: &str) -> bool {
        let old = self.old.key_identifier == key_identifier;
        let new = self.new.key_identifier == key_identifier;
        match self.step {
            RolloverStep::Aborted | RolloverStep::Withdrawing => old,
            RolloverStep::Finished | RolloverStep::Finishing => new,
            RolloverStep::Aborting
            | RolloverStep::Beginning
            | RolloverStep::Begun
            | RolloverStep::Issuing => old || new,
        }
    }
}

impl RootId {
    pub(crate) fn of(root: &Certificate) -> Self {
        Self {
            common_name: root.common_name().to_owned(),
            fingerprint256: root.fingerprint256(),
            key_identifier: key_identifier(root),
        }
    }
}
