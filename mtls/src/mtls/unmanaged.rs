//! TLS configurations for a stack of one's own.

use crate::Mtls;
#[cfg(feature = "client")]
use crate::SpiffeId;
#[cfg(feature = "client")]
use crate::client::{Protocol, client_config};
#[cfg(feature = "server")]
use crate::server::server_config;

impl Mtls {
    /// A rustls configuration with the credentials in force, for one handshake as a server.
    ///
    /// The handshake is verified as by [`Mtls::acceptor`], without sessions that could be resumed.
    /// Everything after it is the caller's to do, and nothing here reminds of it:
    ///
    /// - ask for a new configuration for each handshake: this one keeps the certificate, the roots
    ///   and the revocation lists of now, whatever becomes of the files;
    /// - end the connection when the peer's certificate ends or is revoked, or its root is removed:
    ///   it is not among [`Mtls::connections`];
    /// - limit the time, the bytes and the number of handshakes and connections;
    /// - after an error, send the alert and read for a moment before closing, or the reset destroys
    ///   the alert; and record the refusal: [`Mtls::events`] does not learn of it.
    ///
    /// # Errors
    ///
    /// rustls refuses the protocol versions or the provider.
    #[cfg(feature = "server")]
    pub fn unmanaged_server_config(&self) -> Result<rustls::ServerConfig, rustls::Error> {
        let client_certificates = self.inner.client_certificates;
        server_config(self.credentials(), client_certificates).map(|(config, _)| config)
    }

    /// A rustls configuration with the credentials in force, for one handshake as a client.
    ///
    /// The server's name, and its SPIFFE ID if one is given, are verified as by [`Mtls::client`].
    /// Everything after the handshake is the caller's to do, as
    /// [`Mtls::unmanaged_server_config`] lists it.
    ///
    /// # Errors
    ///
    /// rustls refuses the protocol versions or the provider.
    #[cfg(feature = "client")]
    pub fn unmanaged_client_config(
        &self,
        expected_server: Option<SpiffeId>,
    ) -> Result<rustls::ClientConfig, rustls::Error> {
        client_config(self.credentials(), expected_server, Protocol::Any).map(|(config, _)| config)
    }
}
