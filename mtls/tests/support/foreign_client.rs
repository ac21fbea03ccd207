//! A foreign client: plain rustls, without any code of this crate.

use std::io::{Error, ErrorKind, Result};
use std::net::SocketAddr;
use std::sync::Arc;

use authority::Leaf;
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::sign::{CertifiedKey, SigningKey, SingleCertAndKey};
use rustls::{ClientConfig, RootCertStore, SupportedProtocolVersion};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::{TestPki, within};

/// A foreign client's configuration.
pub(crate) struct ForeignClient(ClientConfig);

impl ForeignClient {
    /// A client that trusts the test authority, and presents `leaf`, if any.
    pub(crate) fn new(pki: &TestPki, leaf: Option<&Leaf>) -> Self {
        Self::speaking(pki, leaf, rustls::ALL_VERSIONS)
    }

    pub(crate) fn speaking(
        pki: &TestPki,
        leaf: Option<&Leaf>,
        versions: &[&'static SupportedProtocolVersion],
    ) -> Self {
        let mut roots = RootCertStore::empty();
        let root = CertificateDer::from(pki.authority.root().der().to_vec());
        roots.add(root).expect("our root must be one");
        let config = ClientConfig::builder_with_provider(aws_lc_rs::default_provider().into())
            .with_protocol_versions(versions)
            .expect("the versions must fit the provider")
            .with_root_certificates(roots);
        let config = match leaf {
            None => config.with_no_client_auth(),
            Some(leaf) => {
                let chain = leaf.chain_der().into_iter().map(CertificateDer::from).collect();
                let key = PrivateKeyDer::from_pem_slice(leaf.key_pem().as_bytes());
                let key = key.expect("our key must be one");
                config.with_client_auth_cert(chain, key).expect("key and leaf must fit")
            }
        };
        Self(config)
    }

    /// Presents this chain, and signs with this key, valid or not.
    pub(crate) fn presenting(
        pki: &TestPki,
        chain: Vec<CertificateDer<'static>>,
        key: Arc<dyn SigningKey>,
    ) -> Self {
        let mut foreign_client = Self::new(pki, None);
        let own = SingleCertAndKey::from(CertifiedKey::new(chain, key));
        foreign_client.0.client_auth_cert_resolver = Arc::new(own);
        foreign_client
    }

    /// The configuration, for a test that transfers the bytes itself.
    pub(crate) fn config(&self) -> &ClientConfig {
        &self.0
    }

    /// Offers these application protocols.
    pub(crate) fn offering(mut self, protocols: &[&str]) -> Self {
        self.0.alpn_protocols = protocols.iter().map(|name| name.as_bytes().to_vec()).collect();
        self
    }

    pub(crate) async fn connect(&self, address: SocketAddr) -> Result<TlsStream<TcpStream>> {
        self.connect_over(TcpStream::connect(address).await?).await
    }

    pub(crate) async fn connect_over(&self, tcp: TcpStream) -> Result<TlsStream<TcpStream>> {
        let name = ServerName::try_from("localhost").expect("it must be a name");
        TlsConnector::from(Arc::new(self.0.clone())).connect(name, tcp).await
    }

    /// The complete response to these bytes, until the server closes.
    pub(crate) async fn exchange(&self, address: SocketAddr, bytes: &[u8]) -> Result<Vec<u8>> {
        within("the end of an exchange", async {
            let mut tls = self.connect(address).await?;
            tls.write_all(bytes).await?;
            let mut answer = Vec::new();
            match tls.read_to_end(&mut answer).await {
                Err(error) if error.kind() != ErrorKind::UnexpectedEof => Err(error),
                _ => Ok(answer),
            }
        })
        .await
    }
}

/// The alert number in this error.
pub(crate) fn received_alert(error: &Error) -> Option<u8> {
    match error.get_ref()?.downcast_ref()? {
        rustls::Error::AlertReceived(description) => Some(u8::from(*description)),
        _ => None,
    }
}
