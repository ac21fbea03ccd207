//! HTTP on one accepted connection, which ends gracefully by itself: when its owner asks for it,
//! when the trust in its peer ends, or when it is old enough.

use std::error::Error;
use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use http_body::Body;
use hyper::body::Incoming;
use hyper::server::conn::{http1, http2};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::time::{sleep, timeout};
use tower::Service;
use tracing::{debug, info};

use super::PeerService;
use crate::connection::Connection;
use crate::connection::session::Session;
use crate::connection::stream::Stream;
use crate::connection::stream_executor::StreamExecutor;
use crate::limits::Limits;

/// How [`serve_connection`] serves HTTP.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct HttpSettings {
    /// How long requests in flight may take once the connection is to end.
    pub drain_timeout: Duration,
    /// The time limits, and the age of a connection.
    pub limits: Limits,
    /// The size of a request's head in HTTP/1.1, in bytes.
    pub max_header_bytes: usize,
    /// Fields in a request's head in HTTP/1.1; by default hyper's own limit, which is 100.
    pub max_header_fields: Option<usize>,
    /// The size of a request's fields in HTTP/2, in bytes (RFC 9113, section 6.5.2).
    pub max_header_list_bytes: u32,
    /// Streams that one HTTP/2 connection may have open.
    pub max_streams: u32,
}

impl HttpSettings {
    /// The settings that follow from the limits of a listener; the others have their defaults.
    pub fn new(limits: &Limits) -> Self {
        Self {
            drain_timeout: Duration::from_secs(20),
            limits: limits.clone(),
            max_header_bytes: limits.max_header_bytes,
            max_header_fields: None,
            max_header_list_bytes: u32::try_from(limits.max_header_bytes).unwrap_or(u32::MAX),
            max_streams: 128,
        }
    }
}

/// Serves HTTP on a connection to its end.
///
/// Once `end` completes, or the connection is as old as it may be, no further request is accepted,
/// and those in flight are finished: an HTTP/2 client gets GOAWAY, an HTTP/1.1 client `Connection:
/// close` in its next response. What has not ended after the drain timeout is cut; `end` returns
/// that time.
///
/// A connection that was upgraded has no age. It is cut at `end` and after the drain timeout.
///
/// The extensions of each request hold the [`Peer`](crate::Peer), if one was proven, and the `Arc`
/// of the [`Connection`].
pub async fn serve_connection<S, B>(
    stream: Stream,
    service: S,
    settings: &HttpSettings,
    end: impl Future<Output = Duration>,
) where
    S: Service<Request<Incoming>, Response = Response<B>> + Clone + Send + 'static,
    S::Future: Send + 'static,
    S::Error: Into<Box<dyn Error + Send + Sync>> + Send + 'static,
    B: Body<Data = Bytes> + Send + 'static,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
{
    let connection = Arc::clone(stream.connection());
    let service = PeerService::new(service, Arc::clone(&connection));
    let is_http2 = connection.session().is_some_and(Session::is_http2);
    let io = TokioIo::new(stream);
    let mut end = pin!(end);
    let ending = if is_http2 {
        let mut server = http2::Builder::new(StreamExecutor::new(&connection, &settings.limits));
        server.timer(TokioTimer::new()).max_concurrent_streams(settings.max_streams);
        server.max_header_list_size(settings.max_header_list_bytes);
        let serving = pin!(server.serve_connection(io, service));
        let shut_down = http2::Connection::graceful_shutdown;
        serve_until_end(serving, shut_down, &connection, settings, end.as_mut()).await
    } else {
        let mut server = http1::Builder::new();
        // The stream enforces the time limits and reports each; hyper would only close.
        server.timer(TokioTimer::new()).header_read_timeout(None);
        server.max_buf_size(settings.max_header_bytes).max_header_size(settings.max_header_bytes);
        if let Some(fields) = settings.max_header_fields {
            server.max_headers(fields);
        }
        let serving = pin!(server.serve_connection(io, service).with_upgrades());
        let shut_down = http1::UpgradeableConnection::graceful_shutdown;
        serve_until_end(serving, shut_down, &connection, settings, end.as_mut()).await
    };
    if connection.is_upgraded() {
        let cut = async {
            match ending {
                Some(Ending { deadline, drain_timeout }) => {
                    tokio::time::sleep_until(deadline).await;
                    drain_timeout
                }
                None => {
                    let drain_timeout = end.await;
                    sleep(drain_timeout).await;
                    drain_timeout
                }
            }
        };
        tokio::select! {
            () = connection.gone() => {}
            drain_timeout = cut => close(&connection, drain_timeout),
        }
    }
}

/// When a connection that its owner ended is cut.
struct Ending {
    deadline: tokio::time::Instant,
    drain_timeout: Duration,
}

/// Serves a connection to its end; once it is to end, for the drain timeout at most. Returns when
/// it is to be cut, if its owner asked for its end.
async fn serve_until_end<C: Future<Output = Result<(), hyper::Error>>>(
    mut serving: Pin<&mut C>,
    shut_down: impl FnOnce(Pin<&mut C>),
    connection: &Connection,
    settings: &HttpSettings,
    end: Pin<&mut impl Future<Output = Duration>>,
) -> Option<Ending> {
    let (drain_timeout, is_owners) = tokio::select! {
        biased;
        ended = serving.as_mut() => {
            log_error(connection, ended);
            return None;
        }
        // The registry cuts it within a second.
        () = connection.drained() => {
            shut_down(serving.as_mut());
            log_error(connection, serving.await);
            return None;
        }
        drain_timeout = end => (drain_timeout, true),
        () = settings.limits.connection_ages() => (settings.drain_timeout, false),
    };
    let deadline = tokio::time::Instant::now() + drain_timeout;
    let drained = async {
        // A request that an HTTP/1.1 client sends just as the connection closes would be lost, so
        // its next response says that it is the last, and an idle connection is closed later.
        if !connection.session().is_some_and(Session::is_http2) {
            connection.note_last_response();
            if let Ok(ended) = timeout(LAST_REQUEST_TIME, serving.as_mut()).await {
                return ended;
            }
        }
        shut_down(serving.as_mut());
        serving.await
    };
    tokio::select! {
        ended = drained => log_error(connection, ended),
        () = tokio::time::sleep_until(deadline) => close(connection, drain_timeout),
    }
    is_owners.then_some(Ending { deadline, drain_timeout })
}

fn log_error(connection: &Connection, ended: Result<(), hyper::Error>) {
    if let Err(error) = ended {
        debug!(peer = %connection.address(), %error, "connection ended");
    }
}

fn close(connection: &Connection, drain_timeout: Duration) {
    info!(
        peer = %connection.address(),
        seconds = drain_timeout.as_secs_f64(),
        "connection closed: its requests did not finish within the drain timeout"
    );
    connection.close();
}

/// How long an HTTP/1.1 client may take to send one more request, whose response is the last.
const LAST_REQUEST_TIME: Duration = Duration::from_secs(1);
