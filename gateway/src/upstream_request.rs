//! A request on its way to an upstream: which one is asked, how long its response may take, and
//! what is done when there is none.

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

/// A request as upstreams are to see it.
#[derive(Debug)]
pub(crate) struct UpstreamRequest {
    /// The host that the caller asked for.
    pub(crate) authority: Authority,
    pub(crate) body: Incoming,
    /// How large its trailers may be.
    pub(crate) fields: FieldLimits,
    pub(crate) head: Parts,
    /// How the caller reached us.
    pub(crate) scheme: Scheme,
    /// It asks to leave HTTP.
    pub(crate) upgrade: bool,
}

/// An answer of an upstream, and the place there that it takes until it is read.
pub(crate) type Answer = (Response<InFlight<Incoming>>, Lease);

/// Who keeps a request waiting.
enum TooSlow {
    Caller,
    Upstream,
}

impl UpstreamRequest {
    /// Asks an upstream of a route, and asks again where [`Retries`] allows it.
    pub(crate) async fn ask(
        self,
        route: &Route,
        record: &mut AccessRecord,
    ) -> Result<Answer, ProxyError> {
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
            let answer = lease.send(request, upgrade, new_connection);
            let failed = match in_time(answer, &record.progress, &route.config.timeouts).await {
                Ok(Ok(mut response)) => {
                    lease.succeeded();
                    let headers = response.headers_mut();
                    location::rewrite(headers, upstream.authorities(), scheme.as_str(), &authority);
                    return Ok((response, lease));
                }
                Ok(Err(_)) if record.progress.is_broken() => return Err(ProxyError::CallerBroke),
                Ok(Err(failed)) => failed,
                Err(TooSlow::Caller) => return Err(ProxyError::CallerTooSlow),
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

/// The request as one upstream is to receive it.
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
    // Where the upstream's own host is asked for, the client names it as the connection's HTTP has
    // it: beside `:authority` some servers take a `Host` for a second one (RFC 9113, section 8.3.1).
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
    // Where ALPN decides, hyper takes `Connection` out for HTTP/2, and with it what its first field
    // names: that one must not be `TE`, which gRPC needs.
    if protocol == Protocol::Any && !headers.contains_key(CONNECTION) {
        headers.insert(CONNECTION, HeaderValue::from_static("keep-alive"));
    }
    headers.append(CONNECTION, HeaderValue::from_static("te"));
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
