//! A request that is in flight on a connection, at either end of it.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;

use super::Connection;
use crate::connection::stream_executor;
use crate::pki::role::Role;

/// Counts as a request in flight on its connection until it is dropped.
#[derive(Debug)]
pub(crate) struct RequestInFlight {
    connection: Arc<Connection>,
    /// Whether its answer is complete, or will not become so for a reason that is not the client's.
    is_answered: bool,
    number: u64,
    /// A piece of its answer was handed over, and the next was not asked for.
    piece_waits: bool,
}

impl RequestInFlight {
    pub(crate) fn begin(connection: &Arc<Connection>) -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        connection.request_begins();
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        Self { connection: Arc::clone(connection), is_answered: false, number, piece_waits: false }
    }

    /// Its answer is complete; or it failed, which is not the client's doing.
    pub(crate) fn answered(&mut self) {
        if !std::mem::replace(&mut self.is_answered, true) {
            self.connection.request_answered();
        }
    }

    fn piece_waits(&mut self) {
        if self.connection.watches_pieces() {
            self.piece_waits = true;
            self.connection.piece_waits(self.number);
        }
    }

    fn piece_taken(&mut self) {
        if std::mem::take(&mut self.piece_waits) {
            self.connection.piece_taken(self.number);
        }
    }

    /// Whether hyper gives the end of an answer away before the client makes room for it.
    fn ends_early(&self) -> bool {
        self.connection.side() == Role::Server && self.connection.is_http2()
    }
}

impl Drop for RequestInFlight {
    fn drop(&mut self) {
        self.piece_taken();
        self.connection.request_ends(self.is_answered);
    }
}

pin_project! {
    /// The body of an answer, whose request is in flight until the body is dropped.
    ///
    /// Over HTTP/2 hyper lets go of a body once the last piece was given to the connection, which
    /// may then wait for the client without an end. So the end of a piece is kept apart: hyper
    /// waits for room before it takes it, and all but it is on its way by then.
    #[derive(Debug)]
    pub struct InFlight<B> {
        #[pin]
        body: B,
        in_flight: Option<RequestInFlight>,
        end_of_piece: Option<Bytes>,
    }
}

impl<B> InFlight<B> {
    pub(crate) fn new(body: B, in_flight: Option<RequestInFlight>) -> Self {
        Self { body, in_flight, end_of_piece: None }
    }
}

impl<B: Body> InFlight<B> {
    /// A server's answer.
    pub(crate) fn answer(body: B, mut in_flight: RequestInFlight) -> Self {
        // hyper asks an empty body for nothing.
        if body.is_end_stream() {
            in_flight.answered();
        }
        Self::new(body, Some(in_flight))
    }
}

impl<B: Body<Data = Bytes>> Body for InFlight<B> {
    type Data = Bytes;
    type Error = B::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, B::Error>>> {
        let this = self.project();
        let Some(in_flight) = this.in_flight else {
            return this.body.poll_frame(context);
        };
        in_flight.piece_taken();
        let mut body = this.body;
        let mut polled = match this.end_of_piece.take() {
            Some(end) => Poll::Ready(Some(Ok(Frame::data(end)))),
            None => body.as_mut().poll_frame(context),
        };
        match &mut polled {
            Poll::Pending => stream_executor::note_waiting_for_handler(),
            Poll::Ready(Some(Ok(frame))) => {
                if let Some(data) = frame.data_mut()
                    && data.len() > SMALL_PIECE
                    && in_flight.ends_early()
                {
                    *this.end_of_piece = Some(data.split_off(data.len() - SMALL_PIECE));
                }
                // Nor does it ask for more after trailers, or where no more is to come.
                if this.end_of_piece.is_none() && (frame.is_trailers() || body.is_end_stream()) {
                    in_flight.answered();
                }
                stream_executor::note_data_taken();
                in_flight.piece_waits();
            }
            Poll::Ready(_) => in_flight.answered(),
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.end_of_piece.is_none() && self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        // hyper asks before the first piece only.
        self.body.size_hint()
    }
}

/// So little may wait in a connection after its request was let go of. As much is kept apart of
/// what is larger: h2 copies a first piece of up to 255 bytes next to the head, and sends both and
/// the rest in one write, but takes a write for each larger piece.
const SMALL_PIECE: usize = 1024;
