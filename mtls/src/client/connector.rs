//! Opens one connection: TCP, then a handshake in which both ends prove themselves, unless the
//! client is a plain one.

use std::future::Future;
use std::io::{Error, ErrorKind};
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Instant;

use http::Uri;
use http::uri::Scheme;
use hyper_util::client::legacy::connect::{
    Connected, Connection as HyperConnection, HttpConnector,
};
use hyper_util::rt::TokioIo;
use rustls::pki_types::ServerName;
use tokio::sync::Semaphore;
use tokio_rustls::{TlsConnector, TlsStream};
use tower::Service;

use super::Protocol;
use super::attempt::note_opened;
use super::config::client_config;
use super::endpoint::Template;
use super::error::ConnectError;
use crate::connection::Connection;
use crate::connection::session::Session;
use crate::connection::stream::{Stream, Wire};
use crate::credentials::CredentialStore;
use crate::event::Event;
use crate::event::failure::Failure;
use crate::event::refusal::{Code, Reason, Refusal};
use crate::field_limits::FieldLimits;
use crate::peer::Peer;
use crate::pki::role::Role;

#[derive(Clone, Debug)]
pub(super) struct Connector {
    http: HttpConnector,
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    /// Connections that are being opened.
    opening: Semaphore,
    template: Template,
}

type BoxError = Box<dyn std::error::Error + Send + Sync>;

impl Connector {
    /// Connects as the template says, but to this address where there is one.
    pub(super) fn new(template: &Template, address: Option<SocketAddr>) -> Self {
        let mut template = template.clone();
        if let Some(address) = address {
            let dial = address.to_string().parse();
            template.options.dial = Some(dial.expect("an address must be an authority"));
        }
        let mut http = HttpConnector::new();
        http.enforce_http(false);
        http.set_connect_timeout(Some(template.options.connect_timeout));
        http.set_nodelay(true);
        let opening = Semaphore::new(MOST_OPENING);
        Self { http, inner: Arc::new(Inner { opening, template }) }
    }

    /// Whose identity is presented; none without TLS.
    pub(super) fn store(&self) -> Option<&Arc<CredentialStore>> {
        self.inner.template.store.as_ref()
    }

    pub(super) fn response_fields(&self) -> FieldLimits {
        self.inner.template.options.response_fields
    }

    pub(super) fn protocol(&self) -> Protocol {
        self.inner.template.options.protocol
    }
}

impl Service<Uri> for Connector {
    type Response = TokioIo<Stream>;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Result<TokioIo<Stream>, BoxError>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.http.poll_ready(context).map_err(Into::into)
    }

    fn call(&mut self, url: Uri) -> Self::Future {
        let inner = Arc::clone(&self.inner);
        let name = inner.server_name(&url);
        let tcp = self.http.call(inner.place(url));
        Box::pin(async move {
            let name = name?;
            let too_late = |_| Error::from(ErrorKind::TimedOut);
            let deadline = tokio::time::Instant::now() + inner.template.options.connect_timeout;
            let opening = tokio::time::timeout_at(deadline, inner.opening.acquire());
            let _opening = opening.await.map_err(too_late)?;
            let tcp = tokio::time::timeout_at(deadline, tcp);
            let tcp = tcp.await.map_err(too_late)??.into_inner();
            let address = tcp.peer_addr()?;
            let wire = Wire::new(tcp, address);
            let mut stream = match (name, &inner.template.store) {
                (Some(name), Some(store)) => inner.handshake(wire, name, store).await?,
                _ => inner.without_handshake(wire),
            };
            let by_alpn = stream.connection().session().is_some_and(Session::is_http2);
            let http2 = by_alpn || inner.template.options.protocol == Protocol::Http2;
            if http2 {
                stream.follow_http2();
            }
            Ok(TokioIo::new(stream))
        })
    }
}

impl HyperConnection for Stream {
    /// hyper's pool hands the [`Connection`] on with each answer and each error.
    fn connected(&self) -> Connected {
        let connected = Connected::new().extra(Arc::clone(self.connection()));
        let http2 = self.connection().session().is_some_and(Session::is_http2);
        if http2 { connected.negotiated_h2() } else { connected }
    }
}

