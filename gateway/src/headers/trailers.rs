//! The fields after a body. Those that would be forged or dangerous there are taken out; all
//! else passes as it comes, piece by piece.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use http::{HeaderMap, HeaderName};
use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;

use super::forged;

pin_project! {
    /// A body whose trailers have lost what may not stand in them (RFC 9110, section 6.5.1), and
    /// in a request also what only a proxy may say.
    ///
    /// Some servers put trailers among the header fields, so a name that is dangerous there is
    /// dangerous here. Data is never touched, and nothing is gathered.
    #[derive(Debug)]
    pub struct Trailers<B> {
        #[pin]
        body: B,
        of_request: bool,
    }
}

impl<B> Trailers<B> {
    /// The body of a request.
    pub fn of_request(body: B) -> Self {
        Self { body, of_request: true }
    }

    /// The body of an answer.
    pub fn of_response(body: B) -> Self {
        Self { body, of_request: false }
    }
}

impl<B: Body> Body for Trailers<B> {
    type Data = B::Data;
    type Error = B::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Self::Data>, Self::Error>>> {
        let this = self.project();
        let mut frame = match ready!(this.body.poll_frame(context)) {
            Some(Ok(frame)) => frame,
            end => return Poll::Ready(end),
        };
        if let Some(trailers) = frame.trailers_mut() {
            strip(trailers, *this.of_request);
            if trailers.is_empty() {
                // Nothing comes after trailers.
                return Poll::Ready(None);
            }
        }
        Poll::Ready(Some(Ok(frame)))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

fn strip(trailers: &mut HeaderMap, of_request: bool) {
    if of_request {
        forged::strip(trailers);
    }
    let forbidden: Vec<HeaderName> =
        trailers.keys().filter(|name| is_forbidden(name)).cloned().collect();
    for name in forbidden {
        trailers.remove(name);
    }
}

/// Whether a field says how a message is framed, routed, read, guarded or kept, which cannot be
/// said when it is over.
fn is_forbidden(name: &HeaderName) -> bool {
    forged::holds(FORBIDDEN, name.as_str().as_bytes())
}

/// Sorted, and written as [`forged::NAMES`] are.
const FORBIDDEN: &[&str] = &[
    "age",
    "authorization",
    "cache-control",
    "connection",
    "content-disposition",
    "content-encoding",
    "content-length",
    "content-location",
    "content-range",
    "content-type",
    "cookie*",
    "date",
    "expect",
    "expires",
    "host",
    "http2-settings",
    "if-*",
    "keep-alive",
    "location",
    "max-forwards",
    "origin",
    "pragma",
    "proxy-*",
    "range",
    "retry-after",
    "set-cookie*",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "vary",
    "via",
    "warning",
    "www-authenticate",
];
