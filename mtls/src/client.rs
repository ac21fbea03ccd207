//! The connecting end: hyper-util's pooled client on a connector of our own, which keeps the facts
//! of each handshake and reports a refusal as the refusal it is.

mod attempt;
mod builder;
mod connect_options;
mod connector;
mod error;
mod retry;
mod retryable_body;
mod tasks;

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use http_body::Body;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper_util::client::legacy::Client as Pool;
use hyper_util::client::legacy::connect::capture_connection;
use hyper_util::rt::TokioTimer;

pub use self::builder::{Builder, UnfitIdentity};
pub use self::connect_options::{ConnectOptions, Protocol};
use self::connector::{Connector, Security};
pub use self::error::RequestError;
pub use self::retry::{Failed, Retries, Retry, Sent};
use self::retryable_body::{BodyOwner, RetryableBody};
use self::tasks::Tasks;
use crate::connection::{Connections, InFlight};
use crate::credentials::CredentialStore;
use crate::event::{Event, Events};
use crate::limits::Limits;
use crate::pki::role::Role;
use crate::pki::spiffe::SpiffeId;
use crate::task::OwnedTask;

/// A client that presents our certificate, and speaks only to servers that prove theirs; or one
/// of [`Client::plain`], which speaks to a server that nobody vouches for.
///
/// A new identity makes a new pool: requests from then on go by connections that present the new
/// certificate, and the old ones finish what is in flight and are gone.
#[derive(Debug)]
pub struct Client<B> {
    connector: Connector,
    events: Arc<Events>,
    pool: Arc<Mutex<IdentityPool<B>>>,
    /// Leaves the old connections as soon as there is a new identity.
    _renewal: Option<OwnedTask>,
}

/// The pools of one identity.
#[derive(Debug)]
struct IdentityPool<B> {
    connector: Connector,
    fingerprint: Option<String>,
    idle_timeout: Duration,
    kept: Pool<Connector, RetryableBody<B>>,
    /// Opens a connection for each request.
    new: Pool<Connector, RetryableBody<B>>,
}

/// What a server must be, besides bearing the name that was dialled.
#[derive(Clone, Debug, Default)]
pub struct ExpectedServer {
    /// The SPIFFE ID that its certificate must bear.
    pub spiffe_id: Option<SpiffeId>,
}

impl<B> Client<B>
where
    B: Body + Send + Unpin + 'static,
    B::Data: Send,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    /// A client with the identity and the trust of `live`.
    ///
    /// Of `limits` it heeds the handshake and idle timeouts.
    pub fn new(
        store: Arc<CredentialStore>,
        expectation: ExpectedServer,
        reach: ConnectOptions,
        limits: &Limits,
        events: Arc<Events>,
        connections: Arc<Connections>,
    ) -> Self {
        let security = Security::Mutual { expectation, store };
        Self::of(security, reach, limits, events, connections)
    }

    /// A client without TLS, with the same care for connections that end. Whoever answers has
    /// proven nothing.
    ///
    /// Of `limits` it heeds the idle timeout.
    pub fn plain(
        reach: ConnectOptions,
        limits: &Limits,
        events: Arc<Events>,
        connections: Arc<Connections>,
    ) -> Self {
        Self::of(Security::Plain, reach, limits, events, connections)
    }

    fn of(
        security: Security,
        reach: ConnectOptions,
        limits: &Limits,
        events: Arc<Events>,
        connections: Arc<Connections>,
    ) -> Self {
        let timeout = limits.handshake_timeout;
        if let Security::Mutual { store, .. } = &security {
            connections.follow(store);
        }
        let connector = Connector::new(security, reach, timeout, Arc::clone(&events), connections);
        let pool = IdentityPool::new(connector.clone(), limits.idle_timeout);
        let pool = Arc::new(Mutex::new(pool));
        let renewal = connector.store().map(|store| {
            let mut changed = store.subscribe();
            let pool = Arc::downgrade(&pool);
            OwnedTask::spawn(async move {
                while changed.changed().await.is_ok()
                    && let Some(pool) = pool.upgrade()
                {
                    drop(IdentityPool::in_force(&pool, false));
                }
            })
        });
        Self { connector, events, pool, _renewal: renewal }
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
        let (lender, mut request) = {
            let (head, body) = request.into_parts();
            let (lender, body) = BodyOwner::lend(body);
            (lender, Request::from_parts(head, body))
        };
        let captured = capture_connection(&mut request);
        let answer = IdentityPool::in_force(&self.pool, new_connection).request(request);
        let answer = attempt::follow(answer, captured, lender, &self.connector).await;
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

impl<B> IdentityPool<B>
where
    B: Body + Send + Unpin + 'static,
    B::Data: Send,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    fn new(connector: Connector, idle_timeout: Duration) -> Self {
        let in_force = connector.store().map(|store| store.current());
        let fingerprint = in_force.map(|own| own.certificate.fingerprint256.clone());
        let fields = connector.response_fields();
        let mut builder = Pool::builder(Tasks);
        builder
            .timer(TokioTimer::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(idle_timeout)
            // It is read ahead to as much, for whatever waits for a slow reader: hyper's own is
            // 400 KiB.
            .http1_max_buf_size(fields.bytes)
            .http1_max_headers(fields.fields)
            // h2 drops what exceeds it from trailers without an error, so it is far above our own.
            .http2_max_header_list_size(fields.http2_list().max(LEAST_HTTP2_LIST))
            .http2_only(connector.protocol() == Protocol::Http2)
            // It would try again without telling by which connection.
            .retry_canceled_requests(false);
        let kept = builder.build(connector.clone());
        let new = builder.pool_max_idle_per_host(0).build(connector.clone());
        Self { connector, fingerprint, idle_timeout, kept, new }
    }

    /// A pool of the identity that is in force now.
    fn in_force(current: &Mutex<Self>, new_connection: bool) -> Pool<Connector, RetryableBody<B>> {
        let mut current = current.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(store) = current.connector.store()
            && current.fingerprint.as_ref() != Some(&store.current().certificate.fingerprint256)
        {
            *current = Self::new(current.connector.clone(), current.idle_timeout);
        }
        if new_connection { current.new.clone() } else { current.kept.clone() }
    }
}

/// What HTTP/2 reads of the head or the trailers of a response, where our own limit is lower.
const LEAST_HTTP2_LIST: u32 = 1024 * 1024;
