//! The body of a response: the gateway's own, or streamed from the upstream.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;
use mtls::connection::InFlight;
use tokio::time::{Instant, Sleep};

use super::BoxError;
use crate::access_record::AccessRecord;
use crate::headers::trailers::Trailers;
use crate::upstream::Lease;

/// The body of a response. The request ends, for the log and for the upstream's count, when it is
/// dropped.
#[derive(Debug)]
pub(crate) struct ResponseBody {
    record: Option<AccessRecord>,
    source: Source,
}

#[derive(Debug)]
enum Source {
    Own(Option<Bytes>),
    Upstream(Box<Streamed>),
}

/// A body that is streamed from an upstream.
#[derive(Debug)]
struct Streamed {
    body: Trailers<InFlight<Incoming>>,
    idle: Duration,
    #[expect(dead_code, reason = "it is held, not read")]
    lease: Lease,
    /// Created at the first wait for the upstream.
    timer: Option<Pin<Box<Sleep>>>,
    waits: bool,
}

impl ResponseBody {
    /// A body of the gateway's own.
    pub(crate) fn own(bytes: Bytes, record: AccessRecord) -> Self {
        let bytes = if bytes.is_empty() { None } else { Some(bytes) };
        Self::recorded(Source::Own(bytes), record)
    }

    /// No body, for a response that switches protocols.
    pub(crate) fn none() -> Self {
        Self { record: None, source: Source::Own(None) }
    }

    /// The upstream's body, aborted after `idle` without a byte.
    pub(crate) fn streamed(
        body: Trailers<InFlight<Incoming>>,
        idle: Duration,
        lease: Lease,
        record: AccessRecord,
    ) -> Self {
        let streamed = Streamed { body, idle, lease, timer: None, waits: false };
        Self::recorded(Source::Upstream(Box::new(streamed)), record)
    }

    fn recorded(source: Source, record: AccessRecord) -> Self {
        let mut body = Self { record: Some(record), source };
        body.note_end();
        body
    }

    /// hyper does not poll for the end of a body whose length it knows.
    fn note_end(&mut self) {
        if self.is_end_stream()
            && let Some(record) = &mut self.record
        {
            record.complete();
        }
    }
}

impl Body for ResponseBody {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        let this = &mut *self;
        let polled = match &mut this.source {
            Source::Own(bytes) => Poll::Ready(bytes.take().map(|bytes| Ok(Frame::data(bytes)))),
            Source::Upstream(streamed) => streamed.poll(context),
        };
        let Some(record) = &mut this.record else {
            return polled;
        };
        match &polled {
            Poll::Ready(Some(Ok(frame))) => {
                record.sent(frame.data_ref().map_or(0, Bytes::len));
                this.note_end();
            }
            // The response is incomplete: hyper closes the connection, so that the caller notices.
            Poll::Ready(Some(Err(error))) => record.aborted(error.as_ref()),
            Poll::Ready(None) => record.complete(),
            Poll::Pending => {}
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        match &self.source {
            Source::Own(bytes) => bytes.is_none(),
            Source::Upstream(streamed) => streamed.body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.source {
            Source::Own(bytes) => {
                let length = bytes.as_ref().map_or(0, Bytes::len);
                SizeHint::with_exact(u64::try_from(length).unwrap_or(u64::MAX))
            }
            Source::Upstream(streamed) => streamed.body.size_hint(),
        }
    }
}

impl Streamed {
    fn poll(&mut self, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        if let Poll::Ready(frame) = Pin::new(&mut self.body).poll_frame(context) {
            self.waits = false;
            return Poll::Ready(frame);
        }
        let deadline = Instant::now() + self.idle;
        let timer = self.timer.get_or_insert_with(|| Box::pin(tokio::time::sleep_until(deadline)));
        if !self.waits {
            timer.as_mut().reset(deadline);
            self.waits = true;
        }
        if timer.as_mut().poll(context).is_ready() {
            return Poll::Ready(Some(Err("the upstream stopped sending within a response".into())));
        }
        Poll::Pending
    }
}
