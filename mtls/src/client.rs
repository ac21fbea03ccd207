//! The connecting end: hyper-util's pooled client on a connector of our own, which keeps the facts
//! of each handshake and reports a refusal as the refusal it is.

mod attempt;
mod connector;
mod error;
mod lent;
mod reach;

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use http::{Request, Response};
use http_body::Body;
use hyper::body::Incoming;
use hyper_util::client::legacy::Client as Pool;
use hyper_util::client::legacy::connect::capture_connection;
use hyper_util::rt::{TokioExecutor, TokioTimer};

use self::attempt::Failed;
use self::connector::{Connector, Security};
pub use self::error::RequestError;
use self::lent::Lent;
pub use self::reach::{Protocol, Reach};
use crate::connections::{Connections, InFlight};
use crate::handshake::{Handshake, Handshakes};
use crate::limits::Limits;
use crate::live::Live;
use crate::role::Role;
use crate::spiffe::SpiffeId;

/// A client that presents our certificate, and speaks only to servers that prove theirs; or one
/// of [`Client::plain`], which speaks to a server that nobody vouches for.
///
/// A new identity makes a new pool: requests from then on go by connections that present the new
/// certificate, and the old ones finish what is in flight and are gone.
#[derive(Debug)]
pub struct Client<B> {
    connector: Connector,
    handshakes: Arc<Handshakes>,
    idle_timeout: Duration,
    pool: Mutex<IdentityPool<B>>,
}

/// The pool of one identity.
#[derive(Debug)]
struct IdentityPool<B> {
    fingerprint: Option<String>,
    pool: Pool<Connector, Lent<B>>,
}

/// What a server must be, besides bearing the name that was dialled.
#[derive(Clone, Debug, Default)]
pub struct Expectation {
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
        live: Arc<Live>,
        expectation: Expectation,
        reach: Reach,
        limits: &Limits,
        handshakes: Arc<Handshakes>,
        connections: Arc<Connections>,
    ) -> Self {
        let security = Security::Mutual { expectation, live };
        Self::of(security, reach, limits, handshakes, connections)
    }

    /// A client without TLS, with the same care for connections that end. Whoever answers has
    /// proven nothing.
    ///
    /// Of `limits` it heeds the idle timeout.
    pub fn plain(
        reach: Reach,
        limits: &Limits,
        handshakes: Arc<Handshakes>,
        connections: Arc<Connections>,
    ) -> Self {
        Self::of(Security::Plain, reach, limits, handshakes, connections)
    }

    fn of(
        security: Security,
        reach: Reach,
        limits: &Limits,
        handshakes: Arc<Handshakes>,
        connections: Arc<Connections>,
    ) -> Self {
        let timeout = limits.handshake_timeout;
        let events = Arc::clone(&handshakes);
        let connector = Connector::new(security, reach, timeout, events, connections);
        let idle_timeout = limits.idle_timeout;
        let pool = IdentityPool::new(connector.clone(), idle_timeout);
        Self { connector, handshakes, idle_timeout, pool: Mutex::new(pool) }
    }

    /// The pool of the identity that is in force now.
    fn pool(&self) -> Pool<Connector, Lent<B>> {
        let mut current = self.pool.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(live) = self.connector.live()
            && current.fingerprint.as_ref() != Some(&live.current().certificate.fingerprint256)
        {
            *current = IdentityPool::new(self.connector.clone(), self.idle_timeout);
        }
        current.pool.clone()
    }

    /// Leaves the old connections as soon as there is a new identity, for as long as it is polled;
    /// without it, the next request does.
    pub async fn watch(&self) {
        let Some(live) = self.connector.live() else {
            return std::future::pending().await;
        };
        let mut changed = live.subscribe();
        while changed.changed().await.is_ok() {
            drop(self.pool());
        }
    }

    /// Sends a request to an `https` URL, or an `http` URL where the client is a plain one.
    ///
    /// The answer's extensions hold the `Arc` of the [`Connection`](crate::connections::Connection)
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
        let (head, body) = request.into_parts();
        let body = Lent::new(body);
        let mut tries = 0;
        loop {
            tries += 1;
            let mut attempt = Request::from_parts(head.clone(), body.again());
            let captured = capture_connection(&mut attempt);
            match attempt::follow(self.pool().request(attempt), captured).await {
                Err(Failed { may_be_repeated: true, .. }) if tries < TRIES => {}
                answer => return answer.map_err(|failed| self.told(failed.error)),
            }
        }
    }

    /// Records a refusal that came after the handshake had seemed to succeed.
    fn told(&self, error: RequestError) -> RequestError {
        if let RequestError::Refused { refusal, session: Some(session) } = &error {
            let session = Some(session.as_ref().clone());
            let refusal = refusal.as_ref().clone();
            let event = Handshake::refused(Role::Client, Duration::ZERO, session, refusal);
            self.handshakes.record(event);
        }
        error
    }
}

impl<B> IdentityPool<B>
where
    B: Body + Send + Unpin + 'static,
    B::Data: Send,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    fn new(connector: Connector, idle_timeout: Duration) -> Self {
        let in_force = connector.live().map(|live| live.current());
        let fingerprint = in_force.map(|own| own.certificate.fingerprint256.clone());
        let pool = Pool::builder(TokioExecutor::new())
            .timer(TokioTimer::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(idle_timeout)
            .http1_max_buf_size(READ_AHEAD)
            .http2_only(connector.protocol() == Protocol::Http2)
            // It would try again without telling by which connection.
            .retry_canceled_requests(false)
            .build(connector);
        Self { fingerprint, pool }
    }
}

/// How much of an answer over HTTP/1.1 is read before it is asked for, which bounds its head too.
/// hyper's own 400 KiB would be held for every answer that waits for a slow reader.
const READ_AHEAD: usize = 64 * 1024;

/// How often a request is tried that is given up unsent, as where a pooled connection turns out to
/// have ended, or where others wait for the same connection and it fails.
const TRIES: usize = 32;
