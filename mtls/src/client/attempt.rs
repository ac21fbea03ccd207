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
use super::lent::Lender;
use super::retry::{Failed, Sent};
use crate::connections::{Connection, InFlight, RequestInFlight};

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
    lender: Lender<B>,
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

    let mut connections = opened.lock().unwrap_or_else(PoisonError::into_inner).clone();
    let used = used.or_else(|| named(&captured).map(Used::of));
    let used = named(&captured);
    let own = |used| connections.iter().any(|known| Arc::ptr_eq(known, used));
    let reused = used.as_ref().is_some_and(|used| !own(used));
    let unused = used.is_none();
    connections.extend(used);
    match answer {
        Some(Ok(response)) => Ok(response.map(|body| InFlight::new(body, in_flight))),
        Some(Err(error)) => Err(Failed {
            may_be_repeated: (unused && is_of_the_pool(&error)) || (reused && is_unsent(&error)),
            error: RequestError::of(error, &connections),
        }),
        None => Err(Failed { may_be_repeated: false, error: RequestError::lost(&connections) }),
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
