//! One server address and the connections to it.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use http::{Request, Response};
use http_body::Body;
use hyper::body::Incoming;
use hyper_util::client::legacy::Client as Pool;
use hyper_util::client::legacy::connect::capture_connection;
use hyper_util::rt::TokioTimer;

use super::connector::Connector;
use super::retryable_body::{BodyOwner, RetryableBody};
use super::tasks::Tasks;
use super::{ConnectOptions, Failed, Protocol, Sent, attempt};
use crate::connection::{Connections, InFlight};
use crate::credentials::CredentialStore;
use crate::task::OwnedTask;

/// What every endpoint of a client has in common.
#[derive(Clone, Debug)]
pub(super) struct Template {
    pub(super) connections: Arc<Connections>,
    pub(super) handshake_timeout: Duration,
    pub(super) idle_timeout: Duration,
    pub(super) options: ConnectOptions,
    /// Whose identity is presented; none without TLS.
    pub(super) store: Option<Arc<CredentialStore>>,
}

/// The pools of one address; without an address, of the host in each URL.
#[derive(Debug)]
pub(super) struct Endpoint<B> {
    pub(super) address: Option<SocketAddr>,
    connector: Connector,
    /// Set while it could not be connected to: no other request tries before then.
    paused_until: Mutex<Option<Instant>>,
    pool: Arc<Mutex<IdentityPool<B>>>,
    /// Leaves the old connections as soon as there is a new identity.
    _renewal: Option<OwnedTask>,
}

impl<B> Endpoint<B>
where
    B: Body + Send + Unpin + 'static,
    B::Data: Send,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    pub(super) fn new(template: &Template, address: Option<SocketAddr>) -> Self {
        let connector = Connector::new(template, address);
        let pool = IdentityPool::new(connector.clone(), template.idle_timeout);
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
        Self { address, connector, paused_until: Mutex::default(), pool, _renewal: renewal }
    }

    /// Sends a request once, on a connection that is opened for it, or on any.
    pub(super) async fn attempt(
        &self,
        request: Request<B>,
        new_connection: bool,
    ) -> Result<Response<InFlight<Incoming>>, Failed<B>> {
        let (owner, mut request) = {
            let (head, body) = request.into_parts();
            let (owner, body) = BodyOwner::split(body);
            (owner, Request::from_parts(head, body))
        };
        let captured = capture_connection(&mut request);
        let answer = IdentityPool::in_force(&self.pool, new_connection).request(request);
        let answer = attempt::follow(answer, captured, owner, &self.connector).await;
        if self.address.is_some() {
            let failed = answer.as_ref().err();
            self.note_connected(failed.is_none_or(|failed| failed.sent != Sent::Unconnected));
        }
        answer
    }
}

impl<B> Endpoint<B> {
    /// Whether it could not be connected to the last time.
    pub(super) fn is_paused(&self) -> bool {
        self.paused_until().is_some()
    }

    /// Whether the caller is the one request that finds out, every few seconds, if a paused endpoint
    /// is back.
    pub(super) fn claim_trial(&self, now: Instant) -> bool {
        let mut paused_until = self.paused_until();
        let due = paused_until.is_some_and(|until| until <= now);
        if due {
            *paused_until = Some(now + PAUSE);
        }
        due
    }

    /// Notes whether the endpoint could be connected to.
    fn note_connected(&self, connected: bool) {
        *self.paused_until() = (!connected).then(|| Instant::now() + PAUSE);
    }

    fn paused_until(&self) -> MutexGuard<'_, Option<Instant>> {
        self.paused_until.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// How long an endpoint gets no requests once it could not be connected to.
const PAUSE: Duration = Duration::from_secs(5);

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
