//! A client that sends no more. It may wait for its response, or be gone.

use std::future::Future;
use std::io::Result;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use tokio::time::Sleep;

use super::transport::Transport;
use crate::connection::Connection;

/// A client that closed its sending side while a request of its was answered.
///
/// Over TCP, one that closed entirely looks the same until something is sent to it, and is then
/// distinguished by the reset that comes back. So it counts as gone if nothing could be sent for
/// [`PATIENCE`]. By TLS alone (`close_notify`; RFC 8446, section 6.1) it is half-closed for sure,
/// until TCP is closed too.
#[derive(Debug)]
pub(super) struct HalfClosed {
    body_wanted: Option<Instant>,
    tcp_closed: Option<Instant>,
    heard: bool,
    timer: Pin<Box<Sleep>>,
}

impl HalfClosed {
    pub(super) fn begin() -> Self {
        let timer = Box::pin(tokio::time::sleep(TICK));
        Self { body_wanted: None, tcp_closed: None, heard: false, timer }
    }

    /// Something was sent to it.
    pub(super) fn note_sent(&mut self) {
        self.heard = true;
    }

    /// Waits until the end of its bytes is to be reported: once nothing else is to be answered, or a
    /// body is cut short by it, or the client is gone.
    pub(super) fn poll_end(
        &mut self,
        connection: &Connection,
        transport: &mut Transport,
        context: &mut Context<'_>,
    ) -> Poll<Result<()>> {
        if !connection.is_answering() {
            return Poll::Ready(Ok(()));
        }
        // hyper may have read the last of a body, and the end behind it, before the task that waits
        // for the body has run.
        if !connection.wants_body() {
            self.body_wanted = None;
        } else if self.body_wanted.get_or_insert_with(Instant::now).elapsed() >= HAND_OVER {
            return Poll::Ready(Ok(()));
        }
        if let Some(reset) = transport.wire().take_error()? {
            return Poll::Ready(Err(reset));
        }
        if self.tcp_closed.is_none() && transport.is_tcp_closed(context)? {
            self.tcp_closed = Some(Instant::now());
        }
        let patient = |since: Instant| self.heard || since.elapsed() < PATIENCE;
        if !self.tcp_closed.is_none_or(patient) {
            return Poll::Ready(Ok(()));
        }
        while self.timer.as_mut().poll(context).is_ready() {
            self.timer.as_mut().reset(tokio::time::Instant::now() + TICK);
        }
        Poll::Pending
    }
}

/// How long a response may take to begin if its client may be gone.
const PATIENCE: Duration = Duration::from_secs(3);

/// How long bytes of a body may take from hyper to the task that waits for them.
const HAND_OVER: Duration = Duration::from_millis(500);

/// How often it is asked whether a reset came, which wakes nobody who no longer reads.
const TICK: Duration = Duration::from_millis(100);
