//! The rustls configuration of one handshake as a client.

use std::sync::Arc;

use rustls::ClientConfig;
use rustls::client::Resumption;

use super::Protocol;
use crate::credentials::Credentials;
use crate::pki::spiffe::SpiffeId;
use crate::pki::verifier::Verifier;
use crate::protocol::{PROVIDER, VERSIONS, application_protocols};

/// A configuration, and the verifier that will have the verdict on the server.
///
/// No session is ever resumed: a resumed one would skip verification.
pub(crate) fn client_config(
    credentials: Arc<Credentials>,
    spiffe_id: Option<SpiffeId>,
    protocol: Protocol,
) -> Result<(ClientConfig, Arc<Verifier>), rustls::Error> {
    let verifier = Arc::new(Verifier::new(credentials, spiffe_id));
    let mut config = ClientConfig::builder_with_provider(Arc::clone(&PROVIDER))
        .with_protocol_versions(&VERSIONS)?
        .dangerous()
        .with_custom_certificate_verifier(Arc::clone(&verifier) as _)
        .with_client_cert_resolver(Arc::clone(&verifier) as _);
    config.alpn_protocols = match protocol {
        Protocol::Any => application_protocols(),
        Protocol::Http1 => vec![b"http/1.1".to_vec()],
        Protocol::Http2 => vec![b"h2".to_vec()],
    };
    config.resumption = Resumption::disabled();
    Ok((config, verifier))
}
