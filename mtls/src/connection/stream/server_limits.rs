//! The limits that a server holds a client to.

use std::future::Future;
use std::io::{Error, ErrorKind, Result};
use std::pin::Pin;
use std::sync::Arc;
use std::task::Context;

use tokio::time::{Instant, Sleep, sleep_until};

use crate::connection::{Admission, Connection, TimeLimit};
use crate::event::EventKind;
use crate::event::refusal::{Code, Reason};
use crate::limits::Limits;

/// The time limits of one connection, and its place among those that may be open.
#[derive(Debug)]
pub(crate) struct ServerLimits {
    /// Given back when the stream ends.
    _admission: Admission,
    limits: Arc<Limits>,
    timer: Option<Pin<Box<Sleep>>>,
}

impl ServerLimits {
    pub(crate) fn new(admission: Admission, limits: Arc<Limits>) -> Self {
        Self { _admission: admission, limits, timer: None }
    }

    /// An error once the connection has been silent, or slow, for too long; until then the task is
    /// woken when it is to be asked again.
    pub(super) fn check(
        &mut self,
        connection: &Connection,
        context: &mut Context<'_>,
    ) -> Result<()> {
        loop {
            let (deadline, limit) = connection.deadline(&self.limits);
            let deadline = Instant::from_std(deadline);
            let timer = self.timer.get_or_insert_with(|| Box::pin(sleep_until(deadline)));
            // A timer that is too early is left to fire: it is set anew then, not on every read.
            if timer.deadline() > deadline {
                timer.as_mut().reset(deadline);
            }
            if timer.as_mut().poll(context).is_pending() {
                return Ok(());
            }
            if Instant::now() >= deadline {
                if limit == TimeLimit::Header {
                    // Mere silence is no refusal.
                    let waited = self.limits.header_timeout;
                    let reason = Reason::new(Code::HeaderTimeout);
                    connection.record(EventKind::ClosedByLimit, reason, waited);
                }
                connection.note_ended();
                return Err(Error::new(ErrorKind::TimedOut, "the connection was too slow"));
            }
            timer.as_mut().reset(deadline);
        }
    }
}
