//! Ends HTTP/2 streams whose client reads nothing. hyper does not poll a body while the client
//! reads nothing, so a stalled stream is noticed where its task is run.

use std::cell::Cell;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use hyper::rt::Executor;
use pin_project_lite::pin_project;
use tokio::time::{Instant, Sleep};

use crate::connection::Connection;
use crate::limits::Limits;

/// Runs the streams of one HTTP/2 connection, each a task of its own. A stream whose client takes
/// nothing of its answer for the idle timeout is reset.
#[derive(Clone, Debug)]
pub struct StreamExecutor {
    stall_timeout: Duration,
}

impl StreamExecutor {
    /// Runs the streams of this connection.
    pub fn new(connection: &Connection, limits: &Limits) -> Self {
        connection.note_streams_end_alone();
        Self { stall_timeout: limits.idle_timeout }
    }
}

impl<F: Future<Output = ()> + Send + 'static> Executor<F> for StreamExecutor {
    fn execute(&self, stream: F) {
        let stall_timeout = self.stall_timeout;
        tokio::spawn(StallGuard { stream, stall_timeout, timer: None, stalled: false });
    }
}

/// What the stream in progress did last.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Last {
    Nothing,
    DataTaken,
    WaitingForHandler,
}

thread_local! {
    static LAST: Cell<Last> = const { Cell::new(Last::Nothing) };
}

/// A piece of the answer of the stream in progress was handed over.
pub(crate) fn note_data_taken() {
    LAST.set(Last::DataTaken);
}

/// The stream in progress waits for its handler, or for more of its answer.
pub(crate) fn note_waiting_for_handler() {
    LAST.set(Last::WaitingForHandler);
}

pin_project! {
    /// A stream that ends by itself, or by its client's slowness.
    struct StallGuard<F> {
        #[pin]
        stream: F,
        stall_timeout: Duration,
        // There once the client was waited for.
        timer: Option<Pin<Box<Sleep>>>,
        stalled: bool,
    }
}

impl<F: Future<Output = ()>> Future for StallGuard<F> {
    type Output = ();

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let this = self.project();
        LAST.set(Last::Nothing);
        if this.stream.poll(context).is_ready() {
            return Poll::Ready(());
        }
        let last = LAST.get();
        if last == Last::WaitingForHandler {
            *this.stalled = false;
            return Poll::Pending;
        }
        let deadline = Instant::now() + *this.stall_timeout;
        let timer = this.timer.get_or_insert_with(|| Box::pin(tokio::time::sleep_until(deadline)));
        if !*this.stalled || last == Last::DataTaken {
            timer.as_mut().reset(deadline);
            *this.stalled = true;
        }
        // What is dropped before its end is reset.
        timer.as_mut().poll(context)
    }
}
