//! The TLS configuration of the load generator, and what a connection negotiated.

use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, Result};
use rustls::client::{Resumption, WantsClientCert};
use rustls::crypto::{CryptoProvider, SupportedKxGroup, aws_lc_rs};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, ClientConnection, ConfigBuilder, RootCertStore};
use serde::{Deserialize, Serialize};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::pki::Pki;

/// The key exchange that the load generator offers; it offers no other.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum KeyExchange {
    /// The elliptic curve alone.
    X25519,
    /// The curve with a key encapsulation that resists a quantum computer.
    X25519MlKem768,
}

impl KeyExchange {
    /// The name of the group, as IANA, nginx and Envoy write it.
    pub fn name(self) -> &'static str {
        match self {
            Self::X25519 => "X25519",
            Self::X25519MlKem768 => "X25519MLKEM768",
        }
    }

    fn group(self) -> &'static dyn SupportedKxGroup {
        match self {
            Self::X25519 => aws_lc_rs::kx_group::X25519,
            Self::X25519MlKem768 => aws_lc_rs::kx_group::X25519MLKEM768,
        }
    }
}

/// The protocol that the load generator offers by ALPN; it offers no other.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Protocol {
    /// HTTP/1.1.
    Http1,
    /// HTTP/2.
    Http2,
}

impl Protocol {
    /// Its name in ALPN.
    pub fn alpn(self) -> &'static str {
        match self {
            Self::Http1 => "http/1.1",
            Self::Http2 => "h2",
        }
    }
}

/// What a connection negotiated.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Negotiated {
    /// The protocol chosen by ALPN; empty without one.
    pub alpn: String,
    /// The cipher suite.
    pub cipher_suite: String,
    /// The group of the key exchange.
    pub key_exchange: String,
    /// The version of TLS.
    pub version: String,
}

/// A server, and how to connect to it: TLS 1.3, TLS_AES_256_GCM_SHA384, no resumption.
#[derive(Clone, Debug)]
pub struct Target {
    /// Where the server listens.
    pub address: SocketAddr,
    /// The configuration of each connection.
    pub tls: Arc<ClientConfig>,
}

impl Target {
    /// A server on loopback, to which an identity is shown.
    ///
    /// # Errors
    ///
    /// The identity cannot be read.
    pub fn new(
        address: SocketAddr,
        identity: &Path,
        (key_exchange, protocol): (KeyExchange, Protocol),
    ) -> Result<Self> {
        let tls = Arc::new(configuration(identity, key_exchange, protocol)?);
        Ok(Self { address, tls })
    }

    /// A server, to which no certificate is shown.
    ///
    /// # Errors
    ///
    /// The roots cannot be read.
    pub fn anonymous(address: SocketAddr, pki: &Pki, key_exchange: KeyExchange) -> Result<Self> {
        let (_, _, roots) = read_identity(&pki.identity(Pki::CLIENT))?;
        let mut tls = builder(key_exchange, roots)?.with_no_client_auth();
        tls.alpn_protocols = vec![Protocol::Http1.alpn().as_bytes().to_vec()];
        Ok(Self { address, tls: Arc::new(tls) })
    }

    /// Connects, and shakes hands.
    ///
    /// # Errors
    ///
    /// Either fails.
    pub async fn connect(&self) -> Result<TlsStream<TcpStream>> {
        let socket = TcpStream::connect(self.address).await.context("cannot connect")?;
        socket.set_nodelay(true)?;
        let connector = TlsConnector::from(Arc::clone(&self.tls));
        connector.connect(server_name()?, socket).await.context("the handshake failed")
    }
}

impl Negotiated {
    /// What an open connection negotiated.
    pub fn by(connection: &ClientConnection) -> Self {
        let text = |name: Option<String>| name.unwrap_or_default();
        let alpn = connection.alpn_protocol();
        Self {
            alpn: text(alpn.map(|name| String::from_utf8_lossy(name).into_owned())),
            cipher_suite: text(
                connection.negotiated_cipher_suite().map(|suite| format!("{:?}", suite.suite())),
            ),
            key_exchange: text(
                connection.negotiated_key_exchange_group().map(|g| format!("{:?}", g.name())),
            ),
            version: text(connection.protocol_version().map(|version| format!("{version:?}"))),
        }
    }
}

/// The name that every server's certificate has.
///
/// # Errors
///
/// None: it is a valid name.
pub fn server_name() -> Result<ServerName<'static>> {
    Ok(ServerName::try_from("localhost")?)
}

/// The provider with one suite and one group: every server does the same cryptography.
pub fn provider(key_exchange: KeyExchange) -> Arc<CryptoProvider> {
    Arc::new(CryptoProvider {
        cipher_suites: vec![aws_lc_rs::cipher_suite::TLS13_AES_256_GCM_SHA384],
        kx_groups: vec![key_exchange.group()],
        ..aws_lc_rs::default_provider()
    })
}

/// The chain, the key and the trusted roots in the directory of an identity.
///
/// # Errors
///
/// One of its files cannot be read.
pub fn read_identity(
    path: &Path,
) -> Result<(Vec<CertificateDer<'static>>, PrivateKeyDer<'static>, RootCertStore)> {
    let read = |name: &str| {
        let file = path.join(name);
        fs::read(&file).with_context(|| format!("cannot read {}", file.display()))
    };
    let chain = CertificateDer::pem_slice_iter(&read("tls.crt")?).collect::<Result<_, _>>()?;
    let key = PrivateKeyDer::from_pem_slice(&read("tls.key")?)?;
    let mut roots = RootCertStore::empty();
    for root in CertificateDer::pem_slice_iter(&read("ca.crt")?) {
        roots.add(root?)?;
    }
    Ok((chain, key, roots))
}

/// The configuration of a client that shows an identity.
///
/// # Errors
///
/// The identity cannot be read.
pub fn configuration(
    identity: &Path,
    key_exchange: KeyExchange,
    protocol: Protocol,
) -> Result<ClientConfig> {
    let (chain, key, roots) = read_identity(identity)?;
    let mut configuration = builder(key_exchange, roots)?.with_client_auth_cert(chain, key)?;
    configuration.resumption = Resumption::disabled();
    configuration.alpn_protocols = vec![protocol.alpn().as_bytes().to_vec()];
    Ok(configuration)
}

fn builder(
    key_exchange: KeyExchange,
    roots: RootCertStore,
) -> Result<ConfigBuilder<ClientConfig, WantsClientCert>> {
    Ok(ClientConfig::builder_with_provider(provider(key_exchange))
        .with_protocol_versions(&[&rustls::version::TLS13])?
        .with_root_certificates(roots))
}
