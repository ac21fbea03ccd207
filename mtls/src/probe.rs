//! Looks at a live server: what it takes, what it shows, and what it asks for.
//!
//! It only inspects, as `certs inspect` does. Untrusted chains are to be inspected too, so the
//! verifier here accepts every chain and verifies none; therefore no application data is ever
//! sent, what arrives is discarded, and no connection leaves this module. To *talk* to a server,
//! use [`crate::client`].

mod recording_verifier;
mod server;
mod wire;

use std::io::{Error, ErrorKind, Read, copy, sink};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustls::client::Resumption;
use rustls::pki_types::CertificateDer;
use rustls::version::{TLS12, TLS13};
use rustls::{ClientConfig, ClientConnection, SupportedProtocolVersion};
use thiserror::Error;
use time::OffsetDateTime;

use self::recording_verifier::{RecordingResolver, RecordingVerifier};
pub use self::server::{BadServer, Server};
use self::wire::Wire;
use crate::connection::session::Session;
use crate::event::alert::Alert;
use crate::event::failure::Failure;
use crate::event::refusal::{Code, Reason, Refusal};
use crate::pki::identity::Identity;
use crate::pki::role::Role;
use crate::pki::trust::{Trust, VerifiedChain};
use crate::protocol::{PROVIDER, application_protocols};

/// How long finding the address, connecting, the handshake, and the server's last word may take,
/// each.
pub const LIMIT: Duration = Duration::from_secs(5);

/// A version of TLS that a server may take.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Version {
    /// RFC 5246.
    Tls12,
    /// RFC 8446.
    Tls13,
}

/// What one handshake showed. Nothing of it is believed.
#[derive(Debug)]
pub struct Probe {
    /// The address that answered.
    pub address: SocketAddr,
    /// What was agreed on.
    pub session: Session,
    /// The chain as it was shown, leaf first.
    pub chain: Vec<CertificateDer<'static>>,
    /// Whether the server proved that it holds the leaf's private key.
    pub key_proven: bool,
    /// Its request for a client certificate, if it made one.
    pub request: Option<CertificateRequest>,
    /// What it did once it had our certificate, or knew that there is none.
    pub ending: ServerReaction,
}

/// A server's request for a client certificate (RFC 8446, section 4.3.2).
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct CertificateRequest {
    /// The authorities that it names, as RFC 4514 strings; none where it leaves them open.
    pub authorities: Vec<String>,
    /// Whether a certificate was sent: there was one, and its key fits what the server can verify.
    pub answered: bool,
}

/// What a server did at the end of a handshake.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum ServerReaction {
    /// It sent an alert.
    Alert(Alert),
    /// It cut the connection without a word.
    Cut,
    /// It had nothing against it.
    Served,
}

/// Why there is nothing to look at.
#[derive(Debug, Error)]
pub enum ProbeError {
    /// There was no handshake.
    #[error("{0}")]
    NoHandshake(Box<Refusal>),
    /// There is no connection.
    #[error("cannot connect to {address}: {source}")]
    NotConnected {
        /// Where to.
        address: SocketAddr,
        /// What the system says.
        source: Error,
    },
    /// The name has no address.
    #[error("cannot find the address of {name}: {source}")]
    NotFound {
        /// The host's name.
        name: String,
        /// What the system says.
        source: Error,
    },
}

impl Version {
    /// All that there are, the newest first.
    pub const ALL: [Self; 2] = [Self::Tls13, Self::Tls12];

    /// `TLSv1.3` or `TLSv1.2`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Tls12 => "TLSv1.2",
            Self::Tls13 => "TLSv1.3",
        }
    }

    fn supported(self) -> &'static SupportedProtocolVersion {
        match self {
            Self::Tls12 => &TLS12,
            Self::Tls13 => &TLS13,
        }
    }
}

