//! Whether a request that failed may be sent again, and where. Nothing else decides that.

use http::Method;
use http_body::Body;

use super::RequestError;

/// A request that got no response.
#[derive(Debug)]
pub struct Failed<B> {
    /// The body, if not a byte of it was read; without it the request cannot be sent again.
    pub body: Option<B>,
    /// Why.
    pub error: RequestError,
    /// How far the request got.
    pub sent: Sent,
}

/// How far a request got that has no response.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Sent {
    /// The server may have processed it.
    Perhaps,
    /// The server refused its stream before any processing (`REFUSED_STREAM`; RFC 9113, section
    /// 8.7), or ended a new connection of HTTP/2 before the request was sent on it.
    Refused,
    /// It went out on a kept connection that ended before the first byte of its response, most
    /// likely because the server closed it meanwhile (RFC 9112, section 9.3.1).
    Unanswered,
    /// There was no connection that it could have been sent on.
    Unconnected,
    /// The server closes the connection, and says that it has not processed the stream (`GOAWAY`;
    /// RFC 9113, section 6.8).
    Unprocessed,
    /// Its kept connection had ended before it was sent, or another request's attempt to connect,
    /// which it waited for, failed.
    Unsent,
}

/// Where a request may be sent again.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Retry {
    /// To another server of the same service; this one takes no connection.
    AnotherServer,
    /// To the same server, on a connection that is opened for it.
    NewConnection,
    /// To the same server.
    SameServer,
}

/// The retries of one request so far.
#[derive(Debug, Default)]
pub struct Retries {
    refused: usize,
    unanswered: usize,
    unsent: usize,
}

impl Retries {
    /// Whether and where the request may be sent again after this failure.
    ///
    /// A request that the server has certainly not processed is repeated whatever its method, if
    /// its body is still whole: bodies are not kept for it. One that it may have processed is
    /// repeated once, and only if it is a GET, HEAD or OPTIONS without a body (RFC 9110, section
    /// 9.2.2).
    pub fn after<B: Body>(&mut self, failed: &Failed<B>, method: &Method) -> Option<Retry> {
        let body = failed.body.as_ref()?;
        let harmless =
            matches!(*method, Method::GET | Method::HEAD | Method::OPTIONS) && body.is_end_stream();
        let (count, most, retry) = match failed.sent {
            Sent::Perhaps => return None,
            Sent::Unanswered if !harmless => return None,
            Sent::Refused => (&mut self.refused, REFUSED, Retry::SameServer),
            Sent::Unanswered => (&mut self.unanswered, 1, Retry::NewConnection),
            Sent::Unconnected => return Some(Retry::AnotherServer),
            Sent::Unprocessed | Sent::Unsent => (&mut self.unsent, UNSENT, Retry::SameServer),
        };
        *count += 1;
        (*count <= most).then_some(retry)
    }
}

/// How often a server that refuses a stream is asked again: it may be busy.
const REFUSED: usize = 2;

/// How often a request is repeated that no server saw. Each round can meet another connection that
/// ends, as where a server closes its connections after a few requests and many requests wait.
const UNSENT: usize = 32;

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use http_body_util::{Empty, Full};

    use super::*;

    #[test]
    fn what_may_have_been_processed_is_repeated_once_and_only_if_harmless() {
        for (method, repeated) in [
            (Method::GET, true),
            (Method::HEAD, true),
            (Method::OPTIONS, true),
            (Method::DELETE, false),
            (Method::PATCH, false),
            (Method::POST, false),
            (Method::PUT, false),
            (Method::TRACE, false),
        ] {
            let mut retries = Retries::default();
            let failed = || failed(Sent::Unanswered, Some(Empty::<Bytes>::new()));

            let first = retries.after(&failed(), &method);

            assert_eq!(first, repeated.then_some(Retry::NewConnection), "{method}");
            assert_eq!(retries.after(&failed(), &method), None, "{method}");
        }
    }

    #[test]
    fn a_body_forbids_to_repeat_what_may_have_been_processed() {
        let with_body = failed(Sent::Unanswered, Some(Full::new(Bytes::from("x"))));

        assert_eq!(Retries::default().after(&with_body, &Method::GET), None);
    }

    #[test]
    fn what_was_not_processed_is_repeated_whatever_it_is_until_its_body_was_read() {
        for (sent, retry) in [
            (Sent::Perhaps, None),
            (Sent::Refused, Some(Retry::SameServer)),
            (Sent::Unconnected, Some(Retry::AnotherServer)),
            (Sent::Unprocessed, Some(Retry::SameServer)),
            (Sent::Unsent, Some(Retry::SameServer)),
        ] {
            let whole = failed(sent, Some(Full::new(Bytes::from("x"))));
            let read = failed(sent, None::<Full<Bytes>>);

            assert_eq!(Retries::default().after(&whole, &Method::POST), retry, "{sent:?}");
            assert_eq!(Retries::default().after(&read, &Method::POST), None, "{sent:?}");
        }
    }

    #[test]
    fn retries_are_bounded() {
        for (sent, most) in
            [(Sent::Refused, 2), (Sent::Unanswered, 1), (Sent::Unprocessed, 32), (Sent::Unsent, 32)]
        {
            let mut retries = Retries::default();
            let failed = failed(sent, Some(Empty::<Bytes>::new()));

            let count = (0..100).map_while(|_| retries.after(&failed, &Method::GET)).count();

            assert_eq!(count, most, "{sent:?}");
        }
    }

    fn failed<B>(sent: Sent, body: Option<B>) -> Failed<B> {
        Failed { body, error: RequestError::Broken("it ended".into()), sent }
    }
}