impl Inner {
    /// Where the server of a URL is found.
    fn place(&self, url: Uri) -> Uri {
        let Some(dial) = &self.template.options.dial else {
            return url;
        };
        let scheme = url.scheme().cloned().unwrap_or(Scheme::HTTPS);
        let place = Uri::builder().scheme(scheme).authority(dial.clone()).path_and_query("/");
        place.build().expect("a scheme, an authority and a path must make a URL")
    }

    /// The name that the server must prove; none without TLS.
    fn server_name(&self, url: &Uri) -> Result<Option<ServerName<'static>>, ConnectError> {
        match (&self.template.store, url.scheme_str()) {
            (Some(_), Some("https")) => server_name(url).map(Some),
            (None, Some("http")) => Ok(None),
            _ => Err(ConnectError::Url(url.to_string())),
        }
    }

    fn without_handshake(&self, wire: Wire) -> Stream {
        let address = wire.peer_address();
        let connection = Arc::new(Connection::new(Role::Client, address, None, None));
        self.template.connections.add(&connection);
        note_opened(&connection);
        Stream::plain(wire, connection, None)
    }

    async fn handshake(
        &self,
        wire: Wire,
        name: ServerName<'static>,
        store: &Arc<CredentialStore>,
    ) -> Result<Stream, ConnectError> {
        let began = Instant::now();
        let peer = wire.peer_address();
        let refused = |refusal: Refusal| {
            let event = Event::refused(Role::Client, began.elapsed(), None, refusal.clone());
            self.template.connections.events().record(event);
            ConnectError::Event(Box::new(refusal))
        };

        let spiffe_id = self.template.options.expected.spiffe_id.clone();
        let config = client_config(store.current(), spiffe_id, self.template.options.protocol);
        let (config, verifier) = config.map_err(|error| {
            let reason = Reason::new(Code::ProtocolError).with_detail(error.to_string());
            refused(Refusal::new(reason, Role::Client, None, peer))
        })?;
        let server_name = name.to_str().into_owned();
        let connect = TlsConnector::from(Arc::new(config)).connect(name, wire).into_fallible();
        let tls = match tokio::time::timeout(self.template.handshake_timeout, connect).await {
            Ok(Ok(tls)) => tls,
            Ok(Err((error, wire))) => {
                let failure = Failure {
                    error: &error,
                    side: Role::Client,
                    verifier: Some(&verifier),
                    wire: Some(&wire),
                };
                return Err(refused(failure.refusal(peer)));
            }
            Err(_) => {
                let failure = Failure {
                    error: &ErrorKind::TimedOut.into(),
                    side: Role::Client,
                    verifier: None,
                    wire: None,
                };
                return Err(refused(failure.refusal(peer)));
            }
        };

        if let Some(why) = verifier.own_key_does_not_fit() {
            let detail = format!("the server asks for a certificate, {why}");
            let reason = Reason::new(Code::UnsupportedAlgorithm).with_detail(detail);
            return Err(refused(Refusal::new(reason, Role::Client, None, peer)));
        }
        let session = Session::of(tls.get_ref().1, Some(server_name));
        let proven = verifier.verified_chain().map(|chain| (Peer::new(chain), Arc::clone(store)));
        let connection = Connection::new(Role::Client, peer, Some(session), proven);
        let connection = Arc::new(connection);
        self.template.connections.add_verified_by(&connection, verifier.credentials());
        connection.record_accepted(began.elapsed());
        note_opened(&connection);
        Ok(Stream::tls(TlsStream::Client(tls), connection, None))
    }
}

/// The limit of connections to one server that are being opened at once: a request that is
/// cancelled again and again must not open one each time.
const MOST_OPENING: usize = 64;

fn server_name(url: &Uri) -> Result<ServerName<'static>, ConnectError> {
    let bad = || ConnectError::Url(url.to_string());
    let host = url.host().ok_or_else(bad)?;
    // RFC 3986, section 3.2.2: an IPv6 address stands in brackets.
    let host = host.trim_start_matches('[').trim_end_matches(']');
    ServerName::try_from(host.to_owned()).map_err(|_| bad())
}
