//! Trailers of bodies. Forged and dangerous fields are removed; everything else is streamed
//! unchanged. Trailers over a limit abort the body instead of being truncated.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use http::{HeaderMap, HeaderName};
use http_body::{Body, Frame, SizeHint};
use mtls::field_limits::{FieldLimit, FieldLimits};
use pin_project_lite::pin_project;
use thiserror::Error;

use super::forged;
use super::grpc::GRPC_STATUS;
use super::list::List;

pin_project! {
    /// A body whose trailers lack the fields that must not be there (RFC 9110, section 6.5.1), and
    /// in a request also those that only a proxy may set.
    ///
    /// Some servers merge trailers into the header fields, so a name that is dangerous there is
    /// dangerous here. Data is never changed or buffered.
    #[derive(Debug)]
    pub struct Trailers<B> {
        #[pin]
        body: B,
        // A gRPC response is incomplete without it.
        expects_status: bool,
        limits: FieldLimits,
        of_request: bool,
    }
}

/// Why a body is aborted at its trailers.
#[derive(Clone, Copy, Debug, Eq, Error, PartialEq)]
pub enum BadTrailers {
    /// A gRPC response has no status; without it, it could be mistaken for a success.
    #[error("a gRPC response ended without grpc-status")]
    NoStatus,
    /// They exceed the limits of a head.
    #[error("the trailers have {0}")]
    TooLarge(FieldLimit),
}

/// The errors of a body, and [`BadTrailers`].
type BoxError = Box<dyn std::error::Error + Send + Sync>;

impl<B> Trailers<B> {
    /// The body of a request.
    pub fn of_request(body: B, limits: FieldLimits) -> Self {
        Self { body, expects_status: false, limits, of_request: true }
    }

    /// The body of a response; `expects_status` is from [`grpc`](super::grpc).
    pub fn of_response(body: B, limits: FieldLimits, expects_status: bool) -> Self {
        Self { body, expects_status, limits, of_request: false }
    }
}

