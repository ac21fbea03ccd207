//! How a request can fail before its answer began.

use std::error::Error;
use std::sync::Arc;

use hyper_util::client::legacy::Error as PoolError;
use thiserror::Error;

use crate::connection::Connection;
use crate::connection::session::Session;
use crate::event::failure::refused_by_peer;
use crate::event::refusal::{Code, Refusal};
use crate::field_limits::FieldLimit;

/// Why there is no answer.
#[derive(Debug, Error)]
pub enum RequestError {
    /// The connection ended before the answer began.
    #[error("the connection ended before the answer: {}", chain(.0.as_ref()))]
    Broken(#[source] Box<dyn Error + Send + Sync>),
    /// One end turned the other away.
    #[error("{refusal}")]
    Refused {
        /// Which side refused, and why.
        refusal: Box<Refusal>,
        /// What had been agreed on, where the refusal came after the handshake.
        session: Option<Box<Session>>,
    },
    /// The head of the response is larger than the client takes.
    #[error("the head of the response has {0}")]
    TooLarge(FieldLimit),
    /// Connecting or the handshake took too long.
    #[error("no connection in time: {}", chain(.0.as_ref()))]
    Timeout(#[source] Box<dyn Error + Send + Sync>),
    /// There was no connection to be had.
    #[error("cannot connect: {}", chain(.0.as_ref()))]
    Unreachable(#[source] Box<dyn Error + Send + Sync>),
}

impl RequestError {
    /// Reads an error with the connections that the request was sent or waiting on.
    pub(super) fn of(error: PoolError, connections: &[Arc<Connection>]) -> Self {
        if let Some(failed) = find::<ConnectError>(&error) {
            return match failed {
                ConnectError::Event(refusal) => match refusal.code {
                    Code::ConnectionLost => Self::Broken(error.into()),
                    Code::HandshakeTimeout => Self::Timeout(error.into()),
                    _ => Self::Refused { refusal: refusal.clone(), session: None },
                },
                ConnectError::Url(_) => Self::Unreachable(error.into()),
            };
        }
        if let Some(refused) = Self::refused_on(connections) {
            return refused;
        }
        let timed_out = find::<std::io::Error>(&error)
            .is_some_and(|error| error.kind() == std::io::ErrorKind::TimedOut);
        match error.is_connect() {
            true if timed_out => Self::Timeout(error.into()),
            true => Self::Unreachable(error.into()),
            false => Self::Broken(error.into()),
        }
    }

    /// The connection of a request has gone without a word from hyper.
    pub(super) fn lost(connections: &[Arc<Connection>]) -> Self {
        let broken = || Self::Broken("the connection was closed".into());
        Self::refused_on(connections).unwrap_or_else(broken)
    }

    /// The refusal that the peer's alert reported on one of these connections.
    fn refused_on(connections: &[Arc<Connection>]) -> Option<Self> {
        let connection = connections.iter().find(|connection| connection.alert().is_some())?;
        let refusal = refused_by_peer(connection.alert()?, connection.side(), connection.address());
        let session = connection.session().cloned().map(Box::new);
        Some(Self::Refused { refusal: Box::new(refusal), session })
    }
}

/// Why the connector made no connection.
#[derive(Debug, Error)]
pub(super) enum ConnectError {
    #[error("{0}")]
    Event(Box<Refusal>),
    #[error("no URL with a host, of https, or of http where there is no TLS: {0}")]
    Url(String),
}

/// Whether the error is of hyper-util's own making: no connection, and no attempt at one, failed.
pub(super) fn is_of_the_pool(error: &PoolError) -> bool {
    find::<ConnectError>(error).is_none()
        && find::<std::io::Error>(error).is_none()
        && find::<hyper::Error>(error).is_none()
}

/// Whether the head of a response over HTTP/1.1 has too many bytes or fields.
pub(super) fn is_too_large(error: &PoolError) -> bool {
    find::<hyper::Error>(error).is_some_and(hyper::Error::is_parse_too_large)
}

/// h2's own error, if there is one.
pub(super) fn http2_error(error: &PoolError) -> Option<&h2::Error> {
    find(error)
}

fn find<'a, T: Error + 'static>(error: &'a (dyn Error + 'static)) -> Option<&'a T> {
    sources(error).find_map(|error| error.downcast_ref::<T>())
}

fn sources<'a>(
    error: &'a (dyn Error + 'static),
) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    std::iter::successors(Some(error), |error| (*error).source())
}

/// hyper's errors say what they are about only in their sources.
fn chain(error: &(dyn Error + 'static)) -> String {
    let mut texts: Vec<String> = Vec::new();
    for error in sources(error) {
        let text = error.to_string();
        if !texts.iter().any(|known| known.contains(&text)) {
            texts.push(text);
        }
    }
    texts.join(": ")
}
