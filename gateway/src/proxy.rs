//! The way of a request through the gateway: listener, route, policy, headers, upstream, answer.

use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll};

use bytes::Bytes;
use http::header::{EXPECT, HOST};
use http::request::Parts;
use http::uri::PathAndQuery;
use http::{HeaderValue, Request, Response, StatusCode, Uri, Version};
use http_body::Body;
use hyper::body::Incoming;
use mtls::client::RequestError;
use mtls::connections::{Connection, InFlight};
use mtls::handshake::Handshake;
use mtls::refusal::{Code, Reason, Refusal};
use mtls::role::Role;
use mtls::session::Session;
use tower::Service;

use crate::body::{AnswerBody, Progress, RequestBody};
use crate::config::{Security, Timeouts};
use crate::door::{Door, Terms};
use crate::headers::hop_by_hop;
use crate::headers::identity::{Caller, Scheme};
use crate::record::Record;
use crate::redirect;
use crate::routes::Route;
use crate::target::{Target, bare};
use crate::tunnel::Upgrade;
use crate::turned_away::TurnedAway;
use crate::upstream::Lease;

/// Answers the requests of one connection.
#[derive(Clone, Debug)]
pub(crate) struct Proxy {
    /// Whose headers are written once a connection.
    caller: Arc<OnceLock<Caller>>,
    door: Arc<Door>,
}

/// An answer of an upstream, and the place there that it takes until it is read.
type Answer = (Response<InFlight<Incoming>>, Lease);

impl Proxy {
    pub(crate) fn new(door: Arc<Door>) -> Self {
        Self { caller: Arc::default(), door }
    }

    async fn answer(self, mut request: Request<Incoming>) -> Response<AnswerBody> {
        let terms = self.door.terms();
        let connection = request
            .extensions_mut()
            .remove::<Arc<Connection>>()
            .expect("the acceptor must name the connection of a request");
        let upgrade = Upgrade::asked_by(&mut request);
        let (head, body) = request.into_parts();
        let mut record = Record::begin(Arc::clone(&terms.name), Arc::clone(&connection), &head);
        let passed = async {
            let target = Target::of(&head)?;
            record.of_host(&target.host);
            if let Security::Redirect(port) = terms.security {
                return Ok(Err(redirect::to_https(&target, &head.uri, port)));
            }
            record.in_place(terms.place().ok_or(TurnedAway::TooMany)?);
            check_server_name(&target, &connection)?;
            let route = terms.routes.find(&target.host, head.uri.path());
            let route = Arc::clone(route.ok_or(TurnedAway::NoRoute)?);
            record.on_route(&route.name);
            check_caller(&route, &connection, &terms, &record)?;
            let wants_upgrade = upgrade.as_ref();
            let answer =
                self.ask(&route, head, body, &target, &connection, wants_upgrade, &mut record);
            answer.await.map(|answer| Ok((answer, route)))
        };
        let passed: Result<Result<(Answer, Arc<Route>), Response<Bytes>>, TurnedAway> =
            passed.await;
        match passed {
            Ok(Ok(((response, lease), route))) => {
                self.hand_back(response, lease, upgrade, &route.config.timeouts, record)
            }
            Ok(Err(own)) => own_answer(own, record),
            Err(turned_away) => {
                record.because(&turned_away);
                own_answer(turned_away.answer(), record)
            }
        }
    }

    /// Asks the upstreams of a route, one after the other where nothing was sent to the one
    /// before, and asking twice would do no harm (RFC 9110, section 9.2.2).
    #[expect(clippy::too_many_arguments, reason = "they are the parts of one request")]
    async fn ask(
        &self,
        route: &Route,
        mut head: Parts,
        body: Incoming,
        target: &Target,
        connection: &Connection,
        upgrade: Option<&Upgrade>,
        record: &mut Record,
    ) -> Result<Answer, TurnedAway> {
        let caller = self.caller.get_or_init(|| caller(connection, self.door.port()));
        hop_by_hop::strip_request(&mut head.headers);
        caller.set(&route.config.identity_headers, &target.authority, &mut head.headers);
        // It was for us: hyper asks the caller to go on once the upstream wants the body.
        head.headers.remove(EXPECT);
        record.trace.hand_on(&mut head.headers);
        if let Some(upgrade) = upgrade {
            upgrade.name_in(&mut head.headers);
        }

        let may_repeat = head.method.is_safe() && body.is_end_stream() && upgrade.is_none();
        let mut body = Some(RequestBody::new(body, Arc::clone(&record.progress)));
        let mut tried = Vec::new();
        let mut failed = TurnedAway::NoRoute;
        while let Some(lease) = route.upstreams.lease(&tried) {
            let upstream = Arc::clone(lease.upstream());
            record.at_upstream(&upstream.name);
            let body = body.take();
            let body = body.unwrap_or_else(|| RequestBody::empty(Arc::clone(&record.progress)));
            let host = upstream.host.clone().or_else(|| host_of(target));
            let request = to_upstream(&head, host, body);
            let answer = lease.send(request, upgrade.is_some());
            match in_time(answer, &record.progress, &route.config.timeouts).await {
                Ok(Ok(response)) => return Ok((response, lease)),
                Ok(Err(error)) => {
                    let unsent = nothing_was_sent(&error);
                    failed = TurnedAway::Upstream { upstream: upstream.name.to_string(), error };
                    if !(may_repeat && unsent) {
                        return Err(failed);
                    }
                }
                Err(TooSlow::Caller) => return Err(TurnedAway::CallerTooSlow),
                Err(TooSlow::Upstream) => {
                    lease.failed(&"it did not answer in time");
                    let upstream = upstream.name.to_string();
                    return Err(TurnedAway::UpstreamTooSlow { upstream });
                }
            }
            tried.push(upstream);
        }
        Err(failed)
    }

