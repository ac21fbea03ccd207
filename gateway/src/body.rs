//! Request and response bodies: streamed frame by frame, never buffered, with idle timeouts.

mod request;
mod response;

pub(crate) use self::request::{Progress, RequestBody};
pub(crate) use self::response::ResponseBody;

/// Errors of hyper and of the gateway.
pub(crate) type BoxError = Box<dyn std::error::Error + Send + Sync>;
