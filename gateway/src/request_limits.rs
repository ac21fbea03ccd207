//! Limits of requests in flight: per listener, for the whole gateway, and per connection.

use std::sync::Arc;

use mtls::connection::Connection;
use mtls::limits::exceeds_share;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// The limits for the requests of one listener.
#[derive(Clone, Debug)]
pub(crate) struct RequestLimits {
    listener: Arc<Semaphore>,
    max_requests: usize,
    process: Arc<Semaphore>,
}

/// Counts a request as in flight until it is dropped.
#[derive(Debug)]
pub(crate) struct RequestPermit {
    _listener: OwnedSemaphorePermit,
    _process: OwnedSemaphorePermit,
}

impl RequestLimits {
    /// Allows `max_requests` on a listener, within the limit of the whole process.
    pub(crate) fn new(max_requests: usize, process: Arc<Semaphore>) -> Self {
        Self { listener: semaphore(max_requests), max_requests, process }
    }

    /// Whether these are the limits of a listener with these settings.
    pub(crate) fn matches(&self, max_requests: usize, process: &Arc<Semaphore>) -> bool {
        self.max_requests == max_requests && Arc::ptr_eq(&self.process, process)
    }

    /// Admits a request of this connection; none where a limit is reached.
    pub(crate) fn acquire(&self, connection: &Connection) -> Option<RequestPermit> {
        if exceeds_share(connection.requests_in_flight(), self.max_requests) {
            return None;
        }
        let listener = Arc::clone(&self.listener).try_acquire_owned().ok()?;
        let process = Arc::clone(&self.process).try_acquire_owned().ok()?;
        Some(RequestPermit { _listener: listener, _process: process })
    }
}

/// A semaphore with this many permits.
pub(crate) fn semaphore(limit: usize) -> Arc<Semaphore> {
    Arc::new(Semaphore::new(limit.min(Semaphore::MAX_PERMITS)))
}
