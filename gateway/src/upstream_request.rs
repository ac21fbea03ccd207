//! Sends one request upstream: selects the upstream, enforces timeouts, and retries.

use std::future::Future;
use std::sync::Arc;

use http::header::{CONNECTION, HOST, TE};
use http::request::Parts;
use http::uri::{Authority, PathAndQuery};
use http::{HeaderMap, HeaderValue, Request, Response, Uri};
use hyper::body::Incoming;
use mtls::client::{Failed, Protocol, Retries, Retry};
use mtls::connection::InFlight;
use mtls::field_limits::FieldLimits;

use crate::access_record::AccessRecord;
use crate::body::{Progress, RequestBody};
use crate::config::Timeouts;
use crate::headers::identity::Scheme;
use crate::headers::location;
use crate::proxy_error::ProxyError;
use crate::routes::Route;
use crate::upstream::{Lease, Upstream};

/// A request ready to be sent upstream.
#[derive(Debug)]
pub(crate) struct UpstreamRequest {
    /// The host that the caller asked for.
    pub(crate) authority: Authority,
    pub(crate) body: Incoming,
    /// The size limits of its trailers.
    pub(crate) fields: FieldLimits,
    pub(crate) head: Parts,
    /// The scheme that the caller used.
    pub(crate) scheme: Scheme,
    /// It asks for an upgrade.
    pub(crate) upgrade: bool,
}

/// The response of an upstream, and the lease that is held until it is read.
pub(crate) type UpstreamResponse = (Response<InFlight<Incoming>>, Lease);

/// Which side made a request time out.
enum TooSlow {
    Client,
    Upstream,
}

impl UpstreamRequest {
    /// Sends the request to an upstream of a route, and retries where [`Retries`] allows it.
    pub(crate) async fn send(
        self,
        route: &Route,
        record: &mut AccessRecord,
    ) -> Result<UpstreamResponse, ProxyError> {
        let Self { authority, body, fields, head, scheme, upgrade } = self;
        let mut body = RequestBody::new(body, fields, Arc::clone(&record.progress));
        let mut tried: Vec<Arc<Upstream>> = Vec::new();
        let mut retries = Retries::default();
        let mut new_connection = false;
        let mut lease = route.upstreams.lease(&tried).ok_or(ProxyError::NoRoute)?;
        loop {
            let upstream = Arc::clone(lease.upstream());
            record.at_upstream(&upstream.name);
            let request = for_upstream(&upstream, &head, &authority, body);
            let response = lease.send(request, upgrade, new_connection);
            let failed = match in_time(response, &record.progress, &route.config.timeouts).await {
                Ok(Ok(mut response)) => {
                    lease.succeeded();
                    let headers = response.headers_mut();
                    location::rewrite(headers, upstream.authorities(), scheme.as_str(), &authority);
                    return Ok((response, lease));
                }
                Ok(Err(_)) if record.progress.is_broken() => {
                    return Err(ProxyError::ClientBodyInvalid);
                }
                Ok(Err(failed)) => failed,
                Err(TooSlow::Client) => return Err(ProxyError::ClientTooSlow),
                Err(TooSlow::Upstream) => {
                    lease.failed(&"it did not answer in time");
                    return Err(ProxyError::UpstreamTooSlow);
                }
            };
            let retry = retries.after(&failed, &head.method);
            let Failed { body: unread, error, .. } = failed;
            new_connection = retry == Some(Retry::NewConnection);
            if !matches!(retry, Some(Retry::NewConnection | Retry::SameServer)) {
                lease.failed(&error);
                tried.push(upstream);
                let next = retry.and_then(|_| route.upstreams.lease(&tried));
                let Some(next) = next else { return Err(ProxyError::Upstream(error)) };
                lease = next;
            }
            let Some(unread) = unread else { return Err(ProxyError::Upstream(error)) };
            body = unread;
        }
    }
}

/// The request as it is sent to one upstream.
fn for_upstream(
    upstream: &Upstream,
    head: &Parts,
    authority: &Authority,
    body: RequestBody,
) -> Request<RequestBody> {
    let mut request = Request::new(body);
    *request.method_mut() = head.method.clone();
    let path = head.uri.path_and_query().cloned();
    *request.uri_mut() = Uri::from(path.unwrap_or_else(|| PathAndQuery::from_static("/")));
    *request.headers_mut() = head.headers.clone();
    // Without a `Host` here, the client writes the upstream's own host in the form of the
    // connection's HTTP version: beside `:authority` some servers read `Host` as a second host (RFC
    // 9113, section 8.3.1).
    request.headers_mut().remove(HOST);
    if upstream.keeps_host
        && let Ok(host) = HeaderValue::from_str(authority.as_str())
    {
        request.headers_mut().insert(HOST, host);
    }
    if head.headers.contains_key(TE) {
        name_te_in_connection(upstream.protocol, request.headers_mut());
    }
    request
}

/// In HTTP/1.1 `TE` is named in `Connection`; HTTP/2 has no such field (RFC 9110, section 10.1.4;
/// RFC 9113, section 8.2.2).
fn name_te_in_connection(protocol: Protocol, headers: &mut HeaderMap) {
    if protocol == Protocol::Http2 {
        return;
    }
    // Where ALPN selects the version, hyper removes `Connection` for HTTP/2 together with the field
    // that its first value names. That must not be `TE`, which gRPC needs.
    if protocol == Protocol::Any && !headers.contains_key(CONNECTION) {
        headers.insert(CONNECTION, HeaderValue::from_static("keep-alive"));
    }
    headers.append(CONNECTION, HeaderValue::from_static("te"));
}

/// Waits for a response: first while the request body makes progress, then for the upstream.
async fn in_time<T>(
    response: impl Future<Output = T>,
    progress: &Progress,
    timeouts: &Timeouts,
) -> Result<T, TooSlow> {
    tokio::pin!(response);
    let mut deadline = progress.deadline(timeouts);
    loop {
        tokio::select! {
            biased;
            response = &mut response => return Ok(response),
            () = tokio::time::sleep_until(deadline.into()) => {}
        }
        let later = progress.deadline(timeouts);
        if later > deadline {
            deadline = later;
        } else if progress.waits_for_client() {
            return Err(TooSlow::Client);
        } else {
            return Err(TooSlow::Upstream);
        }
    }
}
