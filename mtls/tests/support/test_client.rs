//! A client of this crate.

use std::sync::Arc;

use authority::Leaf;
use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Empty};
use hyper::body::Incoming;
use mtls::client::{Client, ConnectOptions, ExpectedServer, RequestError};
use mtls::connection::{Connection, Connections, InFlight};
use mtls::credentials::CredentialStore;
use mtls::event::Events;
use mtls::event::refusal::Refusal;
use mtls::limits::Limits;

use super::{TestPki, store, within};

/// A client of this crate, and its events.
pub(crate) struct TestClient {
    pub(crate) client: Client<Empty<Bytes>>,
    pub(crate) connections: Arc<Connections>,
    pub(crate) events: Arc<Events>,
}

impl TestClient {
    /// The good client.
    pub(crate) fn new(pki: &TestPki) -> Self {
        Self::presenting(&pki.client(), pki.roots())
    }

    /// A client that presents `leaf`, valid or not, and trusts `roots`.
    pub(crate) fn presenting(leaf: &Leaf, roots: &str) -> Self {
        Self::expecting(leaf, roots, ExpectedServer::default(), &Limits::default())
    }

    pub(crate) fn expecting(
        leaf: &Leaf,
        roots: &str,
        expected: ExpectedServer,
        limits: &Limits,
    ) -> Self {
        Self::of_store(store(leaf, roots), expected, limits)
    }

    /// A client with the identity and trust of a directory, which may change.
    pub(crate) fn of_store(
        store: Arc<CredentialStore>,
        expected: ExpectedServer,
        limits: &Limits,
    ) -> Self {
        let events = Events::new(0);
        let connections = Connections::new(Arc::clone(&events));
        let options = ConnectOptions::with(|options| options.expected = expected);
        let client = Client::new(store, options, limits, Arc::clone(&connections));
        Self { client, connections, events }
    }

    /// One `GET`, up to the head of its response.
    pub(crate) async fn get(
        &self,
        url: &str,
    ) -> Result<Response<InFlight<Incoming>>, RequestError> {
        let request = Request::get(url).body(Empty::new()).expect("the URL must be one");
        within("an answer", self.client.request(request)).await
    }

    /// One `GET`, and the connection that it used.
    pub(crate) async fn fetch(
        &self,
        url: &str,
    ) -> Result<(String, Option<Arc<Connection>>), RequestError> {
        let mut response = self.get(url).await?;
        let connection = response.extensions_mut().remove::<Arc<Connection>>();
        let body = within("a body", response.into_body().collect()).await;
        let bytes = body.expect("the answer must be whole").to_bytes();
        Ok((String::from_utf8_lossy(&bytes).into_owned(), connection))
    }

    /// The refusal that this `GET` must return.
    pub(crate) async fn refused(&self, url: &str) -> Refusal {
        match self.get(url).await {
            Err(RequestError::Refused { refusal, .. }) => *refusal,
            other => unreachable!("a refusal was expected, and there is {other:?}"),
        }
    }
}
