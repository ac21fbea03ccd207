//! Upgraded connections, such as for WebSocket: bytes are copied in both directions until one side
//! closes.

use http::header::{CONNECTION, UPGRADE};
use http::{HeaderMap, HeaderValue, Request, Response, Version};
use hyper::body::Incoming;
use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;
use mtls::connection::InFlight;
use tracing::debug;

use crate::access_record::AccessRecord;
use crate::body::ResponseBody;
use crate::headers::hop_by_hop;
use crate::listener::Busy;
use crate::upstream::Lease;

/// An upgrade that the caller requests (RFC 9110, section 7.8).
#[derive(Debug)]
pub(crate) struct Upgrade {
    client: OnUpgrade,
    protocol: HeaderValue,
}

impl Upgrade {
    /// The upgrade that a request asks for, if the gateway forwards it.
    ///
    /// HTTP or TLS inside the tunnel would bypass every route and policy, so such an upgrade is
    /// ignored (as for `h2c`, RFC 7540, section 3.2), and the request is answered like any other.
    pub(crate) fn requested_by(request: &mut Request<Incoming>) -> Option<Self> {
        if request.version() != Version::HTTP_11 {
            return None;
        }
        let protocol = hop_by_hop::upgrade(request.headers())?.clone();
        let name = protocol.to_str().ok()?.to_ascii_lowercase();
        let one = !name.is_empty() && !name.contains(',');
        let carries_http = ["h2", "http", "tls"].iter().any(|prefix| name.starts_with(prefix));
        (one && !carries_http).then(|| Self { client: hyper::upgrade::on(request), protocol })
    }

    /// Adds the upgrade to the request for the upstream.
    pub(crate) fn set_headers(&self, headers: &mut HeaderMap) {
        headers.insert(CONNECTION, HeaderValue::from_static("upgrade"));
        headers.insert(UPGRADE, self.protocol.clone());
    }

    /// The upstream agreed: returns its 101 to the caller, and copies bytes until one side closes.
    pub(crate) fn accept(
        self,
        mut response: Response<InFlight<Incoming>>,
        lease: Lease,
        mut record: AccessRecord,
        busy: Busy,
    ) -> Response<ResponseBody> {
        let upstream = hyper::upgrade::on(&mut response);
        let protocol = response.headers().get(UPGRADE).cloned().unwrap_or(self.protocol);
        hop_by_hop::strip_response(response.headers_mut());
        response.headers_mut().insert(CONNECTION, HeaderValue::from_static("upgrade"));
        response.headers_mut().insert(UPGRADE, protocol);
        record.release_permit();
        let client = self.client;
        tokio::spawn(async move {
            let _held = (lease, busy);
            let (client, upstream) = match tokio::try_join!(client, upstream) {
                Ok(both) => both,
                Err(error) => return record.aborted(&error),
            };
            let (mut client, mut upstream) = (TokioIo::new(client), TokioIo::new(upstream));
            match tokio::io::copy_bidirectional(&mut client, &mut upstream).await {
                Ok((received, sent)) => record.tunnelled(received, sent),
                Err(error) => debug!(%error, "a tunnel ended"),
            }
        });
        response.map(|_| ResponseBody::none())
    }
}
