//! A request that is in flight on a connection, at either end of it.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;

use super::Connection;

/// Counts as a request in flight on its connection until it is dropped.
#[derive(Debug)]
pub(crate) struct RequestInFlight(Arc<Connection>);

impl RequestInFlight {
    pub(crate) fn begin(connection: &Arc<Connection>) -> Self {
        connection.request_begins();
        Self(Arc::clone(connection))
    }
}

impl Drop for RequestInFlight {
    fn drop(&mut self) {
        self.0.request_ends();
    }
}

pin_project! {
    /// The body of an answer, whose request is in flight until the body is dropped.
    #[derive(Debug)]
    pub struct InFlight<B> {
        #[pin]
        body: B,
        in_flight: Option<RequestInFlight>,
    }
}

impl<B> InFlight<B> {
    pub(crate) fn new(body: B, in_flight: Option<RequestInFlight>) -> Self {
        Self { body, in_flight }
    }
}

impl<B: Body> Body for InFlight<B> {
    type Data = B::Data;
    type Error = B::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<B::Data>, B::Error>>> {
        self.project().body.poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
