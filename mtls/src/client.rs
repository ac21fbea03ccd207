//! The connecting end: hyper-util's pooled client on a connector of our own, which keeps the facts
//! of each handshake and reports a refusal as the refusal it is.

mod attempt;
mod builder;
mod config;
mod connect_options;
mod connector;
mod endpoint;
mod endpoints;
mod error;
mod retry;
mod retryable_body;
mod tasks;

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use http_body::Body;
use http_body_util::Full;
use hyper::body::Incoming;

pub use self::builder::{Builder, UnfitIdentity};
pub(crate) use self::config::client_config;
pub use self::connect_options::{ConnectOptions, ExpectedServer, Protocol};
use self::endpoint::{Endpoint, Template};
use self::endpoints::Endpoints;
pub use self::endpoints::Resolver;
pub use self::error::RequestError;
pub use self::retry::{Failed, Retries, Retry, Sent};
use crate::connection::{Connections, InFlight};
use crate::credentials::CredentialStore;
use crate::event::{Event, Events};
use crate::limits::Limits;
use crate::pki::role::Role;

/// A client that presents our certificate, and speaks only to servers that prove theirs; or one
/// of [`Client::plain`], which speaks to a server that nobody vouches for.
///
/// A new identity makes a new pool: requests from then on go by connections that present the new
/// certificate, and the old ones finish what is in flight and are gone.
#[derive(Debug)]
pub struct Client<B> {
    endpoints: Endpoints<B>,
    events: Arc<Events>,
}

impl<B> Client<B>
where
    B: Body + Send + Unpin + 'static,
    B::Data: Send,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    /// A client with the identity and the trust of `store`.
    ///
    /// Of `limits` it heeds the handshake and idle timeouts.
    pub fn new(
        store: Arc<CredentialStore>,
        options: ConnectOptions,
        limits: &Limits,
        connections: Arc<Connections>,
    ) -> Self {
        connections.follow(&store);
        Self::of(Some(store), options, limits, connections)
    }

    /// A client without TLS, with the same handling of connections that end. Servers
    /// are not authenticated.
    ///
    /// Of `limits` it heeds the idle timeout.
    pub fn plain(options: ConnectOptions, limits: &Limits, connections: Arc<Connections>) -> Self {
        Self::of(None, options, limits, connections)
    }

    fn of(
        store: Option<Arc<CredentialStore>>,
        options: ConnectOptions,
        limits: &Limits,
        connections: Arc<Connections>,
    ) -> Self {
        let events = Arc::clone(connections.events());
        let template = Template {
            connections,
            handshake_timeout: limits.handshake_timeout,
            idle_timeout: limits.idle_timeout,
            options,
            store,
        };
        Self { endpoints: Endpoints::new(template), events }
    }

    /// Sends a request to an `https` URL, or an `http` URL where the client is a plain one; and
    /// again, where [`Retries`] allows it.
    ///
    /// The answer's extensions hold the `Arc` of the [`Connection`](crate::connection::Connection)
    /// that it came by.
    ///
    /// # Errors
    ///
    /// [`RequestError::Refused`] where one end turned the other away, also where the other end's
    /// alert arrived only with the first read, as TLS 1.3 has it.
    pub async fn request(
        &self,
        request: Request<B>,
    ) -> Result<Response<InFlight<Incoming>>, RequestError> {
        let (head, mut body) = request.into_parts();
        let mut retries = Retries::default();
        let mut new_connection = false;
        loop {
            let attempt = Request::from_parts(head.clone(), body);
            let failed = match self.attempt(attempt, new_connection).await {
                Ok(response) => return Ok(response),
                Err(failed) => failed,
            };
            let retry = retries.after(&failed, &head.method);
            new_connection = retry == Some(Retry::NewConnection);
            body = match (retry, failed.body) {
                (Some(Retry::NewConnection | Retry::SameServer), Some(body)) => body,
                _ => return Err(failed.error),
            };
        }
    }

    /// Sends a request once, as [`Client::request`] does; on a connection that is opened for it, or
    /// on any.
    ///
    /// # Errors
    ///
    /// Besides the error, how far the request got, for [`Retries`] to decide on.
    pub async fn attempt(
        &self,
        request: Request<B>,
        new_connection: bool,
    ) -> Result<Response<InFlight<Incoming>>, Failed<B>> {
        let (others, last) = match self.endpoints.in_order().await {
            Ok(endpoints) => endpoints,
            Err(error) => {
                let error = RequestError::Unreachable(error.into());
                let body = Some(request.into_body());
                return Err(Failed { body, error, sent: Sent::Unconnected });
            }
        };
        if others.is_empty() {
            return self.attempt_at(&last, request, new_connection).await;
        }
        let (head, mut body) = request.into_parts();
        for endpoint in others {
            let request = Request::from_parts(head.clone(), body);
            body = match self.attempt_at(&endpoint, request, new_connection).await {
                Err(Failed { body: Some(whole), sent: Sent::Unconnected, .. }) => whole,
                answered => return answered,
            };
        }
        self.attempt_at(&last, Request::from_parts(head, body), new_connection).await
    }

    async fn attempt_at(
        &self,
        endpoint: &Endpoint<B>,
        request: Request<B>,
        new_connection: bool,
    ) -> Result<Response<InFlight<Incoming>>, Failed<B>> {
        let answer = endpoint.attempt(request, new_connection).await;
        answer.map_err(|failed| Failed { error: self.explained(failed.error), ..failed })
    }

    /// Records a refusal that came after the handshake had seemed to succeed.
    fn explained(&self, error: RequestError) -> RequestError {
        if let RequestError::Refused { refusal, session: Some(session) } = &error {
            let session = Some(session.as_ref().clone());
            let refusal = refusal.as_ref().clone();
            let event = Event::refused(Role::Client, Duration::ZERO, session, refusal);
            self.events.record(event);
        }
        error
    }
}

impl Client<Full<Bytes>> {
    /// Sends a `GET` to an `https` URL.
    ///
    /// # Errors
    ///
    /// As [`Client::request`]; or the text is no URL.
    pub async fn get(&self, url: &str) -> Result<Response<InFlight<Incoming>>, RequestError> {
        let request = Request::get(url).body(Full::default());
        self.request(request.map_err(|error| RequestError::Unreachable(Box::new(error)))?).await
    }
}
