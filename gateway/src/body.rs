//! Bodies on their way through: streamed frame by frame, never gathered, with an eye on whether
//! they still move.

mod answer;
mod request;

pub(crate) use self::answer::AnswerBody;
pub(crate) use self::request::{Progress, RequestBody};

/// hyper's errors, and our own.
pub(crate) type BoxError = Box<dyn std::error::Error + Send + Sync>;
