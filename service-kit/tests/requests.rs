//! Limits of requests: one connection holds a tenth of them, and leaves the rest to
//! the others.

#![allow(clippy::unwrap_used, reason = "what fails in a helper fails the test")]

use std::fs;
use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use authority::{Authority, AuthorityRequest, LeafRequest, Usage};
use axum::Router;
use axum::body::Body;
use axum::routing::get;
use http::Request;
use mtls::ClientCertificates;
use mtls::client::{Client, ConnectOptions, Protocol};
use mtls::connection::Connections;
use mtls::credentials::CredentialStore;
use mtls::event::Events;
use mtls::limits::Limits;
use mtls::pki::role::Role;
use mtls::pki::trust::Revocation;
use mtls::server::Acceptor;
use service_kit::process::Shutdown;
use service_kit::requests::observed;
use service_kit::server::Server;
use service_kit::settings::ServiceLimits;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_connection_holds_a_tenth_of_the_requests_in_flight() {
    let directory = tempfile::tempdir().unwrap();
    let (running, go_on) = (Arc::<AtomicUsize>::default(), Arc::new(Semaphore::new(0)));
    let (count, waits) = (Arc::clone(&running), Arc::clone(&go_on));
    let handler = move || async move {
        count.fetch_add(1, Ordering::SeqCst);
        let _permit = waits.acquire().await.unwrap();
        "done"
    };
    let address = serve(directory.path(), Router::new().route("/", get(handler)));

    let mut requests = JoinSet::new();
    for callers in 1..=10 {
        let client = Arc::new(client(directory.path(), address));
        for _ in 0..20 {
            let client = Arc::clone(&client);
            requests.spawn(async move { ask(&client).await });
        }
        let deadline = Instant::now() + Duration::from_secs(10);
        while running.load(Ordering::SeqCst) < callers * 2 {
            assert!(Instant::now() < deadline, "{callers}: {running:?}");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
    let one_more = ask(&client(directory.path(), address)).await;
    go_on.add_permits(1000);

    assert_eq!(one_more, Some(503));
    let statuses = requests.join_all().await;
    let answered: Vec<u16> = statuses.into_iter().flatten().collect();
    assert!(answered.len() >= 20 && answered.iter().all(|status| *status == 200), "{answered:?}");
}

/// None where the stream was refused, as one is that was sent before the limit was known.
async fn ask(client: &Client<Body>) -> Option<u16> {
    let request = Request::get("https://localhost/").body(Body::empty()).unwrap();
    Some(client.request(request).await.ok()?.status().as_u16())
}

/// A service of twenty requests, at an address of its own.
fn serve(directory: &Path, routes: Router) -> SocketAddr {
    let authority = Authority::generate(&AuthorityRequest::default()).unwrap();
    let leaf = LeafRequest::new("service").dns("localhost").usage(Usage::Both);
    let leaf = authority.issue(&leaf).unwrap();
    fs::write(directory.join("tls.crt"), leaf.chain_pem()).unwrap();
    fs::write(directory.join("tls.key"), leaf.key_pem()).unwrap();
    fs::write(directory.join("ca.crt"), authority.root().pem()).unwrap();
    let limits = ServiceLimits {
        connection: Limits::default(),
        drain_delay: Duration::ZERO,
        drain_timeout: Duration::from_secs(1),
        log_refusals_per_second: 0,
        max_body_bytes: 0,
        max_requests: 20,
    };
    let acceptor = Acceptor::new(
        store(directory, Role::Server),
        ClientCertificates::Required,
        limits.connection.clone(),
        Connections::new(Events::new(0)),
    );
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let address = listener.local_addr().unwrap();
    let (_sender, shutdown) = Shutdown::channel();
    let routes = observed(routes, &limits, shutdown.clone());
    let server = Server { acceptor, limits, listener, name: "service", shutdown };
    tokio::spawn(server.serve(routes));
    address
}

fn client(directory: &Path, address: SocketAddr) -> Client<Body> {
    let dial = Some(address.to_string().parse().unwrap());
    let options = ConnectOptions::with(|options| {
        (options.dial, options.protocol) = (dial, Protocol::Http2);
    });
    let store = store(directory, Role::Client);
    Client::new(store, options, &Limits::default(), Connections::new(Events::new(0)))
}

fn store(directory: &Path, role: Role) -> Arc<CredentialStore> {
    Arc::new(CredentialStore::load(directory.to_owned(), &[role], Revocation::Off).unwrap())
}
