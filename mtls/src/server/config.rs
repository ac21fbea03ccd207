//! The rustls configuration of one handshake as a server.

use std::sync::Arc;

use rustls::ServerConfig;
use rustls::server::NoServerSessionStorage;
use rustls::sign::SingleCertAndKey;

use crate::ClientCertificates;
use crate::credentials::Credentials;
use crate::pki::verifier::Verifier;
use crate::protocol::{PROVIDER, VERSIONS, application_protocols};

/// A configuration, and the verifier that will have the verdict on the client if it is asked for a
/// certificate.
///
/// No session is ever resumed: a resumed one would skip verification.
pub(crate) fn server_config(
    credentials: Arc<Credentials>,
    client_certificates: ClientCertificates,
) -> Result<(ServerConfig, Option<Arc<Verifier>>), rustls::Error> {
    let builder = ServerConfig::builder_with_provider(Arc::clone(&PROVIDER))
        .with_protocol_versions(&VERSIONS)?;
    let resolver = SingleCertAndKey::from(Arc::clone(credentials.identity.certified_key()));
    let verifier = match client_certificates {
        ClientCertificates::Off => None,
        ClientCertificates::Optional => Some(Arc::new(Verifier::optional(credentials))),
        ClientCertificates::Required => Some(Arc::new(Verifier::new(credentials, None))),
    };
    let builder = match &verifier {
        Some(verifier) => builder.with_client_cert_verifier(Arc::clone(verifier) as _),
        None => builder.with_no_client_auth(),
    };
    let mut config = builder.with_cert_resolver(Arc::new(resolver));
    config.alpn_protocols = application_protocols();
    config.send_tls13_tickets = 0;
    config.session_storage = Arc::new(NoServerSessionStorage {});
    Ok((config, verifier))
}
