//! The headers that identify the caller to the upstream: its verified certificate, its address, and
//! the scheme, host and port of its request.

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

/// The caller of a connection, with its header values encoded once for all requests.
#[derive(Debug)]
pub struct ClientIdentity {
    address: HeaderValue,
    certificate: Option<CertificateValues>,
    /// The start of `Forwarded`, which is the same for all requests.
    forwarded: String,
    port: HeaderValue,
    scheme: HeaderValue,
}

/// The scheme of a connection, regardless of what a request claims.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Scheme {
    /// Without TLS.
    Http,
    /// With TLS.
    Https,
}

#[derive(Debug)]
struct CertificateValues {
    client_cert: HeaderValue,
    client_cert_chain: Option<HeaderValue>,
    xfcc: Option<HeaderValue>,
    /// With the whole certificate. Longer and rarely configured, so encoded at first use.
    xfcc_with_pem: OnceLock<Option<HeaderValue>>,
    facts: xfcc::Facts,
}

impl ClientIdentity {
    /// The caller at `address` that connected to our `port` with `scheme`, without a certificate.
    pub fn new(address: IpAddr, port: u16, scheme: Scheme) -> Self {
        // A dual-stack socket reports IPv4 callers as IPv4-mapped IPv6 addresses.
        let address = address.to_canonical();
        Self {
            address: visible(address.to_string()),
            certificate: None,
            forwarded: forwarded::beginning(address, scheme),
            port: HeaderValue::from(port),
            scheme: HeaderValue::from_static(scheme.as_str()),
        }
    }

    /// Adds the caller's verified identity.
    pub fn with_peer(self, peer: &Peer) -> Self {
        self.with_certificate(peer.certificate(), peer.presented())
    }

    /// Adds a verified certificate, and the chain that the caller presented, leaf first.
    ///
    /// The leaf is forwarded at any size: a trusted authority issued it, and a service that finds
    /// it too long answers 431. The rest of the chain is chosen by the caller, so it is left out
    /// completely, with a warning, if it is longer than services accept.
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

    /// Sets the headers of this caller in the head of a request, after removing every field that
    /// only a proxy may set ([`forged::strip`], whose count is returned). `settings` select the
    /// headers.
    ///
    /// `host` is the authority that the request is for. `X-Forwarded-For` and `Forwarded` contain
    /// only the other end of the connection: earlier entries cannot be trusted.
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
            // An authority is visible ASCII, so this cannot fail.
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
    /// As in URLs and in `X-Forwarded-Proto`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Https => "https",
        }
    }
}

/// A value of our own text, without input from a caller.
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
