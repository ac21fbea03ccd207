//! A server of this crate, on its own port.

use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::Duration;

use authority::Leaf;
use axum::Router;
use axum::routing::get;
use mtls::ClientCertificates;
use mtls::connection::Connections;
use mtls::credentials::CredentialStore;
use mtls::event::refusal::Refusal;
use mtls::event::{Event, EventKind, Events};
use mtls::limits::Limits;
use mtls::server::Acceptor;

use super::{TestPki, eventually, store};

/// A server of this crate; it ends with the test's runtime.
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    pub(crate) connections: Arc<Connections>,
    pub(crate) events: Arc<Events>,
}

/// Limits that keep the tests short.
pub(crate) fn quick() -> Limits {
    let quick = Duration::from_millis(400);
    Limits::with(|limits| {
        limits.handshake_timeout = quick;
        limits.header_timeout = quick;
        limits.idle_timeout = quick;
    })
}

impl Server {
    /// The good server: `GET /` returns `hello`.
    pub(crate) fn open(pki: &TestPki) -> Self {
        Self::with_limits(pki, Limits::default())
    }

    pub(crate) fn with_limits(pki: &TestPki, limits: Limits) -> Self {
        Self::serving(pki, limits, hello())
    }

    pub(crate) fn serving(pki: &TestPki, limits: Limits, router: Router) -> Self {
        Self::presenting(&pki.server(), pki.roots(), limits, router)
    }

    /// A server that presents `leaf`, valid or not, and trusts `roots`.
    pub(crate) fn presenting(leaf: &Leaf, roots: &str, limits: Limits, router: Router) -> Self {
        Self::of_store(store(leaf, roots), limits, router)
    }

    /// A server with the identity and trust of a directory, which may change.
    pub(crate) fn of_store(store: Arc<CredentialStore>, limits: Limits, router: Router) -> Self {
        let events = Events::new(0);
        let connections = Connections::new(Arc::clone(&events));
        let required = ClientCertificates::Required;
        let acceptor = Acceptor::new(store, required, limits, Arc::clone(&connections));

        let listener = TcpListener::bind("127.0.0.1:0").expect("a port must be free");
        listener.set_nonblocking(true).expect("it must be possible");
        let address = listener.local_addr().expect("it must be bound");
        let server = axum_server::from_tcp(listener).expect("it must listen").acceptor(acceptor);
        tokio::spawn(server.serve(router.into_make_service()));
        Self { address, connections, events }
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("https://localhost:{}{path}", self.address.port())
    }

    /// The newest handshake, once there are `count`.
    pub(crate) async fn newest_of(&self, count: usize) -> Arc<Event> {
        eventually("the server's record of a handshake", || {
            let all = self.events.newest();
            (all.len() >= count).then(|| Arc::clone(&all[0]))
        })
        .await
    }

    /// The first refusal, once there is one.
    pub(crate) async fn refusal(&self) -> Refusal {
        self.refusals(1).await.remove(0)
    }

    /// All refusals, newest first, once there are `count`.
    pub(crate) async fn refusals(&self, count: usize) -> Vec<Refusal> {
        eventually("the server's record of a refusal", || {
            let all = self.events.newest();
            let refusals: Vec<_> = all.iter().filter_map(|event| event.refusal.clone()).collect();
            (refusals.len() >= count).then_some(refusals)
        })
        .await
    }

    /// Waits until this many connections are open.
    pub(crate) async fn admits(&self, count: usize) {
        eventually("the number of open connections", || {
            (self.connections.admitted() == count).then_some(())
        })
        .await;
    }

    /// How many were accepted.
    pub(crate) fn accepted(&self) -> usize {
        let accepted = |event: &&Arc<Event>| event.kind == EventKind::HandshakeAccepted;
        self.events.newest().iter().filter(accepted).count()
    }
}

pub(crate) fn hello() -> Router {
    Router::new().route("/", get(|| async { "hello" }))
}
