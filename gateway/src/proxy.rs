//! The way of a request through the gateway: who asks and for what, whether that is allowed, what
//! the service is told of it, and what comes back.

use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::Ordering;
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll};

use bytes::Bytes;
use http::header::{CONNECTION, EXPECT};
use http::request::Parts;
use http::{HeaderValue, Request, Response, StatusCode, Version};
use http_body::Body;
use hyper::body::Incoming;
use mtls::connection::Connection;
use mtls::event::Event;
use mtls::event::refusal::{Code, Reason, Refusal};
use mtls::peer::Peer;
use mtls::pki::role::Role;
use tower::Service;

use crate::access_record::AccessRecord;
use crate::body::AnswerBody;
use crate::config::Security;
use crate::headers::identity::{Caller, Scheme};
use crate::headers::trailers::Trailers;
use crate::headers::{canonical, grpc, hop_by_hop, via};
use crate::listener::{Leaving, Listener, ListenerConfig};
use crate::proxy_error::ProxyError;
use crate::redirect;
use crate::routes::Route;
use crate::target::{Target, bare};
use crate::tunnel::Upgrade;
use crate::upstream_request::{Answer, UpstreamRequest};

/// Answers the requests of one connection.
#[derive(Clone, Debug)]
pub(crate) struct Proxy {
    /// The caller without and with its certificate, whose headers are written once a connection.
    callers: Arc<[OnceLock<Caller>; 2]>,
    door: Arc<Listener>,
    leaving: Leaving,
}

/// Where a request may go.
enum Way {
    Elsewhere(Box<Response<Bytes>>),
    Through { route: Arc<Route>, target: Target },
}

impl Proxy {
    pub(crate) fn new(door: Arc<Listener>, leaving: Leaving) -> Self {
        Self { callers: Arc::default(), door, leaving }
    }

    async fn answer(&self, mut request: Request<Incoming>) -> Response<AnswerBody> {
        let terms = self.door.terms();
        let connection = request
            .extensions_mut()
            .remove::<Arc<Connection>>()
            .expect("the acceptor must name the connection of a request");
        let upgrade = Upgrade::asked_by(&mut request);
        let (head, body) = request.into_parts();
        let mut record = AccessRecord::begin(&terms, Arc::clone(&connection), &head);

        let (route, target) = match authorize_and_route(&terms, &connection, &head, &mut record) {
            Ok(Way::Through { route, target }) => (route, target),
            Ok(Way::Elsewhere(answer)) => return own_answer(*answer, record),
            Err(turned_away) => return refuse(&turned_away, record),
        };
        let caller = self.caller(&terms, &connection);
        let mut head = rewritten(head, &route, &target, caller, upgrade.as_ref(), &record);
        if body.is_end_stream() {
            canonical::declare_empty(&head.method, &mut head.headers);
        }
        let question = UpstreamRequest {
            authority: target.authority,
            body,
            fields: terms.fields,
            head,
            scheme: scheme(&connection),
            upgrade: upgrade.is_some(),
        };
        match question.ask(&route, &mut record).await {
            Ok(answer) => self.hand_back(answer, upgrade, &route, record),
            Err(turned_away) => refuse(&turned_away, record),
        }
    }

    /// The caller as the configuration in force now has it.
    fn caller(&self, terms: &ListenerConfig, connection: &Connection) -> &Caller {
        let peer = terms.peer_of(connection);
        self.callers[usize::from(peer.is_some())]
            .get_or_init(|| caller(connection, peer, self.door.port()))
    }

    /// Hands the upstream's answer to the caller.
    fn hand_back(
        &self,
        (mut response, lease): Answer,
        upgrade: Option<Upgrade>,
        route: &Route,
        mut record: AccessRecord,
    ) -> Response<AnswerBody> {
        *response.version_mut() = Version::HTTP_11;
        response.extensions_mut().remove::<Arc<Connection>>();
        if response.status() == StatusCode::SWITCHING_PROTOCOLS {
            let Some(upgrade) = upgrade else {
                return refuse(&ProxyError::UpstreamUpgraded, record);
            };
            record.answered(response.status());
            return upgrade.go_on(response, lease, record, self.door.busy());
        }
        hop_by_hop::strip_response(response.headers_mut());
        canonical::merge_lengths(response.headers_mut());
        record.answered(response.status());
        let idle = route.config.timeouts.idle;
        let expects_status = grpc::expects_status(response.status(), response.headers());
        let fields = lease.upstream().fields;
        response.map(|body| {
            let body = Trailers::of_response(body, fields, expects_status);
            AnswerBody::streamed(body, idle, lease, record)
        })
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
        let http1 = request.version() != Version::HTTP_2;
        let proxy = self.clone();
        Box::pin(async move {
            // Called in here, its future has its place in this box and is not copied into it.
            let mut answer = proxy.answer(request).await;
            let goes_on = answer.status() == StatusCode::SWITCHING_PROTOCOLS;
            if http1 && !goes_on && proxy.leaving.load(Ordering::Relaxed) {
                answer.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
            }
            Ok(answer)
        })
    }
}

