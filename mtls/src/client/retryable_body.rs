//! The body of a request, lent to hyper for one attempt.

use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};

use http_body::{Body, Frame, SizeHint};

use super::tasks::next_stream;

/// A body as hyper has it. Once it was taken back it is empty, whatever task still holds it.
#[derive(Debug)]
pub(super) struct RetryableBody<B>(Arc<Mutex<Loan<B>>>);

/// Who lent a body.
#[derive(Debug)]
pub(super) struct BodyOwner<B>(Arc<Mutex<Loan<B>>>);

#[derive(Debug)]
struct Loan<B> {
    body: Option<B>,
    /// A frame of it, or its end, was read.
    read: bool,
    /// hyper has looked at it, as it does when it begins to send the request; in HTTP/2 then as the
    /// stream of this number.
    seen: Option<u32>,
}

impl<B> BodyOwner<B> {
    pub(super) fn lend(body: B) -> (Self, RetryableBody<B>) {
        let loan = Arc::new(Mutex::new(Loan { body: Some(body), read: false, seen: None }));
        (Self(Arc::clone(&loan)), RetryableBody(loan))
    }

    /// The stream of the request in HTTP/2, if hyper began to send it; it looks at the body first.
    pub(super) fn seen(&self) -> Option<u32> {
        lock(&self.0).seen
    }

    /// The body, if nothing of it was read.
    pub(super) fn take_back(self) -> Option<B> {
        let mut loan = lock(&self.0);
        let body = loan.body.take();
        body.filter(|_| !loan.read)
    }
}

impl<B> Loan<B> {
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
        let mut loan = lock(&self.0);
        loan.see();
        let Some(body) = &mut loan.body else {
            return Poll::Ready(None);
        };
        let polled = Pin::new(body).poll_frame(context);
        loan.read |= polled.is_ready();
        polled
    }

    fn is_end_stream(&self) -> bool {
        let mut loan = lock(&self.0);
        loan.see();
        loan.body.as_ref().is_none_or(Body::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        let mut loan = lock(&self.0);
        loan.see();
        loan.body.as_ref().map_or(SizeHint::with_exact(0), Body::size_hint)
    }
}

fn lock<B>(loan: &Mutex<Loan<B>>) -> MutexGuard<'_, Loan<B>> {
    loan.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use http_body_util::{BodyExt, Full};

    use super::*;

    #[tokio::test]
    async fn a_body_comes_back_only_if_nothing_of_it_was_read() {
        let (lender, unread) = BodyOwner::lend(Full::new(Bytes::from("x")));
        assert_eq!(lender.seen(), None);
        assert!(!unread.is_end_stream());
        assert!(lender.seen().is_some());
        assert!(lender.take_back().is_some());

        let (lender, mut read) = BodyOwner::lend(Full::new(Bytes::from("x")));
        read.frame().await.unwrap().unwrap();
        assert!(lender.take_back().is_none());
    }

    #[tokio::test]
    async fn what_was_taken_back_is_empty_for_who_still_holds_it() {
        let (lender, mut lent) = BodyOwner::lend(Full::new(Bytes::from("x")));

        let body = lender.take_back();

        assert!(lent.frame().await.is_none());
        assert!(lent.is_end_stream());
        assert_eq!(body.unwrap().collect().await.unwrap().to_bytes(), "x");
    }
}
