//! One attempt at a request: which connection carried it, and how far it got.

use std::future::Future;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use http::{Extensions, Response};
use hyper::body::Incoming;
use hyper_util::client::legacy::Error as PoolError;
use hyper_util::client::legacy::connect::CaptureConnection;

use super::Protocol;
use super::connector::Connector;
use super::error::{RequestError, http2_error, is_of_the_pool, is_too_large};
use super::retry::{Failed, Sent};
use super::retryable_body::BodyOwner;
use crate::connection::session::Session;
use crate::connection::{Connection, InFlight, RequestInFlight};
use crate::field_limits::FieldLimit;

tokio::task_local! {
    /// The connections that were opened on behalf of the current request. hyper-util does not
    /// name the connection in every error, but it connects within the request's own task.
    static OPENED: Arc<Mutex<Vec<Arc<Connection>>>>;
}

/// The connection that a request was given to.
struct Used {
    connection: Arc<Connection>,
    in_flight: RequestInFlight,
}

/// Follows a request that is given to the pool until its response begins.
pub(super) async fn follow<B>(
    answer: impl Future<Output = Result<Response<Incoming>, PoolError>>,
    mut captured: CaptureConnection,
    owner: BodyOwner<B>,
    connector: &Connector,
) -> Result<Response<InFlight<Incoming>>, Failed<B>> {
    let opened = Arc::<Mutex<Vec<_>>>::default();
    let answer = OPENED.scope(Arc::clone(&opened), answer);
    tokio::pin!(answer);
    // hyper names the connection just before it sends: from then on the request is in flight.
    let (answer, used) = tokio::select! {
        biased;
        Some(connection) = connection_of(&mut captured) => {
            let used = Used::of(connection);
            let answer = tokio::select! {
                biased;
                answer = &mut answer => Some(answer),
                () = lost(&used.connection) => None,
            };
            (answer, Some(used))
        }
        answer = &mut answer => (Some(answer), None),
    };
    let used = used.or_else(|| named(&captured).map(Used::of));

    let fields = connector.response_fields();
    let error = match answer {
        Some(Ok(response)) => {
            if let Some(limit) = fields.passed_by(0, response.headers()) {
                let error = RequestError::TooLarge(limit);
                return Err(Failed { body: None, error, sent: Sent::Perhaps });
            }
            let in_flight = used.map(|used| used.in_flight);
            return Ok(response.map(|body| InFlight::new(body, in_flight)));
        }
        Some(Err(error)) => Some(error),
        None => None,
    };
    let mut connections = opened.lock().unwrap_or_else(PoisonError::into_inner).clone();
    let sent = match &used {
        // Others opened the connection that was to carry it, or it opened one in vain.
        None if error.as_ref().is_some_and(is_of_the_pool) => Sent::Unsent,
        None => Sent::Unconnected,
        Some(used) => {
            let kept = !connections.iter().any(|own| Arc::ptr_eq(own, &used.connection));
            used.sent(error.as_ref(), kept, owner.seen(), connector.protocol())
        }
    };
    if let (Some(used), true) = (&used, error.as_ref().is_some_and(is_too_large)) {
        // hyper does not say which of its limits it was.
        let limit = match used.connection.received() >= fields.bytes as u64 {
            true => FieldLimit::Bytes(fields.bytes),
            false => FieldLimit::Fields(fields.fields),
        };
        return Err(Failed { body: None, error: RequestError::TooLarge(limit), sent });
    }
    connections.extend(used.map(|used| used.connection));
    let error = match error {
        Some(error) => RequestError::of(error, &connections),
        None => RequestError::lost(&connections),
    };
    Err(Failed { body: owner.recover(), error, sent })
}

impl Used {
    fn of(connection: Arc<Connection>) -> Self {
        let in_flight = RequestInFlight::begin(&connection);
        Self { connection, in_flight }
    }

    /// How far the request got, which was the first on its connection or found it `kept`.
    fn sent(
        &self,
        error: Option<&PoolError>,
        kept: bool,
        stream: Option<u32>,
        protocol: Protocol,
    ) -> Sent {
        let by_alpn = self.connection.session().is_some_and(Session::is_http2);
        let http2 = by_alpn || protocol == Protocol::Http2;
        let Some(stream) = stream else {
            return match (kept, http2) {
                (true, _) => Sent::Unsent,
                // Others may have used it up before the request that opened it.
                (false, true) if self.connection.alert().is_none() => Sent::Refused,
                // A new connection that takes no request is as good as none.
                (false, _) => Sent::Unconnected,
            };
        };
        let http2_error = error.and_then(http2_error);
        let said = |error: &&h2::Error| error.is_remote();
        match http2_error.filter(said).map(|error| (error.is_go_away(), error.reason())) {
            Some((false, Some(h2::Reason::REFUSED_STREAM))) => return Sent::Refused,
            Some((false, _)) => return Sent::Perhaps,
            Some((true, _)) if self.connection.is_above_last(stream) => return Sent::Unprocessed,
            // hyper gives up a stream, too, that a GOAWAY overtakes while it is being opened, though
            // the server may process that one.
            Some((true, _)) | None => {}
        }
        // On an HTTP/2 connection bytes of other streams come. A response that has begun is one
        // already, and what breaks the rules there is h2's own error.
        let unanswered = match http2 {
            true => http2_error.is_none_or(|error| error.is_io() || said(&error)),
            false => self.connection.received() == 0,
        };
        if kept && unanswered { Sent::Unanswered } else { Sent::Perhaps }
    }
}

/// A connection was opened on behalf of the request whose task this is; one that hyper opens in
/// the background belongs to none.
pub(super) fn note_opened(connection: &Arc<Connection>) {
    let _ = OPENED.try_with(|opened| {
        opened.lock().unwrap_or_else(PoisonError::into_inner).push(Arc::clone(connection));
    });
}

/// The connection that a request is sent on, if it comes to that.
async fn connection_of(captured: &mut CaptureConnection) -> Option<Arc<Connection>> {
    drop(captured.wait_for_connection_metadata().await);
    named(captured)
}

fn named(captured: &CaptureConnection) -> Option<Arc<Connection>> {
    let mut extensions = Extensions::new();
    captured.connection_metadata().as_ref()?.get_extras(&mut extensions);
    extensions.remove()
}

/// Waits until the answer on a connection can come no more, though hyper may not say so: a request
/// that reaches its HTTP/2 task in the very moment in which the task ends stays in the task's
/// channel, unanswered, for as long as its sender waits.
async fn lost(connection: &Connection) {
    connection.gone().await;
    tokio::time::sleep(ANSWER).await;
}

/// How long hyper has to hand over an answer whose connection has gone.
const ANSWER: Duration = Duration::from_millis(250);