    /// Hands the upstream's answer to the caller.
    fn hand_back(
        &self,
        mut response: Response<InFlight<Incoming>>,
        lease: Lease,
        upgrade: Option<Upgrade>,
        timeouts: &Timeouts,
        mut record: Record,
    ) -> Response<AnswerBody> {
        *response.version_mut() = Version::HTTP_11;
        response.extensions_mut().remove::<Arc<Connection>>();
        if response.status() == StatusCode::SWITCHING_PROTOCOLS {
            let Some(upgrade) = upgrade else {
                let upstream = lease.upstream().name.to_string();
                let turned_away = TurnedAway::UpstreamUpgraded { upstream };
                record.because(&turned_away);
                return own_answer(turned_away.answer(), record);
            };
            record.answered(response.status());
            return upgrade.go_on(response, lease, record, self.door.busy());
        }
        hop_by_hop::strip_response(response.headers_mut());
        record.answered(response.status());
        response.map(|body| AnswerBody::streamed(body, timeouts.idle, lease, record))
    }
}

impl Service<Request<Incoming>> for Proxy {
    type Response = Response<AnswerBody>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Infallible>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Incoming>) -> Self::Future {
        let answer = self.clone().answer(request);
        Box::pin(async move { Ok(answer.await) })
    }
}

fn own_answer(answer: Response<Bytes>, mut record: Record) -> Response<AnswerBody> {
    record.answered(answer.status());
    answer.map(|bytes| AnswerBody::own(bytes, record))
}

/// A connection that was opened for one name is not used for another (RFC 9110, section 7.4):
/// what was agreed on, and shown, was for that name.
fn check_server_name(target: &Target, connection: &Connection) -> Result<(), TurnedAway> {
    let asked = connection.session().and_then(|session| session.server_name.as_deref());
    match asked.map(bare) {
        Some(asked) if asked != target.host => {
            Err(TurnedAway::Misdirected { asked, host: target.host.clone() })
        }
        _ => Ok(()),
    }
}

/// Whether this caller may take this way; a refusal is told as those of handshakes are.
fn check_caller(
    route: &Route,
    connection: &Connection,
    terms: &Terms,
    record: &Record,
) -> Result<(), TurnedAway> {
    let judged = match (connection.peer(), &route.config.allow) {
        (None, _) if route.config.anonymous => Ok(()),
        (None, _) => Err(Reason::new(Code::NoCertificate)),
        (Some(_), None) => Ok(()),
        (Some(peer), Some(policy)) => policy.judge(peer),
    };
    judged.map_err(|reason| {
        let refusal = Refusal::new(reason, Role::Server, None, connection.address());
        let session = connection.session().cloned();
        let event = Handshake::refused(Role::Server, record.elapsed(), session, refusal.clone());
        terms.handshakes.record(event);
        TurnedAway::NotAllowed(Box::new(refusal))
    })
}

fn caller(connection: &Connection, port: u16) -> Caller {
    let scheme = match connection.session() {
        None => Scheme::Http,
        Some(Session { .. }) => Scheme::Https,
    };
    let caller = Caller::new(connection.address().ip(), port, scheme);
    match connection.peer() {
        Some(peer) => caller.with_peer(peer),
        None => caller,
    }
}

fn host_of(target: &Target) -> Option<HeaderValue> {
    HeaderValue::from_str(target.authority.as_str()).ok()
}

fn to_upstream(head: &Parts, host: Option<HeaderValue>, body: RequestBody) -> Request<RequestBody> {
    let mut request = Request::new(body);
    *request.method_mut() = head.method.clone();
    let path = head.uri.path_and_query().cloned();
    *request.uri_mut() = Uri::from(path.unwrap_or_else(|| PathAndQuery::from_static("/")));
    *request.headers_mut() = head.headers.clone();
    if let Some(host) = host {
        request.headers_mut().insert(HOST, host);
    }
    request
}

/// Who keeps a request waiting.
enum TooSlow {
    Caller,
    Upstream,
}

/// Waits for an answer for as long as the request itself still moves, and then for the upstream.
async fn in_time<T>(
    answer: impl Future<Output = T>,
    progress: &Progress,
    timeouts: &Timeouts,
) -> Result<T, TooSlow> {
    tokio::pin!(answer);
    let mut deadline = progress.deadline(timeouts);
    loop {
        tokio::select! {
            biased;
            answer = &mut answer => return Ok(answer),
            () = tokio::time::sleep_until(deadline.into()) => {}
        }
        let later = progress.deadline(timeouts);
        if later > deadline {
            deadline = later;
        } else if progress.waits_for_caller() {
            return Err(TooSlow::Caller);
        } else {
            return Err(TooSlow::Upstream);
        }
    }
}

/// Whether there was not even a connection that the request could have been sent on.
fn nothing_was_sent(error: &RequestError) -> bool {
    match error {
        RequestError::Broken(_) => false,
        RequestError::Refused { session, .. } => session.is_none(),
        RequestError::Timeout(_) | RequestError::Unreachable(_) => true,
    }
}