/// Where a request may go, if it is clear what it asks for, and its caller may have that.
fn authorize_and_route(
    terms: &ListenerConfig,
    connection: &Connection,
    head: &Parts,
    record: &mut AccessRecord,
) -> Result<Way, ProxyError> {
    let path = head.uri.path_and_query().map_or(0, |path| path.as_str().len());
    if let Some(limit) = terms.fields.passed_by(path, &head.headers) {
        return Err(ProxyError::HeadTooLarge(limit));
    }
    let target = Target::of(head)?;
    record.of_host(&target.host);
    if let Security::Redirect(port) = terms.security {
        if !terms.hosts.include(&target.host) {
            return Err(ProxyError::UnknownHost { host: target.host });
        }
        return Ok(Way::Elsewhere(Box::new(redirect::to_https(&target, &head.uri, port))));
    }
    if via::names_us(&head.headers) {
        return Err(ProxyError::Loop);
    }
    check_server_name(&target, connection)?;
    let route = terms.routes.find(&target)?.ok_or(ProxyError::NoRoute)?;
    record.on_route(route);
    check_caller(route, connection, terms, record)?;
    // Whoever may not have it must not keep others from it either.
    record.in_flight(terms.requests.acquire(connection).ok_or(ProxyError::TooMany)?);
    Ok(Way::Through { route: Arc::clone(route), target })
}

/// A connection that was opened for one name is not used for another (RFC 9110, section 7.4):
/// what was agreed on, and shown, was for that name.
fn check_server_name(target: &Target, connection: &Connection) -> Result<(), ProxyError> {
    let asked = connection.session().and_then(|session| session.server_name.as_deref());
    match asked.map(bare) {
        Some(asked) if asked != target.host => {
            Err(ProxyError::Misdirected { asked, host: target.host.clone() })
        }
        _ => Ok(()),
    }
}

/// Whether this caller may take this way; a refusal is told as those of handshakes are.
fn check_caller(
    route: &Route,
    connection: &Connection,
    terms: &ListenerConfig,
    record: &AccessRecord,
) -> Result<(), ProxyError> {
    let judged = terms.still_admit(connection);
    let judged = judged.and_then(|()| match (terms.peer_of(connection), &route.config.allow) {
        (None, _) if route.config.anonymous => Ok(()),
        (None, _) => Err(Reason::new(Code::NoCertificate)),
        (Some(_), None) => Ok(()),
        (Some(peer), Some(policy)) => policy.authorize(peer),
    });
    judged.map_err(|reason| {
        let refusal = Refusal::new(reason, Role::Server, None, connection.address());
        let session = connection.session().cloned();
        let event = Event::refused(Role::Server, record.elapsed(), session, refusal.clone());
        terms.events.record(event);
        ProxyError::NotAllowed(Box::new(refusal))
    })
}

/// The head of a request as the service may see it: what concerned the connection only, and
/// what the caller had no business to say, replaced by the truth.
fn rewritten(
    mut head: Parts,
    route: &Route,
    target: &Target,
    caller: &Caller,
    upgrade: Option<&Upgrade>,
    record: &AccessRecord,
) -> Parts {
    let headers = &mut head.headers;
    hop_by_hop::strip_request(headers);
    caller.set(&route.config.identity_headers, &target.authority, headers);
    // It was for us: hyper tells the caller to go on once the upstream wants the body.
    headers.remove(EXPECT);
    canonical::join_cookies(headers);
    canonical::merge_lengths(headers);
    via::add(headers, head.version);
    record.trace.hand_on(headers);
    if let Some(upgrade) = upgrade {
        upgrade.name_in(headers);
    }
    head
}

fn caller(connection: &Connection, peer: Option<&Peer>, port: u16) -> Caller {
    let caller = Caller::new(connection.address().ip(), port, scheme(connection));
    match peer {
        Some(peer) => caller.with_peer(peer),
        None => caller,
    }
}

fn scheme(connection: &Connection) -> Scheme {
    if connection.session().is_some() { Scheme::Https } else { Scheme::Http }
}

fn refuse(why: &ProxyError, mut record: AccessRecord) -> Response<AnswerBody> {
    record.because(why);
    let answer = why.answer(&record.trace);
    own_answer(answer, record)
}

fn own_answer(answer: Response<Bytes>, mut record: AccessRecord) -> Response<AnswerBody> {
    record.release_permit();
    record.answered(answer.status());
    answer.map(|bytes| AnswerBody::own(bytes, record))
}
