//! Errors of the steps of a rollover.

use crate::{DirectoryError, IssueError, RolloverStep};

/// Why a step of a rollover failed.
#[derive(Debug, thiserror::Error)]
pub enum RolloverError {
    /// Something failed in the directory.
    #[error(transparent)]
    Directory(#[from] DirectoryError),
    /// Leaves of the root to be removed are still in use.
    #[error(
        "the root {root} cannot be removed while a leaf of it is in {}: renew it with \
         \"certs rollover {renewing}\", or, if that leaves it alone, with \"certs renew NAME\"; or \
         remove its directory",
        names.join(", ")
    )]
    LeavesStand {
        /// The identities that still have one.
        names: Vec<String>,
        /// The command that renews them.
        renewing: &'static str,
        /// The common name of the root.
        root: String,
    },
    /// There is no rollover.
    #[error("no rollover is under way: begin one with \"certs rollover begin\"")]
    NotUnderWay,
    /// Another step comes first.
    #[error("\"certs rollover {asked}\" is not possible in the rollover, {}: {}", stands(*step), remedy(*step))]
    OutOfOrder {
        /// The requested step.
        asked: &'static str,
        /// The step that it has reached.
        step: RolloverStep,
    },
}

impl From<IssueError> for RolloverError {
    fn from(error: IssueError) -> Self {
        Self::Directory(error.into())
    }
}

fn stands(step: RolloverStep) -> &'static str {
    match step {
        RolloverStep::Aborted => "which was aborted",
        RolloverStep::Aborting | RolloverStep::Withdrawing => "which is being aborted",
        RolloverStep::Beginning => "whose beginning was interrupted",
        RolloverStep::Begun => "which has only begun",
        RolloverStep::Finished => "which is finished",
        RolloverStep::Finishing => "whose finish was interrupted",
        RolloverStep::Issuing => "which issues under the new root already",
    }
}

fn remedy(step: RolloverStep) -> &'static str {
    match step {
        RolloverStep::Aborted | RolloverStep::Finished => {
            "begin another one with \"certs rollover begin\""
        }
        RolloverStep::Aborting | RolloverStep::Withdrawing => {
            "complete that with \"certs rollover abort\""
        }
        RolloverStep::Beginning => "complete that with \"certs rollover begin\"",
        RolloverStep::Begun => "go on with \"certs rollover issue\"",
        RolloverStep::Finishing => "complete that with \"certs rollover finish\"",
        RolloverStep::Issuing => {
            "go on with \"certs rollover finish\", or return with \"certs rollover abort\""
        }
    }
}
