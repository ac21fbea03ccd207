//! Rotation under load: both ends get new certificates repeatedly, and finally a new root,
//! without a failed request.

#![allow(clippy::unwrap_used, reason = "what fails in a helper fails the test")]

mod support;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use authority::Leaf;
use axum::routing::get;
use axum::{Extension, Router};
use mtls::client::ExpectedServer;
use mtls::credentials::CredentialStore;
use mtls::limits::Limits;
use mtls::peer::Peer;
use mtls::pki::role::Role;

use self::support::{
    Files, IdentityDirectory, Server, TestClient, TestPki, empty_list, eventually, files,
};

const ROTATIONS: usize = 20;

/// The total, of both kinds of client.
const REQUESTS: u64 = 20_000;

#[tokio::test(flavor = "multi_thread")]
async fn twenty_rotations_and_a_rollover_under_load_fail_no_request() {
    let (old, new) = (TestPki::new(), TestPki::new());
    let server_place = IdentityDirectory::with(&of(&old, &old.server(), &[&old]));
    let client_place = IdentityDirectory::with(&of(&old, &old.client(), &[&old]));
    let server =
        Server::of_store(server_place.store(Role::Server), Limits::default(), who_is_asking());
    let client_live = client_place.store(Role::Client);
    let load = Load::start(&client_live, server.url("/"));

    for _ in 0..ROTATIONS {
        let (served, shown) = (old.server(), old.client());
        server_place.rename(&of(&old, &served, &[&old]));
        load.sees_server(&served).await;
        client_place.swap(&of(&old, &shown, &[&old]));
        load.is_seen_as(&shown).await;
    }
    // The rollover: both roots everywhere, then new leaves, then the old root is removed.
    let (served, shown) = (old.server(), old.client());
    server_place.rename(&of(&old, &served, &[&old, &new]));
    load.sees_server(&served).await;
    client_place.swap(&of(&old, &shown, &[&old, &new]));
    load.is_seen_as(&shown).await;
    let (served, shown) = (new.server(), new.client());
    server_place.rename(&of(&new, &served, &[&old, &new]));
    load.sees_server(&served).await;
    client_place.swap(&of(&new, &shown, &[&old, &new]));
    load.is_seen_as(&shown).await;
    let (served, shown) = (new.server(), new.client());
    server_place.rename(&of(&new, &served, &[&new]));
    load.sees_server(&served).await;
    client_place.swap(&of(&new, &shown, &[&new]));
    load.is_seen_as(&shown).await;

    load.answers(REQUESTS).await;
    assert_eq!(load.stop().await, Vec::<String>::new());
}

/// Two hundred kinds of damage, in sequence, under load.
#[tokio::test(flavor = "multi_thread")]
async fn broken_sets_under_load_fail_no_request_and_good_sets_are_loaded() {
    let pki = TestPki::new();
    let other = TestPki::new();
    let good = of(&pki, &pki.server(), &[&pki]);
    let directory = IdentityDirectory::with(&good);
    let client_place = IdentityDirectory::with(&of(&pki, &pki.client(), &[&pki]));
    let server =
        Server::of_store(directory.store(Role::Server), Limits::default(), who_is_asking());
    let load = Load::start(&client_place.store(Role::Client), server.url("/"));

    let mut pace = tokio::time::interval(Duration::from_millis(20));
    for number in 0..200 {
        pace.tick().await;
        directory.overwrite(&broken(number, &pki, &other, &good));
        if number % 8 == 7 {
            let served = pki.server();
            directory.overwrite(&of(&pki, &served, &[&pki]));
            load.sees_server(&served).await;
        }
    }

    let served = pki.server();
    directory.overwrite(&of(&pki, &served, &[&pki]));
    load.sees_server(&served).await;
    assert_eq!(load.stop().await, Vec::<String>::new());
}

/// The files with one kind of damage, or two.
fn broken(index: usize, pki: &TestPki, other: &TestPki, good: &Files) -> Files {
    let mut set = good.clone();
    let (file, seed) = (index / 8 % 4, index / 32 + 1);
    let foreign_client = of(other, &other.server(), &[other]);
    let fresh = of(pki, &pki.server(), &[pki]);
    match index % 8 {
        0 => set[file].1.truncate(good[file].1.len() * seed / 8),
        1 => set[file].1.clear(),
        2 => set[file].1.clone_from(&good[(file + seed) % 4].1),
        3 => set[file].1.clone_from(&foreign_client[file].1),
        4 => set[1].1.clone_from(&fresh[1].1),
        5 => set[file].1 = (0..=255).cycle().take(97 * seed).collect(),
        6 => set[3].1 = empty_list(pki, 0).pem().as_bytes().to_vec(),
        _ => {
            let middle = set[file].1.len() / 2 + seed;
            set[file].1[middle] ^= 0x15;
            set[0].1.clone_from(&fresh[0].1);
        }
    }
    set
}

