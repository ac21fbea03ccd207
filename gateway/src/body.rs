//! Request and response bodies: streamed frame by frame, never buffered, with idle timeouts.

mod answer;
mod request;

pub(crate) use self::answer::AnswerBody;
pub(crate) use self::request::{Progress, RequestBody};

/// Errors of hyper and of the gateway.
pub(crate) type BoxError = Box<dyn std::error::Error + Send + Sync>;
