//! The connecting end: hyper-util's pooled client on a connector of our own, which keeps the facts
//! of each handshake and reports a refusal as the refusal it is.

mod connector;
mod error;

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use http::{Extensions, Request, Response};
use http_body::Body;
use hyper::body::Incoming;
use hyper_util::client::legacy::Client as Pool;
use hyper_util::client::legacy::connect::{CaptureConnection, capture_connection};
use hyper_util::rt::{TokioExecutor, TokioTimer};

use self::connector::Connector;
pub use self::error::RequestError;
use crate::connections::{Connection, Connections, InFlight, RequestInFlight};
use crate::handshake::{Handshake, Handshakes};
use crate::limits::Limits;
use crate::live::Live;
use crate::role::Role;
use crate::spiffe::SpiffeId;

tokio::task_local! {
    /// The connections that were opened on behalf of the current request. hyper-util does not
    /// name the connection in every error, but it connects within the request's own task.
    static OPENED: Arc<Mutex<Vec<Arc<Connection>>>>;
}

/// A client that presents our certificate, and speaks only to servers that prove theirs.
///
/// A new identity makes a new pool: requests from then on go by connections that present the new
/// certificate, and the old ones finish what is in flight and are gone.
#[derive(Debug)]
pub struct Client<B> {
    connector: Connector,
    handshakes: Arc<Handshakes>,
    idle_timeout: Duration,
    live: Arc<Live>,
    pool: Mutex<IdentityPool<B>>,
}

/// The pool of one identity.
#[derive(Debug)]
struct IdentityPool<B> {
    fingerprint: String,
    pool: Pool<Connector, B>,
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
    /// Of `limits` it heeds the handshake and idle timeouts; a TCP connection has three seconds.
    pub fn new(
        live: Arc<Live>,
        expectation: Expectation,
        limits: &Limits,
        handshakes: Arc<Handshakes>,
        connections: Arc<Connections>,
    ) -> Self {
        let connector = Connector::new(
            Arc::clone(&live),
            expectation,
            limits.handshake_timeout,
            Arc::clone(&handshakes),
            connections,
        );
        let idle_timeout = limits.idle_timeout;
        let pool = IdentityPool::new(&live, connector.clone(), idle_timeout);
        Self { connector, handshakes, idle_timeout, live, pool: Mutex::new(pool) }
    }

    /// The pool of the identity that is in force now.
    fn pool(&self) -> Pool<Connector, B> {
        let mut current = self.pool.lock().unwrap_or_else(PoisonError::into_inner);
        let in_force = self.live.current();
        if current.fingerprint != in_force.certificate.fingerprint256 {
            *current = IdentityPool::new(&self.live, self.connector.clone(), self.idle_timeout);
        }
        current.pool.clone()
    }

    /// Leaves the old connections as soon as there is a new identity, for as long as it is polled;
    /// without it, the next request does.
    pub async fn watch(&self) {
        let mut changed = self.live.subscribe();
        while changed.changed().await.is_ok() {
            drop(self.pool());
        }
    }

    /// Sends a request to an `https` URL.
    ///
    /// The answer's extensions hold the `Arc<`[`Connection`]`>` that it came by.
    ///
    /// # Errors
    ///
    /// [`RequestError::Refused`] where one end turned the other away, also where the other end's
    /// alert arrived only with the first read, as TLS 1.3 has it.
    pub async fn request(
        &self,
        mut request: Request<B>,
    ) -> Result<Response<InFlight<Incoming>>, RequestError> {
        let mut captured = capture_connection(&mut request);
        let opened = Arc::<Mutex<Vec<_>>>::default();
        let answer = OPENED.scope(Arc::clone(&opened), self.pool().request(request));
        tokio::pin!(answer);
        // hyper names the connection just before it sends: from then on the request is in flight.
        let (answer, in_flight) = tokio::select! {
            biased;
            Some(connection) = connection_of(&mut captured) => {
                let in_flight = RequestInFlight::begin(&connection);
                let own = note_used(&opened, &connection);
                let answer = tokio::select! {
                    biased;
                    answer = &mut answer => Some(answer),
                    () = lost(&connection), if own => None,
                };
                (answer, Some(in_flight))
            }
            answer = &mut answer => (Some(answer), None),
        };
        let connections = opened.lock().unwrap_or_else(PoisonError::into_inner);
        match answer {
            Some(Ok(response)) => Ok(response.map(|body| InFlight::new(body, in_flight))),
            Some(Err(error)) => Err(self.told(RequestError::of(error, &connections))),
            None => Err(self.told(RequestError::lost(&connections))),
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
    fn new(live: &Live, connector: Connector, idle_timeout: Duration) -> Self {
        let pool = Pool::builder(TokioExecutor::new())
            .timer(TokioTimer::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(idle_timeout)
            .build(connector);
        Self { fingerprint: live.current().certificate.fingerprint256.clone(), pool }
    }
}

/// The connection that a request is sent on, if it comes to that.
async fn connection_of(captured: &mut CaptureConnection) -> Option<Arc<Connection>> {
    let connected = captured.wait_for_connection_metadata().await;
    let mut extensions = Extensions::new();
    connected.as_ref()?.get_extras(&mut extensions);
    extensions.remove()
}

/// Waits until the answer on a connection can come no more, though hyper may not say so.
///
/// A request that reaches hyper's HTTP/2 task in the very moment in which the task ends stays in
/// the task's channel, unanswered, for as long as its sender waits. hyper never sends a request
/// again on behalf of which it opened a connection, so the end of that connection is its end.
async fn lost(connection: &Connection) {
    connection.gone().await;
    tokio::time::sleep(ANSWER).await;
}

/// How long hyper has to hand over an answer whose connection has gone.
const ANSWER: Duration = Duration::from_millis(250);

/// Whether the connection was opened on behalf of this request.
fn note_used(opened: &Mutex<Vec<Arc<Connection>>>, connection: &Arc<Connection>) -> bool {
    let mut opened = opened.lock().unwrap_or_else(PoisonError::into_inner);
    let own = opened.iter().any(|known| Arc::ptr_eq(known, connection));
    if !own {
        opened.push(Arc::clone(connection));
    }
    own
}

fn note_opened(connection: &Arc<Connection>) {
    // A connection that hyper opens in the background belongs to no request.
    let _ = OPENED.try_with(|opened| {
        opened.lock().unwrap_or_else(PoisonError::into_inner).push(Arc::clone(connection));
    });
}
