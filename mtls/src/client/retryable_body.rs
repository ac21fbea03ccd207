//! The body of a request during one attempt, from which it is recovered if hyper read none of it.

use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};

use http_body::{Body, Frame, SizeHint};

use super::tasks::next_stream;

/// The body as hyper reads it. It is empty once it was recovered, whichever task still holds it.
#[derive(Debug)]
pub(super) struct RetryableBody<B>(Arc<Mutex<Shared<B>>>);

/// Recovers the body after a failed attempt.
#[derive(Debug)]
pub(super) struct BodyOwner<B>(Arc<Mutex<Shared<B>>>);

#[derive(Debug)]
struct Shared<B> {
    body: Option<B>,
    /// A frame of it, or its end, was read.
    read: bool,
    /// hyper has looked at it, as it does when it begins to send the request; in HTTP/2 then as the
    /// stream of this number.
    seen: Option<u32>,
}

impl<B> BodyOwner<B> {
    pub(super) fn split(body: B) -> (Self, RetryableBody<B>) {
        let shared = Arc::new(Mutex::new(Shared { body: Some(body), read: false, seen: None }));
        (Self(Arc::clone(&shared)), RetryableBody(shared))
    }

    /// The stream of the request in HTTP/2, if hyper began to send it; it looks at the body first.
    pub(super) fn seen(&self) -> Option<u32> {
        lock(&self.0).seen
    }

    /// The body, if nothing of it was read.
    pub(super) fn recover(self) -> Option<B> {
        let mut shared = lock(&self.0);
        let body = shared.body.take();
        body.filter(|_| !shared.read)
    }
}

impl<B> Shared<B> {
    fn see(&mut self) {
        if self.seen.is_none() {
            self.seen = Some(next_stream());
        }
    }
}

impl<B: Body + Unpin> Body for RetryableBody<B> {
    type Data = B::Data;
    type Error = B::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<B::Data>, B::Error>>> {
        let mut shared = lock(&self.0);
        shared.see();
        let Some(body) = &mut shared.body else {
            return Poll::Ready(None);
        };
        let polled = Pin::new(body).poll_frame(context);
        shared.read |= polled.is_ready();
        polled
    }

    fn is_end_stream(&self) -> bool {
        let mut shared = lock(&self.0);
        shared.see();
        shared.body.as_ref().is_none_or(Body::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        let mut shared = lock(&self.0);
        shared.see();
        shared.body.as_ref().map_or(SizeHint::with_exact(0), Body::size_hint)
    }
}

fn lock<B>(shared: &Mutex<Shared<B>>) -> MutexGuard<'_, Shared<B>> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use http_body_util::{BodyExt, Full};

    use super::*;

    #[tokio::test]
    async fn a_body_comes_back_only_if_nothing_of_it_was_read() {
        let (owner, unread) = BodyOwner::split(Full::new(Bytes::from("x")));
        assert_eq!(owner.seen(), None);
        assert!(!unread.is_end_stream());
        assert!(owner.seen().is_some());
        assert!(owner.recover().is_some());

        let (owner, mut read) = BodyOwner::split(Full::new(Bytes::from("x")));
        read.frame().await.unwrap().unwrap();
        assert!(owner.recover().is_none());
    }

    #[tokio::test]
    async fn a_recovered_body_is_empty_where_it_is_still_held() {
        let (owner, mut held) = BodyOwner::split(Full::new(Bytes::from("x")));

        let body = owner.recover();

        assert!(held.frame().await.is_none());
        assert!(held.is_end_stream());
        assert_eq!(body.unwrap().collect().await.unwrap().to_bytes(), "x");
    }
}
