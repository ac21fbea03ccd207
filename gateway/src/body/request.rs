//! The body of a request, and how much of it has been forwarded.

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

/// The body of a request, with its trailers filtered.
#[derive(Debug)]
pub(crate) struct RequestBody {
    inner: Trailers<Incoming>,
    progress: Arc<Progress>,
}

/// The progress of a request body, which timeouts depend on.
#[derive(Debug)]
pub(crate) struct Progress {
    began: Instant,
    /// The caller's connection.
    connection: Arc<Connection>,
    /// The body ended early, or was malformed.
    broken: AtomicBool,
    bytes: AtomicU64,
    /// When the last frame was forwarded, in microseconds since `began`.
    moved: AtomicU64,
    /// The upstream is waiting for the caller to send.
    waits_for_client: AtomicBool,
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
            waits_for_client: AtomicBool::new(false),
        })
    }

    /// Bytes of the body that have been forwarded.
    pub(crate) fn bytes(&self) -> u64 {
        self.bytes.load(Ordering::Relaxed)
    }

    /// Adds forwarded bytes.
    pub(crate) fn add(&self, bytes: u64) {
        self.bytes.fetch_add(bytes, Ordering::Relaxed);
    }

    /// When the request times out if nothing moves until then.
    pub(crate) fn deadline(&self, timeouts: &Timeouts) -> Instant {
        let moved = self.began + Duration::from_micros(self.moved.load(Ordering::Relaxed));
        moved + if self.waits_for_client() { timeouts.idle } else { timeouts.first_byte }
    }

    /// Whether the request waits for the caller, not for the upstream.
    pub(crate) fn waits_for_client(&self) -> bool {
        self.waits_for_client.load(Ordering::Relaxed)
    }

    /// Whether the caller sent an incomplete body, which is not the upstream's fault.
    pub(crate) fn is_broken(&self) -> bool {
        self.broken.load(Ordering::Relaxed)
    }

    fn note<E>(&self, polled: &Poll<Option<Result<Frame<Bytes>, E>>>) {
        self.connection.note_body_wanted(polled.is_pending());
        self.waits_for_client.store(polled.is_pending(), Ordering::Relaxed);
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
