//! The service that every request of a connection passes through: it adds the peer to the request,
//! and counts the request as in flight on its connection.

use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll};

use http::header::{CONNECTION, HeaderValue};
use http::{Request, Response, StatusCode, Version};
use http_body::Body;
use hyper::body::Incoming;
use tower::Service;

use crate::connection::stream_executor;
use crate::connection::{Connection, InFlight, RequestInFlight};

/// Puts the [`Peer`](crate::peer::Peer) and the `Arc<`[`Connection`]`>` into the extensions of
/// each request.
#[derive(Clone, Debug)]
pub struct PeerService<S> {
    connection: Arc<Connection>,
    inner: S,
}

impl<S> PeerService<S> {
    /// Serves the requests of a connection, which [`Acceptor::handshake`](super::Acceptor::handshake)
    /// has accepted.
    pub fn new(inner: S, connection: Arc<Connection>) -> Self {
        Self { connection, inner }
    }
}

impl<S, B, R> Service<Request<B>> for PeerService<S>
where
    B: Body + Send + 'static,
    S: Service<Request<B>, Response = Response<R>> + Clone + Send + 'static,
    S::Future: Send + 'static,
    S::Error: Send + 'static,
    R: Body + Send + 'static,
{
    type Response = Response<InFlight<R>>;
    type Error = S::Error;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, S::Error>> + Send>>;

    /// Always ready: it waits for the inner service once the request is counted.
    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, mut request: Request<B>) -> Self::Future {
        if self.connection.is_draining() {
            // A peer that is no longer trusted is not served; its connection is closed within a second.
            return Box::pin(std::future::poll_fn(|_| {
                stream_executor::note_waiting_for_handler();
                Poll::Pending
            }));
        }
        let mut in_flight = RequestInFlight::begin(&self.connection);
        let connection = Arc::clone(&self.connection);
        connection.note_body_wanted(!request.body().is_end_stream());
        let http1 = request.version() < Version::HTTP_2;
        request.extensions_mut().insert(Arc::clone(&connection));
        if let Some(peer) = connection.peer() {
            request.extensions_mut().insert(peer.clone());
        }
        let mut inner = self.inner.clone();
        Box::pin(async move {
            std::future::poll_fn(|context| inner.poll_ready(context)).await?;
            let mut answer = pin!(inner.call(request));
            let answer = std::future::poll_fn(|context| {
                let polled = answer.as_mut().poll(context);
                if polled.is_pending() {
                    stream_executor::note_waiting_for_handler();
                }
                polled
            })
            .await;
            let mut response = match answer {
                Ok(response) => response,
                Err(error) => {
                    in_flight.answered();
                    return Err(error);
                }
            };
            if response.status() == StatusCode::SWITCHING_PROTOCOLS {
                connection.note_upgrade();
            } else if http1 && connection.sends_last_response() {
                response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
            }
            Ok(response.map(|body| InFlight::answer(body, in_flight)))
        })
    }
}

/// hyper's own adapter calls a service only when the response is polled for. By then it may have
/// read the end of a half-closed connection, which must find its request in flight.
impl<S, R> hyper::service::Service<Request<Incoming>> for PeerService<S>
where
    S: Service<Request<Incoming>, Response = Response<R>> + Clone + Send + 'static,
    S::Future: Send + 'static,
    S::Error: Send + 'static,
    R: Body + Send + 'static,
{
    type Response = Response<InFlight<R>>;
    type Error = S::Error;
    type Future = <Self as Service<Request<Incoming>>>::Future;

    fn call(&self, request: Request<Incoming>) -> Self::Future {
        Service::call(&mut self.clone(), request)
    }
}
