//! Addresses from a resolver, as they fail, come and go.

#![allow(clippy::unwrap_used, reason = "what fails in a helper fails the test")]

mod support;

use std::io::Error;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use axum::Router;
use axum::routing::get;
use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use mtls::Mtls;
use mtls::client::{Client, Resolver};

use self::support::{IdentityDirectory, TestPki, empty_list, eventually, files, within};

/// What the second lookup, and each later one, gives.
type Later = fn(SocketAddr) -> Result<Vec<SocketAddr>, Error>;

#[tokio::test(flavor = "multi_thread")]
async fn a_lookup_that_fails_or_gives_nothing_leaves_the_addresses_in_use() {
    let pki = TestPki::new();
    let address = serve(&pki, free(), "one");
    for later in [(|_| Err(Error::other("no resolver"))) as Later, |_| Ok(Vec::new())] {
        let lookups = Arc::<AtomicUsize>::default();
        let client = client(&pki, counted(&lookups, address, address, later));

        assert_eq!(ask(&client).await.unwrap(), "one");
        eventually("another lookup", || (lookups.load(Ordering::SeqCst) > 1).then_some(())).await;

        assert_eq!(ask(&client).await.unwrap(), "one");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_that_is_given_no_more_gets_no_new_request() {
    let pki = TestPki::new();
    let (one, two) = (serve(&pki, free(), "one"), serve(&pki, free(), "two"));
    let client = client(&pki, counted(&Arc::default(), one, two, |two| Ok(vec![two])));

    assert_eq!(ask(&client).await.unwrap(), "one");
    let began = Instant::now();
    while ask(&client).await.unwrap() == "one" {
        assert!(began.elapsed() < Duration::from_secs(9));
        tokio::time::sleep(Duration::from_millis(100)).await;
    }

    for _ in 0..20 {
        assert_eq!(ask(&client).await.unwrap(), "two");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_that_is_back_gets_a_request_as_soon_as_its_pause_is_over() {
    let pki = TestPki::new();
    let (up, back) = (serve(&pki, free(), "up"), free());
    let clients: Vec<_> = (0..8)
        .map(|_| client(&pki, Resolver::new(move || async move { Ok(vec![up, back]) })))
        .collect();
    for client in &clients {
        for _ in 0..2 {
            assert_eq!(ask(client).await.unwrap(), "up");
        }
    }

    serve(&pki, back, "back");
    let began = Instant::now();
    let mut waiting: Vec<_> = clients.iter().collect();
    while let Some(client) = waiting.last() {
        assert!(began.elapsed() < Duration::from_secs(7), "{} clients wait", waiting.len());
        if ask(client).await.unwrap() == "back" {
            waiting.pop();
        } else {
            waiting.rotate_right(1);
        }
    }
}

#[tokio::test]
async fn a_lookup_that_never_worked_is_the_reason_of_the_failure() {
    let pki = TestPki::new();
    let resolver = Resolver::new(|| async { Err(Error::other("no such name")) });

    let error = ask(&client(&pki, resolver)).await.unwrap_err();

    assert!(error.contains("no such name"), "{error}");
}

/// Gives one address at first, and another answer from the second lookup on.
fn counted(
    lookups: &Arc<AtomicUsize>,
    first: SocketAddr,
    other: SocketAddr,
    later: Later,
) -> Resolver {
    let lookups = Arc::clone(lookups);
    Resolver::new(move || {
        let is_first = lookups.fetch_add(1, Ordering::SeqCst) == 0;
        async move { if is_first { Ok(vec![first]) } else { later(other) } }
    })
}

fn client(pki: &TestPki, resolver: Resolver) -> Client<Full<Bytes>> {
    mtls(pki, &pki.client()).client().resolver(resolver).build().unwrap()
}

async fn ask(client: &Client<Full<Bytes>>) -> Result<String, String> {
    let response = within("a response", client.get("https://localhost/")).await;
    let response = response.map_err(|error| error.to_string())?;
    let body = response.into_body().collect().await.unwrap().to_bytes();
    Ok(String::from_utf8(body.to_vec()).unwrap())
}

/// A server that says its name.
fn serve(pki: &TestPki, address: SocketAddr, name: &'static str) -> SocketAddr {
    let listener = TcpListener::bind(address).unwrap();
    let app = Router::new().route("/", get(async move || name));
    tokio::spawn(mtls(pki, &pki.server()).serve(listener, app).into_future());
    address
}

fn mtls(pki: &TestPki, leaf: &authority::Leaf) -> Mtls {
    let directory = IdentityDirectory::with(&files(pki, leaf, &empty_list(pki, 1)));
    Mtls::from_directory(directory.path()).unwrap()
}

/// An address where nothing listens.
fn free() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
}
