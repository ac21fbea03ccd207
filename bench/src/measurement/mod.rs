//! What is measured: each module measures one topic, and returns its figures.

pub mod handshakes;
pub mod proxy;
pub mod requests;

use anyhow::Result;

use crate::arguments::Topic;
use crate::environment::Environment;
use crate::figure::Figure;

/// Measures a topic.
///
/// # Errors
///
/// A server does not start or does not do its work.
pub fn run(environment: &Environment, topic: Topic) -> Result<Vec<Figure>> {
    match topic {
        Topic::Handshakes => handshakes::run(environment),
        Topic::Proxy => proxy::run(environment),
        Topic::Requests => requests::run(environment),
    }
}
