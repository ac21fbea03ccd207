//! Handles one request: routes it, authorizes the caller, sets the identity headers, forwards it
//! upstream, and returns the response.

use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll};

use bytes::Bytes;
use http::header::EXPECT;
use http::request::Parts;
use http::{Request, Response, StatusCode, Version};
use http_body::Body;
use hyper::body::Incoming;
use mtls::connection::Connection;
use mtls::event::refusal::{Code, Reason};
use mtls::peer::Peer;
use tower::Service;

use crate::access_record::AccessRecord;
use crate::body::ResponseBody;
use crate::config::Security;
use crate::headers::identity::{ClientIdentity, Scheme};
use crate::headers::trailers::Trailers;
use crate::headers::{canonical, grpc, hop_by_hop, via};
use crate::listener::{Listener, ListenerConfig};
use crate::proxy_error::ProxyError;
use crate::redirect;
use crate::routes::Route;
use crate::target::{Target, bare};
use crate::tunnel::Upgrade;
use crate::upstream_request::{UpstreamRequest, UpstreamResponse};

/// Answers the requests of one connection.
#[derive(Clone, Debug)]
pub(crate) struct Proxy {
    /// The caller without and with its certificate; its header values are encoded once per
    /// connection.
    clients: Arc<[OnceLock<ClientIdentity>; 2]>,
    listener: Arc<Listener>,
}

/// What is done with a request.
enum Destination {
    Redirect(Box<Response<Bytes>>),
    Upstream { route: Arc<Route>, target: Target },
}

impl Proxy {
    pub(crate) fn new(listener: Arc<Listener>) -> Self {
        Self { clients: Arc::default(), listener }
    }

    async fn respond(&self, mut request: Request<Incoming>) -> Response<ResponseBody> {
        let config = self.listener.config();
        let connection = request
            .extensions_mut()
            .remove::<Arc<Connection>>()
            .expect("the acceptor must name the connection of a request");
        let upgrade = Upgrade::requested_by(&mut request);
        let (head, body) = request.into_parts();
        let mut record = AccessRecord::begin(&config, Arc::clone(&connection), &head);

        let (route, target) = match authorize_and_route(&config, &connection, &head, &mut record) {
            Ok(Destination::Upstream { route, target }) => (route, target),
            Ok(Destination::Redirect(response)) => return own_response(*response, record),
            Err(error) => return refuse(&error, record),
        };
        let client = self.client(&config, &connection);
        let mut head = upstream_head(head, &route, &target, client);
        record.trace.inject(&mut head.headers);
        if let Some(upgrade) = &upgrade {
            upgrade.set_headers(&mut head.headers);
        }
        if body.is_end_stream() {
            canonical::declare_empty(&head.method, &mut head.headers);
        }
        let upstream_request = UpstreamRequest {
            authority: target.authority,
            body,
            fields: config.fields,
            head,
            scheme: scheme(&connection),
            upgrade: upgrade.is_some(),
        };
        match upstream_request.send(&route, &mut record).await {
            Ok(response) => self.forward_response(response, upgrade, &route, record),
            Err(error) => refuse(&error, record),
        }
    }

    /// The caller under the configuration now in force.
    fn client(&self, config: &ListenerConfig, connection: &Connection) -> &ClientIdentity {
        let peer = config.peer_of(connection);
        self.clients[usize::from(peer.is_some())]
            .get_or_init(|| client(connection, peer, self.listener.port()))
    }

    /// Returns the upstream's response to the caller.
    fn forward_response(
        &self,
        (mut response, lease): UpstreamResponse,
        upgrade: Option<Upgrade>,
        route: &Route,
        mut record: AccessRecord,
    ) -> Response<ResponseBody> {
        *response.version_mut() = Version::HTTP_11;
        response.extensions_mut().remove::<Arc<Connection>>();
        if response.status() == StatusCode::SWITCHING_PROTOCOLS {
            let Some(upgrade) = upgrade else {
                return refuse(&ProxyError::UpstreamUpgraded, record);
            };
            record.answered(response.status());
            return upgrade.accept(response, lease, record, self.listener.busy());
        }
        hop_by_hop::strip_response(response.headers_mut());
        canonical::merge_lengths(response.headers_mut());
        record.answered(response.status());
        let idle = route.config.timeouts.idle;
        let expects_status = grpc::expects_status(response.status(), response.headers());
        let fields = lease.upstream().fields;
        response.map(|body| {
            let body = Trailers::of_response(body, fields, expects_status);
            ResponseBody::streamed(body, idle, lease, record)
        })
    }
}