impl<B: Body<Error: Into<BoxError>>> Body for Trailers<B> {
    type Data = B::Data;
    type Error = BoxError;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Self::Data>, Self::Error>>> {
        let this = self.project();
        let mut frame = match ready!(this.body.poll_frame(context)) {
            Some(Ok(frame)) => frame,
            Some(Err(error)) => return Poll::Ready(Some(Err(error.into()))),
            None if std::mem::take(this.expects_status) => {
                return Poll::Ready(Some(Err(BadTrailers::NoStatus.into())));
            }
            None => return Poll::Ready(None),
        };
        if let Some(trailers) = frame.trailers_mut() {
            if let Some(limit) = this.limits.passed_by(0, trailers) {
                return Poll::Ready(Some(Err(BadTrailers::TooLarge(limit).into())));
            }
            if std::mem::take(this.expects_status) && !trailers.contains_key(GRPC_STATUS) {
                return Poll::Ready(Some(Err(BadTrailers::NoStatus.into())));
            }
            strip(trailers, *this.of_request);
            if trailers.is_empty() {
                // Nothing follows trailers.
                return Poll::Ready(None);
            }
        }
        Poll::Ready(Some(Ok(frame)))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream() && !self.expects_status
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

/// Whether a field frames, routes, describes, authorizes or caches a message, which is too late in
/// a trailer.
fn is_forbidden(name: &HeaderName) -> bool {
    FORBIDDEN.contains(name.as_str().as_bytes())
}

static FORBIDDEN: List = List::new(&[
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
]);

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use bytes::Bytes;
    use futures_util::stream::{self, Stream};
    use http::HeaderValue;
    use http_body_util::{BodyExt, Empty, Full, StreamBody};

    use super::*;
    use crate::headers::list::assert_sound;

    #[tokio::test]
    async fn a_request_keeps_its_data_and_loses_forged_and_forbidden_trailers() {
        let body = of_request(body(&["one", "two"], &[ALLOWED, FORGED, BAD].concat()));

        let (data, trailers) = read(body).await;

        assert_eq!(data, ["one", "two"]);
        assert_eq!(trailers, Some(map(ALLOWED)));
    }

    #[tokio::test]
    async fn a_response_loses_only_forbidden_trailers() {
        let body = of_response(body(&["one"], &[ALLOWED, FORGED, BAD].concat()));

        let (_, trailers) = read(body).await;

        assert_eq!(trailers, Some(map(&[ALLOWED, FORGED].concat())));
    }

    #[tokio::test]
    async fn a_body_without_remaining_trailers_ends_normally() {
        let (data, trailers) = read(of_request(body(&["one"], FORGED))).await;

        assert_eq!((data, trailers), (vec![Bytes::from("one")], None));
    }

    #[tokio::test]
    async fn a_body_error_is_passed_on() {
        let broken = StreamBody::new(stream::iter([Err::<Frame<Bytes>, _>("broken")]));

        let mut body = of_request(broken);

        let error = body.frame().await.unwrap().unwrap_err();
        assert_eq!(error.to_string(), "broken");
    }

    #[test]
    fn size_and_end_are_those_of_the_inner_body() {
        let full = of_request(Full::new(Bytes::from("12345")));
        assert_eq!((full.size_hint().exact(), full.is_end_stream()), (Some(5), false));

        let empty = of_response(Empty::<Bytes>::new());
        assert_eq!((empty.size_hint().exact(), empty.is_end_stream()), (Some(0), true));
    }

    #[test]
    fn the_list_is_sound() {
        assert_sound(&FORBIDDEN);
    }

    #[tokio::test]
    async fn trailers_over_a_limit_abort_the_body() {
        let limits = FieldLimits { bytes: 100, fields: 2 };
        for (fields, limit) in [
            (&[("a", "1"), ("b", "2")][..], None),
            (&[("a", "1"), ("b", "2"), ("c", "3")], Some(FieldLimit::Fields(2))),
            (&[("a", LONG)], Some(FieldLimit::Bytes(100))),
        ] {
            for of_request in [true, false] {
                let body = body(&["one"], fields);
                let body = Trailers { body, expects_status: false, limits, of_request };

                let error = body.collect().await.err();

                let error = error.map(|error| *error.downcast::<BadTrailers>().unwrap());
                assert_eq!(error, limit.map(BadTrailers::TooLarge));
            }
        }
    }

    #[tokio::test]
    async fn a_grpc_response_without_a_status_is_aborted() {
        let limits = FieldLimits::default();
        for (fields, whole) in [
            (&[("grpc-status", "0")][..], true),
            (&[("grpc-message", "fine")], false),
            (&[], false),
        ] {
            let body = Trailers::of_response(body(&["one"], fields), limits, true);

            let error = body.collect().await.err();

            let error = error.map(|error| *error.downcast::<BadTrailers>().unwrap());
            assert_eq!(error, (!whole).then_some(BadTrailers::NoStatus));
        }
        let mut ended = Trailers::of_response(Empty::<Bytes>::new(), limits, true);
        assert!(!ended.is_end_stream());
        assert!(ended.frame().await.unwrap().is_err());
    }

    fn of_request<B>(body: B) -> Trailers<B> {
        Trailers::of_request(body, FieldLimits::default())
    }

    fn of_response<B>(body: B) -> Trailers<B> {
        Trailers::of_response(body, FieldLimits::default(), false)
    }

    async fn read<B>(mut body: B) -> (Vec<Bytes>, Option<HeaderMap>)
    where
        B: Body<Data = Bytes, Error = BoxError> + Unpin,
    {
        let (mut data, mut trailers) = (Vec::new(), None);
        while let Some(Ok(frame)) = body.frame().await {
            match frame.into_data() {
                Ok(piece) => data.push(piece),
                Err(frame) => trailers = frame.into_trailers().ok(),
            }
        }
        (data, trailers)
    }

    fn body(
        data: &[&'static str],
        trailers: &[(&'static str, &'static str)],
    ) -> StreamBody<impl Stream<Item = Result<Frame<Bytes>, Infallible>> + Unpin + use<>> {
        let mut frames: Vec<_> =
            data.iter().map(|piece| Ok(Frame::data(Bytes::from(*piece)))).collect();
        frames.push(Ok(Frame::trailers(map(trailers))));
        StreamBody::new(stream::iter(frames))
    }

    fn map(fields: &[(&'static str, &'static str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in fields {
            let name = HeaderName::from_bytes(name.as_bytes()).expect("a name must be a token");
            headers.append(name, HeaderValue::from_static(value));
        }
        headers
    }

    const LONG: &str = "long long long long long long long long long long long long long long long long\
        long long long long long long";

    type Fields = &'static [(&'static str, &'static str)];

    const ALLOWED: Fields = &[("grpc-status", "0"), ("grpc-message", "fine"), ("digest", "a")];
    const FORGED: Fields = &[("Client-Cert", ":AA==:"), ("X_Real.IP", "192.0.2.1")];
    const BAD: Fields = &[
        ("Authorization", "Basic YTpi"),
        ("Content_Length", "5"),
        ("content-length", "5"),
        ("cookie", "a=b"),
        ("host", "elsewhere"),
        ("proxy-authorization", "Basic YTpi"),
        ("set-cookie", "a=b"),
        ("trailer", "x"),
        ("transfer-encoding", "chunked"),
    ];
}
