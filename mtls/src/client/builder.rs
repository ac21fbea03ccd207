//! What can be chosen of a client.

use std::sync::Arc;

use bytes::Bytes;
use http_body::Body;
use http_body_util::Full;
use thiserror::Error;
use time::OffsetDateTime;

use super::{Client, ConnectOptions, Resolver};
use crate::connection::Connections;
use crate::credentials::CredentialStore;
use crate::event::refusal::Reason;
use crate::limits::Limits;
use crate::pki::role::Role;
use crate::pki::spiffe::SpiffeId;

/// Choices for a client; made by [`Mtls::client`](crate::Mtls::client).
#[derive(Debug)]
#[must_use = "there is no client until `build` is called"]
pub struct Builder {
    connections: Arc<Connections>,
    limits: Limits,
    options: ConnectOptions,
    store: Arc<CredentialStore>,
}

/// Servers would refuse this identity, so there is no client.
#[derive(Debug, Error)]
#[error("the identity is not fit for a client: {0}")]
pub struct UnfitIdentity(Reason);

impl Builder {
    pub(crate) fn new(
        store: Arc<CredentialStore>,
        limits: Limits,
        connections: Arc<Connections>,
    ) -> Self {
        Self { connections, limits, options: ConnectOptions::default(), store }
    }

    /// The SPIFFE ID that the server's certificate must contain, besides the name in the URL.
    pub fn expect_server(mut self, spiffe_id: SpiffeId) -> Self {
        self.options.expected.spiffe_id = Some(spiffe_id);
        self
    }

    /// How servers are reached: the address, the protocol, the connect timeout. In whatever order
    /// the calls come, the server that [`Builder::expect_server`] names stays expected, and the
    /// resolver in use, unless these options name others.
    pub fn options(self, mut options: ConnectOptions) -> Self {
        options.expected.spiffe_id = options.expected.spiffe_id.or(self.options.expected.spiffe_id);
        options.resolver = options.resolver.or(self.options.resolver);
        Self { options, ..self }
    }

    /// Where addresses come from, if not from the host in the URL: each address has connections of
    /// its own, and requests are sent to them by turns. The name in the URL is verified as always.
    pub fn resolver(mut self, resolver: Resolver) -> Self {
        self.options.resolver = Some(resolver);
        self
    }

    /// A client whose request bodies are bytes in memory.
    ///
    /// # Errors
    ///
    /// By its own trust, the identity is not fit for a client.
    pub fn build(self) -> Result<Client<Full<Bytes>>, UnfitIdentity> {
        self.build_for()
    }

    /// A client whose request bodies are of another kind, such as streams.
    ///
    /// # Errors
    ///
    /// As [`Builder::build`].
    pub fn build_for<B>(self) -> Result<Client<B>, UnfitIdentity>
    where
        B: Body + Send + Unpin + 'static,
        B::Data: Send,
        B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        let own = self.store.current();
        own.trust
            .verify(own.identity.chain(), Role::Client, OffsetDateTime::now_utc())
            .map_err(UnfitIdentity)?;
        Ok(Client::new(self.store, self.options, &self.limits, self.connections))
    }
}