/// The files of a leaf that `pki` issued, trusting `roots`, each with its list.
fn of(pki: &TestPki, leaf: &Leaf, roots: &[&TestPki]) -> Files {
    let mut set = files(pki, leaf, &empty_list(pki, 1));
    set[2].1 = roots.iter().map(|root| root.roots()).collect::<String>().into_bytes();
    let lists = roots.iter().map(|root| empty_list(root, 1).pem().to_owned());
    set[3].1 = lists.collect::<String>().into_bytes();
    set
}

/// Clients of both kinds, which send requests until stopped: on kept connections, and on
/// a new one for each request.
struct Load {
    answered: Arc<AtomicU64>,
    server: Arc<std::sync::Mutex<[String; 2]>>,
    seen: Arc<std::sync::Mutex<[String; 2]>>,
    stop: Arc<AtomicBool>,
    tasks: Vec<tokio::task::JoinHandle<Vec<String>>>,
}

impl Load {
    fn start(store: &Arc<CredentialStore>, url: String) -> Self {
        let mut load = Self {
            answered: Arc::default(),
            server: Arc::default(),
            seen: Arc::default(),
            stop: Arc::default(),
            tasks: Vec::new(),
        };
        for _ in 0..4 {
            for kept in [true, false] {
                let store = Arc::clone(store);
                load.tasks.push(tokio::spawn(load.asker(store, url.clone(), kept)));
            }
        }
        load
    }

    fn asker(
        &self,
        store: Arc<CredentialStore>,
        url: String,
        kept: bool,
    ) -> impl Future<Output = Vec<String>> + use<> {
        let (answered, stop) = (Arc::clone(&self.answered), Arc::clone(&self.stop));
        let (server, seen) = (Arc::clone(&self.server), Arc::clone(&self.seen));
        async move {
            let test_client = || {
                TestClient::of_store(
                    Arc::clone(&store),
                    ExpectedServer::default(),
                    &Limits::default(),
                )
            };
            let mut current = test_client();
            let mut failures = Vec::new();
            while !stop.load(Ordering::Relaxed) {
                match current.fetch(&url).await {
                    Ok((serial, connection)) => {
                        let connection = connection.unwrap();
                        let shown = connection.peer().unwrap().certificate().serial_number.clone();
                        server.lock().unwrap()[usize::from(kept)] = shown;
                        seen.lock().unwrap()[usize::from(kept)] = serial;
                        answered.fetch_add(1, Ordering::Relaxed);
                    }
                    Err(error) => failures.push(error.to_string()),
                }
                if !kept {
                    current = test_client();
                }
            }
            failures
        }
    }

    /// Both kinds of client see the server present this leaf, within a second.
    async fn sees_server(&self, leaf: &Leaf) {
        Self::within_a_second(&self.server, leaf, "the server's new certificate").await;
    }

    /// The server sees both kinds of client present this leaf, within a second.
    async fn is_seen_as(&self, leaf: &Leaf) {
        Self::within_a_second(&self.seen, leaf, "the client's new certificate").await;
    }

    async fn within_a_second(serials: &std::sync::Mutex<[String; 2]>, leaf: &Leaf, what: &str) {
        let (serial, began) = (leaf.serial().to_string(), Instant::now());
        // Kept connections are not closed for a new certificate of the other end.
        let new_connections = || serials.lock().unwrap()[0] == serial;
        eventually(what, || new_connections().then_some(())).await;
        assert!(began.elapsed() < Duration::from_secs(1), "{what}: {:?}", began.elapsed());
    }

    async fn answers(&self, count: u64) {
        let deadline = Instant::now() + Duration::from_secs(120);
        while self.answered.load(Ordering::Relaxed) < count {
            assert!(Instant::now() < deadline, "{} answers", self.answered.load(Ordering::Relaxed));
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// The failures.
    async fn stop(self) -> Vec<String> {
        self.stop.store(true, Ordering::Relaxed);
        let mut failures = Vec::new();
        for task in self.tasks {
            failures.extend(task.await.unwrap());
        }
        failures
    }
}

/// `GET /` returns the serial number of the client.
fn who_is_asking() -> Router {
    Router::new().route(
        "/",
        get(|Extension(peer): Extension<Peer>| async move {
            peer.certificate().serial_number.clone()
        }),
    )
}
