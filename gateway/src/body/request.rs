//! The body of a request, and how far it has come.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;
use mtls::connection::Connection;
use mtls::field_limits::FieldLimits;

use super::BoxError;
use crate::config::Timeouts;
use crate::headers::trailers::Trailers;

/// The body of a request, without what no trailer may say.
#[derive(Debug)]
pub(crate) struct RequestBody {
    inner: Trailers<Incoming>,
    progress: Arc<Progress>,
}

/// How far a request's body has come, for whoever waits for the answer.
#[derive(Debug)]
pub(crate) struct Progress {
    began: Instant,
    /// That of the caller.
    connection: Arc<Connection>,
    /// The body ended before its end, or was no body.
    broken: AtomicBool,
    bytes: AtomicU64,
    /// When the last frame passed, in microseconds since `began`.
    moved: AtomicU64,
    /// The caller has yet to send what the upstream waits for.
    waits_for_caller: AtomicBool,
}

impl RequestBody {
    pub(crate) fn new(inner: Incoming, limits: FieldLimits, progress: Arc<Progress>) -> Self {
        Self { inner: Trailers::of_request(inner, limits), progress }
    }
}

impl Body for RequestBody {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let this = &mut *self;
        let polled = Pin::new(&mut this.inner).poll_frame(context);
        this.progress.note(&polled);
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}

impl Progress {
    pub(crate) fn begin(connection: Arc<Connection>) -> Arc<Self> {
        connection.note_body_wanted(false);
        Arc::new(Self {
            began: Instant::now(),
            connection,
            broken: AtomicBool::new(false),
            bytes: AtomicU64::new(0),
            moved: AtomicU64::new(0),
            waits_for_caller: AtomicBool::new(false),
        })
    }

    /// Bytes of the body that have passed.
    pub(crate) fn bytes(&self) -> u64 {
        self.bytes.load(Ordering::Relaxed)
    }

    /// So many more bytes have passed.
    pub(crate) fn add(&self, bytes: u64) {
        self.bytes.fetch_add(bytes, Ordering::Relaxed);
    }

    /// When a limit is reached if nothing moves until then.
    pub(crate) fn deadline(&self, timeouts: &Timeouts) -> Instant {
        let moved = self.began + Duration::from_micros(self.moved.load(Ordering::Relaxed));
        moved + if self.waits_for_caller() { timeouts.idle } else { timeouts.first_byte }
    }

    /// Whether it is the caller who does not go on.
    pub(crate) fn waits_for_caller(&self) -> bool {
        self.waits_for_caller.load(Ordering::Relaxed)
    }

    /// Whether the caller sent no whole body, which is no fault of the upstream's.
    pub(crate) fn is_broken(&self) -> bool {
        self.broken.load(Ordering::Relaxed)
    }

    fn note<E>(&self, polled: &Poll<Option<Result<Frame<Bytes>, E>>>) {
        self.connection.note_body_wanted(polled.is_pending());
        self.waits_for_caller.store(polled.is_pending(), Ordering::Relaxed);
        if polled.is_pending() {
            return;
        }
        let since = u64::try_from(self.began.elapsed().as_micros()).unwrap_or(u64::MAX);
        self.moved.store(since, Ordering::Relaxed);
        match polled {
            Poll::Ready(Some(Ok(frame))) => {
                let data = frame.data_ref().map_or(0, Bytes::len);
                self.add(u64::try_from(data).unwrap_or(u64::MAX));
            }
            Poll::Ready(Some(Err(_))) => self.broken.store(true, Ordering::Relaxed),
            Poll::Ready(None) | Poll::Pending => {}
        }
    }
}