impl Service<Request<Incoming>> for Proxy {
    type Response = Response<ResponseBody>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Infallible>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Incoming>) -> Self::Future {
        let proxy = self.clone();
        // Called in it, the response's future is built in this box instead of being copied there.
        Box::pin(async move { Ok(proxy.respond(request).await) })
    }
}

/// Selects the destination of an unambiguous request, and authorizes its caller.
fn authorize_and_route(
    config: &ListenerConfig,
    connection: &Connection,
    head: &Parts,
    record: &mut AccessRecord,
) -> Result<Destination, ProxyError> {
    let path = head.uri.path_and_query().map_or(0, |path| path.as_str().len());
    if let Some(limit) = config.fields.passed_by(path, &head.headers) {
        return Err(ProxyError::HeadTooLarge(limit));
    }
    let target = Target::of(head)?;
    record.of_host(&target.host);
    if let Security::Redirect(port) = config.security {
        if !config.hosts.include(&target.host) {
            return Err(ProxyError::UnknownHost { host: target.host });
        }
        return Ok(Destination::Redirect(Box::new(redirect::to_https(&target, &head.uri, port))));
    }
    if via::is_loop(&head.headers) {
        return Err(ProxyError::Loop);
    }
    check_server_name(&target, connection)?;
    let route = config.routes.find(&target)?.ok_or(ProxyError::NoRoute)?;
    record.on_route(route);
    authorize_client(route, connection, config, record)?;
    // Only authorized requests count towards the limits.
    record.in_flight(config.requests.acquire(connection).ok_or(ProxyError::TooMany)?);
    Ok(Destination::Upstream { route: Arc::clone(route), target })
}

/// A connection that was opened for one server name is not used for another host (RFC 9110, section
/// 7.4): its certificate was selected for that name.
fn check_server_name(target: &Target, connection: &Connection) -> Result<(), ProxyError> {
    let asked = connection.session().and_then(|session| session.server_name.as_deref());
    match asked.map(bare) {
        Some(asked) if asked != target.host => {
            Err(ProxyError::Misdirected { asked, host: target.host.clone() })
        }
        _ => Ok(()),
    }
}

/// Authorizes the caller for a route; a refusal is recorded like that of a handshake.
fn authorize_client(
    route: &Route,
    connection: &Connection,
    config: &ListenerConfig,
    record: &AccessRecord,
) -> Result<(), ProxyError> {
    let authorized = config.verify_again(connection);
    let authorized =
        authorized.and_then(|()| match (config.peer_of(connection), &route.config.allow) {
            (None, _) if route.config.anonymous => Ok(()),
            (None, _) => Err(Reason::new(Code::NoCertificate)),
            (Some(_), None) => Ok(()),
            (Some(peer), Some(policy)) => policy.authorize(peer),
        });
    authorized.map_err(|reason| {
        let refusal = connection.refuse_request(reason, record.elapsed());
        ProxyError::NotAllowed(Box::new(refusal))
    })
}

/// The request head as it is forwarded: without hop-by-hop fields, and with spoofed identity
/// headers removed and the verified ones set.
fn upstream_head(
    mut head: Parts,
    route: &Route,
    target: &Target,
    client: &ClientIdentity,
) -> Parts {
    let headers = &mut head.headers;
    hop_by_hop::strip_request(headers);
    client.set(&route.config.identity_headers, &target.authority, headers);
    // `Expect` is for the gateway: hyper sends 100 (Continue) once the upstream reads the body.
    headers.remove(EXPECT);
    canonical::join_cookies(headers);
    canonical::merge_lengths(headers);
    via::add(headers, head.version);
    head
}

fn client(connection: &Connection, peer: Option<&Peer>, port: u16) -> ClientIdentity {
    let client = ClientIdentity::new(connection.address().ip(), port, scheme(connection));
    match peer {
        Some(peer) => client.with_peer(peer),
        None => client,
    }
}

fn scheme(connection: &Connection) -> Scheme {
    if connection.session().is_some() { Scheme::Https } else { Scheme::Http }
}

fn refuse(error: &ProxyError, mut record: AccessRecord) -> Response<ResponseBody> {
    record.set_error(error);
    let response = error.response(&record.trace);
    own_response(response, record)
}

fn own_response(response: Response<Bytes>, mut record: AccessRecord) -> Response<ResponseBody> {
    record.release_permit();
    record.answered(response.status());
    response.map(|bytes| ResponseBody::own(bytes, record))
}
