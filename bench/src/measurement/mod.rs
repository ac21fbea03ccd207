//! What is measured: each module measures one topic, and returns its figures.

pub mod click;
pub mod floor;
pub mod growth;
pub mod handshakes;
pub mod memory;
pub mod proxy;
pub mod requests;
pub mod start;

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
        Topic::Click => click::run(environment),
        Topic::Floor => floor::run(environment),
        Topic::Growth => growth::run(environment),
        Topic::Handshakes => handshakes::run(environment),
        Topic::Memory => memory::run(environment),
        Topic::Proxy => proxy::run(environment),
        Topic::Requests => requests::run(environment),
        Topic::Start => start::run(environment),
    }
}
