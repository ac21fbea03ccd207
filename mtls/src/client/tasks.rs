//! The tasks that hyper's connections run in. One sends the requests of a connection one after the
//! other, so that the HTTP/2 stream of each is known, which hyper does not report.

use std::cell::Cell;
use std::future::Future;
use std::pin::Pin;

use hyper::rt::Executor;

tokio::task_local! {
    /// Requests that this task has begun to send.
    static BEGUN: Cell<u32>;
}

/// Spawns tasks that count.
#[derive(Clone, Copy, Debug)]
pub(super) struct Tasks;

impl Executor<Pin<Box<dyn Future<Output = ()> + Send>>> for Tasks {
    fn execute(&self, task: Pin<Box<dyn Future<Output = ()> + Send>>) {
        tokio::spawn(BEGUN.scope(Cell::new(0), task));
    }
}

/// The stream of the request that this task begins to send: the first of a client is 1, and each
/// is higher by two (RFC 9113, section 5.1.1). It means nothing in HTTP/1.1.
pub(super) fn next_stream() -> u32 {
    let begin = |begun: &Cell<u32>| {
        let stream = begun.get().saturating_mul(2).saturating_add(1);
        begun.set(begun.get().saturating_add(1));
        stream
    };
    // A request that is sent by no task of ours is never taken for one that was not processed.
    BEGUN.try_with(begin).unwrap_or(0)
}
