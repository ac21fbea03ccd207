//! What the service behind is told of the caller: the certificate, the address, and how the
//! request came in. It is true, or it is not said.

mod client_cert;
mod forwarded;
mod xfcc;

use std::net::IpAddr;
use std::sync::OnceLock;

use http::header::FORWARDED;
use http::uri::Authority;
use http::{HeaderMap, HeaderName, HeaderValue};
use mtls::peer::Peer;
use mtls::pki::certificate::Certificate;

use super::forged;
use crate::config::IdentityHeaders;

/// The caller of a connection, in the words of every header, so that a request only copies them.
#[derive(Debug)]
pub struct Caller {
    address: HeaderValue,
    certificate: Option<CertificateValues>,
    /// The beginning of `Forwarded`, the same for all requests.
    forwarded: String,
    port: HeaderValue,
    scheme: HeaderValue,
}

/// How a connection came to us. It decides, whatever a request says of itself.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Scheme {
    /// Without TLS.
    Http,
    /// With it.
    Https,
}

#[derive(Debug)]
struct CertificateValues {
    client_cert: HeaderValue,
    client_cert_chain: Option<HeaderValue>,
    xfcc: Option<HeaderValue>,
    /// Longer by the whole certificate, and seldom asked for: made for the first who does.
    xfcc_with_pem: OnceLock<Option<HeaderValue>>,
    facts: xfcc::Facts,
}

impl Caller {
    /// The caller from `address` who came to our `port` by `scheme`, without a certificate.
    pub fn new(address: IpAddr, port: u16, scheme: Scheme) -> Self {
        // A socket for both families has its IPv4 callers in IPv6 clothes.
        let address = address.to_canonical();
        Self {
            address: visible(address.to_string()),
            certificate: None,
            forwarded: forwarded::beginning(address, scheme),
            port: HeaderValue::from(port),
            scheme: HeaderValue::from_static(scheme.as_str()),
        }
    }

    /// Adds who the caller proved to be.
    pub fn with_peer(self, peer: &Peer) -> Self {
        self.with_certificate(peer.certificate(), peer.presented())
    }

    /// Adds a certificate that was verified, and the chain that it was presented in, leaf first.
    ///
    /// The leaf is told whatever its size: an authority that we trust made it so, and a service
    /// that finds it too long answers 431. The rest of the chain is the caller's choice, so it is
    /// left out as a whole, with a warning, where it is longer than services bear.
    pub fn with_certificate(
        mut self,
        certificate: &Certificate,
        presented: &[impl AsRef<[u8]>],
    ) -> Self {
        self.certificate = presented.split_first().map(|(leaf, issuers)| {
            let facts = xfcc::Facts::of(certificate);
            CertificateValues {
                client_cert: client_cert::leaf(leaf.as_ref()),
                client_cert_chain: client_cert::chain(issuers),
                xfcc: facts.value(None),
                xfcc_with_pem: OnceLock::new(),
                facts,
            }
        });
        self
    }

    /// Makes the head of a request tell of this caller, and of nobody else: what only a proxy may
    /// say goes first ([`forged::strip`], whose count this is), whatever `settings` then have set.
    ///
    /// `host` is the one authority that the request is for. `X-Forwarded-For` and `Forwarded` name
    /// the other end of the connection only, since nothing that was said before it can be trusted.
    pub fn set(
        &self,
        settings: &IdentityHeaders,
        host: &Authority,
        headers: &mut HeaderMap,
    ) -> usize {
        let forged = forged::strip(headers);
        if let Some(certificate) = &self.certificate {
            certificate.set(settings, headers);
        }
        if settings.x_forwarded {
            headers.insert(&X_FORWARDED_FOR, self.address.clone());
            headers.insert(&X_FORWARDED_PORT, self.port.clone());
            headers.insert(&X_FORWARDED_PROTO, self.scheme.clone());
            headers.insert(&X_REAL_IP, self.address.clone());
            // An authority is visible ASCII, so this does not fail.
            if let Ok(host) = HeaderValue::from_str(host.as_str()) {
                headers.insert(&X_FORWARDED_HOST, host);
            }
        }
        if settings.forwarded
            && let Some(value) = forwarded::value(&self.forwarded, host)
        {
            headers.insert(FORWARDED, value);
        }
        forged
    }
}

impl CertificateValues {
    fn set(&self, settings: &IdentityHeaders, headers: &mut HeaderMap) {
        if settings.client_cert {
            headers.insert(&CLIENT_CERT, self.client_cert.clone());
        }
        if let Some(chain) = self.client_cert_chain.as_ref().filter(|_| settings.client_cert_chain)
        {
            headers.insert(&CLIENT_CERT_CHAIN, chain.clone());
        }
        let xfcc = match (settings.x_forwarded_client_cert, settings.x_forwarded_client_cert_pem) {
            (false, _) => None,
            (true, false) => self.xfcc.as_ref(),
            (true, true) => self.xfcc_with_pem().as_ref(),
        };
        if let Some(value) = xfcc {
            headers.insert(&X_FORWARDED_CLIENT_CERT, value.clone());
        }
    }

    fn xfcc_with_pem(&self) -> &Option<HeaderValue> {
        self.xfcc_with_pem.get_or_init(|| self.facts.value(Some(&self.client_cert)))
    }
}

impl Scheme {
    /// As URLs and `X-Forwarded-Proto` have it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Https => "https",
        }
    }
}

/// Text that we wrote ourselves, without a byte of a caller's.
fn visible(text: String) -> HeaderValue {
    HeaderValue::try_from(text).expect("our own text must be visible ASCII")
}

static CLIENT_CERT: HeaderName = HeaderName::from_static("client-cert");
static CLIENT_CERT_CHAIN: HeaderName = HeaderName::from_static("client-cert-chain");
static X_FORWARDED_CLIENT_CERT: HeaderName = HeaderName::from_static("x-forwarded-client-cert");
static X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
static X_FORWARDED_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");
static X_FORWARDED_PORT: HeaderName = HeaderName::from_static("x-forwarded-port");
static X_FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");
static X_REAL_IP: HeaderName = HeaderName::from_static("x-real-ip");

#[cfg(test)]
mod tests;