impl Probe {
    /// Makes one handshake in that one version, with that identity or with none, and hangs up.
    pub fn at(
        server: &Server,
        version: Version,
        identity: Option<&Identity>,
    ) -> Result<Self, ProbeError> {
        let mut wire = Wire::connect(server)?;
        let address = wire.address;
        let unseen = |error: &Error| {
            let failure = Failure { error, side: Role::Client, verifier: None, wire: None };
            ProbeError::NoHandshake(Box::new(failure.refusal(address)))
        };
        let recording_verifier = Arc::new(RecordingVerifier::default());
        let request = Arc::new(RecordingResolver::new(identity));
        let mut connection = config(version, &recording_verifier, &request)
            .and_then(|config| ClientConnection::new(Arc::new(config), server.name().clone()))
            .map_err(|error| unseen(&Error::other(error)))?;

        let began = Instant::now();
        let handshake = connection.complete_io(&mut wire);
        let chain = recording_verifier.chain();
        let ending = match handshake {
            Ok(_) if connection.is_handshaking() => {
                return Err(unseen(&ErrorKind::UnexpectedEof.into()));
            }
            Ok(_) => hang_up(&mut connection, &mut wire, began.elapsed()),
            // In TLS 1.2 a server that insists on a certificate does not finish without one.
            Err(error) => match ending_of(&error) {
                Some(ending) if !chain.is_empty() => ending,
                _ => return Err(unseen(&error)),
            },
        };
        Ok(Self {
            address,
            session: Session::of(&connection, Some(server.name().to_str().into_owned())),
            chain,
            key_proven: recording_verifier.key_is_proven(),
            request: request.noted(),
            ending,
        })
    }

    /// Verifies the presented chain as a client that dialled `server` would.
    pub fn verify(
        &self,
        server: &Server,
        trust: &Trust,
        now: OffsetDateTime,
    ) -> Result<VerifiedChain, Reason> {
        let chain = trust.verify(&self.chain, Role::Server, now)?;
        chain.fits_name(server.name())?;
        if self.key_proven {
            return Ok(chain);
        }
        let reason = Reason::new(Code::BadSignature).with_certificate(chain.certificate);
        Err(reason.with_detail("possession of the private key was not proven"))
    }
}

fn config(
    version: Version,
    recording_verifier: &Arc<RecordingVerifier>,
    request: &Arc<RecordingResolver>,
) -> Result<ClientConfig, rustls::Error> {
    let mut config = ClientConfig::builder_with_provider(Arc::clone(&PROVIDER))
        .with_protocol_versions(&[version.supported()])?
        .dangerous()
        .with_custom_certificate_verifier(Arc::clone(recording_verifier) as _)
        .with_client_cert_resolver(Arc::clone(request) as _);
    config.alpn_protocols = application_protocols();
    config.resumption = Resumption::disabled();
    Ok(config)
}

/// Waits for what a TLS 1.3 server has to say of our certificate after the handshake, and closes.
///
/// A server that is content says nothing, so after three times the handshake's own duration we
/// say goodbye (RFC 8446, section 6.1); whatever else it had to say comes before its own goodbye.
/// The wait comes first because our close_notify might otherwise reach a closed socket, whose reset
/// would destroy the alert.
fn hang_up(
    connection: &mut ClientConnection,
    wire: &mut Wire,
    handshake: Duration,
) -> ServerReaction {
    let patience = (handshake * 3).clamp(Duration::from_millis(250), Duration::from_secs(2));
    wire.limit(patience);
    match listen(connection, wire) {
        Err(error) if error.kind() == ErrorKind::TimedOut => {}
        Err(error) => return ending_of(&error).unwrap_or(ServerReaction::Cut),
        Ok(()) => return ServerReaction::Served,
    }
    wire.limit(LIMIT);
    connection.send_close_notify();
    let last = connection.write_tls(wire).and_then(|_| listen(connection, wire));
    match last.err().as_ref().and_then(ending_of) {
        Some(ServerReaction::Alert(alert)) => ServerReaction::Alert(alert),
        _ => ServerReaction::Served,
    }
}

/// Reads until the server says goodbye; data is thrown away.
fn listen(connection: &mut ClientConnection, wire: &mut Wire) -> Result<(), Error> {
    loop {
        if connection.read_tls(wire)? == 0 {
            return Err(ErrorKind::UnexpectedEof.into());
        }
        let state = connection.process_new_packets().map_err(Error::other)?;
        let data = u64::try_from(state.plaintext_bytes_to_read()).unwrap_or(u64::MAX);
        copy(&mut connection.reader().take(data), &mut sink())?;
        if state.peer_has_closed() {
            return Ok(());
        }
    }
}

/// How the server ended it; none where it was us, or time.
fn ending_of(error: &Error) -> Option<ServerReaction> {
    match error.get_ref().and_then(|cause| cause.downcast_ref::<rustls::Error>()) {
        Some(rustls::Error::AlertReceived(description)) => {
            Some(ServerReaction::Alert(Alert::from(*description)))
        }
        Some(_) => None,
        None => match error.kind() {
            ErrorKind::BrokenPipe
            | ErrorKind::ConnectionAborted
            | ErrorKind::ConnectionReset
            | ErrorKind::UnexpectedEof => Some(ServerReaction::Cut),
            _ => None,
        },
    }
}
