//! `Mtls` alone keeps the crate's promises: these tests start nothing else.

#![allow(clippy::unwrap_used, reason = "what fails in a helper fails the test")]

mod support;

use std::fs;
use std::net::{SocketAddr, TcpListener};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use authority::{Leaf, RevocationListRequest, RevocationReason, Usage};
use axum::Router;
use axum::routing::get;
use http::StatusCode;
use http_body_util::BodyExt;
use mtls::client::{ConnectOptions, Protocol, RequestError, Resolver};
use mtls::credentials::CredentialFiles;
use mtls::event::EventKind;
use mtls::event::refusal::Code;
use mtls::limits::Limits;
use mtls::{ClientCertificates, Mtls, MtlsError, Peer, Policy, SpiffeId};
use time::OffsetDateTime;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::client::TlsStream;

use self::support::{
    ForeignClient, IdentityDirectory, TestPki, empty_list, eventually, files, list, within,
};

/// Every kind of connection that a peer may hold open.
const PROTOCOLS: [&str; 3] = ["http/1.1", "h2", "raw"];

#[tokio::test]
async fn the_server_and_client_of_the_documentation_work() {
    let pki = TestPki::new();
    let (server, client) = (directory(&pki, &pki.server()), directory(&pki, &pki.client()));

    let mtls = Mtls::from_directory(server.path()).unwrap();
    let web: SpiffeId = CLIENT.parse().unwrap();
    let app = Router::new()
        .route("/", get(async |peer: Peer| format!("hello {}", peer.name())))
        .layer(mtls.authorize(Policy::allow(web)));
    let (listener, address) = listener();
    tokio::spawn(mtls.serve(listener, app).into_future());
    let mtls = Mtls::from_directory(client.path()).unwrap();
    let client = mtls.client().expect_server(support::ID.parse().unwrap()).build().unwrap();
    let response = client.get(&format!("https://localhost:{}/", address.port())).await.unwrap();

    let body = response.into_body().collect().await.unwrap().to_bytes();
    assert_eq!(body, format!("hello {CLIENT}"));
}

#[tokio::test]
async fn a_peer_that_the_policy_does_not_allow_gets_403_and_the_refusal_is_recorded() {
    let pki = TestPki::new();
    let (server, address) = serve(&directory(&pki, &pki.server()));
    let other = directory(&pki, &pki.issue(&authority::LeafRequest::new("other").dns("other")));
    let good = directory(&pki, &pki.client());

    let (ok, _) = fetch(&good, address).await.unwrap();
    let (status, body) = fetch(&other, address).await.unwrap();

    assert_eq!((ok, status), (StatusCode::OK, StatusCode::FORBIDDEN));
    let problem: serde_json::Value = serde_json::from_str(&body).unwrap();
    assert_eq!(problem["refusal"]["code"], "not-allowed");
    assert_eq!(problem["refusal"]["certificate"]["subject"]["CN"], "other");
    let refusal = server.events().newest().into_iter().find_map(|h| h.refusal.clone());
    assert_eq!(refusal.unwrap().code, Code::NotAllowed);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sink_receives_every_kind_of_event_and_ends_are_not_among_the_newest() {
    let pki = TestPki::new();
    let directory = directory(&pki, &pki.server());
    let received = Arc::<Mutex<Vec<(EventKind, Option<Code>)>>>::default();
    let sink = Arc::clone(&received);
    let limits = Limits::with(|limits| limits.header_timeout = Duration::from_millis(300));
    let builder = Mtls::builder().directory(directory.path()).limits(limits);
    let mtls = builder.event_sink(move |event| {
        let code = event.refusal.as_ref().map(|refusal| refusal.code);
        sink.lock().unwrap().push((event.kind, code));
    });
    let mtls = mtls.build().unwrap();
    let address = serve_by(&mtls);
    let end = OffsetDateTime::now_utc() + Duration::from_secs(2);
    let short = pki.issue(&TestPki::for_client().not_after(end));
    let good = pki.client();
    let [other, stranger] = ["other", "stranger"].map(authority::LeafRequest::new);
    let (other, stranger) = (pki.issue(&other), TestPki::new().issue(&stranger));
    let connect = async |leaf: &Leaf, bytes: &str| {
        let client = ForeignClient::new(&pki, Some(leaf)).offering(&["http/1.1"]);
        let mut tls = within("a handshake", client.connect(address)).await.unwrap();
        tls.write_all(bytes.as_bytes()).await.unwrap();
        tls
    };
    let get = "GET / HTTP/1.1\r\nhost: localhost\r\n\r\n";

    let mut open = Vec::new();
    for (leaf, bytes) in [(&short, get), (&good, get), (&other, get), (&good, "GET / HT")] {
        open.push(connect(leaf, bytes).await);
    }
    let refused = connect(&stranger, get).await.read_to_end(&mut Vec::new()).await;
    assert!(refused.is_err());
    for index in [0, 3] {
        let _ = within("an end", open[index].read_to_end(&mut Vec::new())).await;
    }
    let revoked =
        RevocationListRequest::new(2).revoke(good.serial(), RevocationReason::Unspecified);
    let list = list(&pki.authority, &revoked);
    directory.swap(&files(&pki, &pki.server(), &list));
    let _ = within("the cut", open[1].read_to_end(&mut Vec::new())).await;

    for event in [
        (EventKind::HandshakeAccepted, None),
        (EventKind::HandshakeRefused, Some(Code::UnknownIssuer)),
        (EventKind::RequestRefused, Some(Code::NotAllowed)),
        (EventKind::ClosedByLimit, Some(Code::HeaderTimeout)),
        (EventKind::Drained, Some(Code::Expired)),
        (EventKind::Cut, Some(Code::Revoked)),
    ] {
        eventually("an event", || received.lock().unwrap().contains(&event).then_some(())).await;
    }
    let newest = serde_json::to_value(mtls.events().newest()).unwrap();
    let mut kept: Vec<_> = newest.as_array().unwrap().iter().collect();
    kept.sort_by_key(|event| event["kind"].as_str().map(str::to_owned));
    kept.dedup_by_key(|event| event["kind"].as_str().map(str::to_owned));
    let kept: Vec<_> = kept.iter().map(|event| (&event["kind"], &event["result"])).collect();
    assert_eq!(
        serde_json::json!(kept),
        serde_json::json!([
            ["closed-by-limit", "refused"],
            ["handshake-accepted", "accepted"],
            ["handshake-refused", "refused"],
            ["request-refused", "refused"],
        ])
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn the_expected_server_stays_expected_whatever_is_chosen_after_it() {
    let pki = TestPki::new();
    let (_server, address) = serve(&directory(&pki, &pki.server()));
    let files = directory(&pki, &pki.client());
    let mtls = Mtls::from_directory(files.path()).unwrap();
    let url = format!("https://localhost:{}/", address.port());
    let another: SpiffeId = "spiffe://mtls-demo.local/ns/default/sa/another".parse().unwrap();
    let http1 = || ConnectOptions::with(|options| options.protocol = Protocol::Http1);
    let resolver = || Resolver::new(move || async move { Ok(vec![address]) });

    for expected in [support::ID.parse().unwrap(), another] {
        let wrong = expected.to_string() != support::ID;
        let builders = [
            mtls.client().expect_server(expected.clone()).options(http1()).resolver(resolver()),
            mtls.client().options(http1()).resolver(resolver()).expect_server(expected.clone()),
            mtls.client().resolver(resolver()).expect_server(expected.clone()).options(http1()),
        ];
        for builder in builders {
            let response = within("a response", builder.build().unwrap().get(&url)).await;
            match response {
                Ok(response) => assert!(!wrong && response.status() == StatusCode::OK),
                Err(RequestError::Refused { refusal, .. }) => {
                    assert!(wrong && refusal.code == Code::WrongName, "{refusal}");
                }
                Err(error) => panic!("{error}"),
            }
        }
    }
}

#[tokio::test]
async fn without_a_verified_peer_the_layer_and_the_extractor_respond_403() {
    let pki = TestPki::new();
    let directory = directory(&pki, &pki.server());
    let optional = ClientCertificates::Optional;
    let mtls = Mtls::builder().directory(directory.path()).client_certificates(optional);
    let mtls = mtls.build().unwrap();
    let authorized = mtls.authorize(Policy::allow(CLIENT.parse::<SpiffeId>().unwrap()));
    let app = Router::new()
        .route("/authorized", get("in").layer(authorized))
        .route("/extracted", get(async |peer: Peer| peer.name().to_owned()))
        .route("/open", get(async |peer: Option<Peer>| format!("{:?}", peer.is_some())));
    let (listener, address) = listener();
    tokio::spawn(mtls.serve(listener, app).into_future());
    let anonymous = ForeignClient::new(&pki, None).offering(&["http/1.1"]);

    let status = async |path: &str| {
        let head = format!("GET {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n");
        let answer = anonymous.exchange(address, head.as_bytes()).await.unwrap();
        String::from_utf8_lossy(&answer[9..12]).into_owned()
    };

    assert_eq!(status("/open").await, "200");
    assert_eq!(status("/extracted").await, "403");
    assert_eq!(status("/authorized").await, "403");
    let refusals = mtls.events().newest();
    assert!(refusals.iter().any(|event| {
        event.refusal.as_ref().is_some_and(|refusal| refusal.code == Code::NoCertificate)
    }));
}

#[tokio::test(flavor = "multi_thread")]
async fn replaced_files_are_in_force_within_a_second() {
    let pki = TestPki::new();
    let directory = directory(&pki, &pki.server());
    let (server, _) = serve(&directory);
    let renewed = pki.server();

    directory.swap(&files(&pki, &renewed, &empty_list(&pki, 2)));
    let began = Instant::now();
    eventually("the renewed certificate", || {
        let own = server.credentials().certificate.serial_number.clone();
        (own == renewed.serial().to_string()).then_some(())
    })
    .await;

    assert!(began.elapsed() < Duration::from_secs(1), "{:?}", began.elapsed());
}

#[tokio::test(flavor = "multi_thread")]
async fn files_at_paths_of_their_own_are_followed_each() {
    let pki = TestPki::new();
    let [own, trust, lists] = [(); 3].map(|()| tempfile::tempdir().unwrap());
    let (server, client) = (pki.server(), pki.client());
    let paths = CredentialFiles {
        certificate: own.path().join("server.pem"),
        key: own.path().join("server-key.pem"),
        roots: trust.path().join("roots.pem"),
        revocation_lists: lists.path().join("lists.pem"),
    };
    fs::write(&paths.certificate, server.chain_pem()).unwrap();
    fs::write(&paths.key, server.key_pem()).unwrap();
    fs::write(&paths.roots, pki.roots()).unwrap();
    let mtls = Mtls::builder().files(paths.clone()).build().unwrap();
    let address = serve_by(&mtls);
    let raw = serve_raw(&mtls);
    let mut open = connections(&pki, &client, address, raw).await;

    let renewed = pki.server();
    fs::write(&paths.certificate, renewed.chain_pem()).unwrap();
    fs::write(&paths.key, renewed.key_pem()).unwrap();
    eventually("the renewed certificate", || {
        let own = mtls.credentials().certificate.serial_number.clone();
        (own == renewed.serial().to_string()).then_some(())
    })
    .await;
    let revoked =
        RevocationListRequest::new(1).revoke(client.serial(), RevocationReason::Unspecified);
    let began = Instant::now();
    fs::write(&paths.revocation_lists, list(&pki.authority, &revoked).pem()).unwrap();
    for tls in &mut open {
        let _ = within("the cut", tls.read_to_end(&mut Vec::new())).await;
    }

    assert!(began.elapsed() < Duration::from_secs(1), "{:?}", began.elapsed());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_revoked_peer_is_cut_within_a_second_over_each_protocol() {
    let pki = TestPki::new();
    let directory = directory(&pki, &pki.server());
    let (server, address) = serve(&directory);
    let raw = serve_raw(&server);
    let (revoked, good) = (pki.client(), pki.client());
    let mut of_revoked = connections(&pki, &revoked, address, raw).await;
    let mut of_good = connections(&pki, &good, address, raw).await;

    let request = RevocationListRequest::new(2);
    let request = request.revoke(revoked.serial(), RevocationReason::KeyCompromise);
    directory.swap(&files(&pki, &pki.server(), &list(&pki.authority, &request)));
    let began = Instant::now();
    for tls in &mut of_revoked {
        let _ = within("the cut", tls.read_to_end(&mut Vec::new())).await;
    }

    assert!(began.elapsed() < Duration::from_secs(1), "{:?}", began.elapsed());
    let mut echo = [0; 4];
    of_good[2].write_all(b"ping").await.unwrap();
    within("an echo", of_good[2].read_exact(&mut echo)).await.unwrap();
    assert_eq!(&echo, b"ping");
    eventually("the revoked peer's connections to be gone", || {
        (server.connections().open().len() == PROTOCOLS.len()).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_is_closed_when_its_peer_certificate_expires_over_each_protocol() {
    let pki = TestPki::new();
    let (server, address) = serve(&directory(&pki, &pki.server()));
    let raw = serve_raw(&server);
    let end = OffsetDateTime::now_utc() + Duration::from_secs(2);
    let short = pki.issue(&TestPki::for_client().not_after(end));
    let mut of_short = connections(&pki, &short, address, raw).await;

    for tls in &mut of_short {
        let _ = within("the end", tls.read_to_end(&mut Vec::new())).await;
    }

    let late = OffsetDateTime::now_utc() - end;
    assert!(late.is_positive() && late < Duration::from_millis(2500), "{late}");
}

#[test]
fn outside_of_a_runtime_there_is_an_error_and_no_panic() {
    let pki = TestPki::new();

    let made = Mtls::from_directory(directory(&pki, &pki.server()).path());

    assert!(matches!(made, Err(MtlsError::NoRuntime)));
}

#[tokio::test]
async fn a_bad_directory_is_refused_with_all_its_problems() {
    let empty = tempfile::tempdir().unwrap();

    let made = Mtls::from_directory(empty.path());

    let text = made.unwrap_err().to_string();
    for file in ["tls.crt", "tls.key", "ca.crt"] {
        assert!(text.contains(file), "{text}");
    }
}

#[test]
fn the_tasks_end_with_the_last_connection_that_was_made_from_it() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let pki = TestPki::new();
    let directory = directory(&pki, &pki.server());
    runtime.block_on(async {
        let (server, address) = serve(&directory);
        let raw = serve_raw(&server);
        let test_client = ForeignClient::new(&pki, Some(&pki.client())).offering(&["http/1.1"]);
        let mut tls = test_client.connect(raw).await.unwrap();
        tls.write_all(b"ping").await.unwrap();
        within("an echo", tls.read_exact(&mut [0; 4])).await.unwrap();
        assert!(fetch(&place_of_client(&pki), address).await.is_ok());
        drop(tls);
    });

    let alive = || runtime.metrics().num_alive_tasks();
    runtime.block_on(eventually("the end of the servers' tasks", || {
        // Two accept loops run until the process ends, as intended; all other tasks end with their
        // owner.
        (alive() <= 2 + OWNED).then_some(())
    }));
}

#[tokio::test]
async fn a_dropped_mtls_leaves_no_task() {
    let pki = TestPki::new();
    let directory = directory(&pki, &pki.issue(&TestPki::for_server().usage(Usage::Both)));
    let before = tokio::runtime::Handle::current().metrics().num_alive_tasks();

    let mtls = Mtls::from_directory(directory.path()).unwrap();
    let acceptor = mtls.acceptor();
    let client = mtls.client().build().unwrap();
    drop(mtls);
    let with_owners = tokio::runtime::Handle::current().metrics().num_alive_tasks();
    drop((acceptor, client));

    assert!(with_owners > before);
    eventually("the tasks to end", || {
        let alive = tokio::runtime::Handle::current().metrics().num_alive_tasks();
        (alive == before).then_some(())
    })
    .await;
}

/// The tasks of one server: file reload, re-verification, expiry.
const OWNED: usize = 3;

const CLIENT: &str = "spiffe://mtls-demo.local/ns/default/sa/client-service";

fn directory(pki: &TestPki, leaf: &Leaf) -> IdentityDirectory {
    IdentityDirectory::with(&files(pki, leaf, &empty_list(pki, 1)))
}

fn place_of_client(pki: &TestPki) -> IdentityDirectory {
    directory(pki, &pki.client())
}

fn listener() -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    (listener, address)
}

/// An HTTP server that accepts the good client only.
fn serve(directory: &IdentityDirectory) -> (Mtls, SocketAddr) {
    let mtls = Mtls::from_directory(directory.path()).unwrap();
    let address = serve_by(&mtls);
    (mtls, address)
}

fn serve_by(mtls: &Mtls) -> SocketAddr {
    let policy = Policy::allow(CLIENT.parse::<SpiffeId>().unwrap());
    let app = Router::new().route("/", get("hello")).layer(mtls.authorize(policy));
    let (listener, address) = listener();
    tokio::spawn(mtls.serve(listener, app).into_future());
    address
}

/// A server that echoes bytes.
fn serve_raw(mtls: &Mtls) -> SocketAddr {
    let (listener, address) = listener();
    listener.set_nonblocking(true).unwrap();
    let listener = tokio::net::TcpListener::from_std(listener).unwrap();
    let acceptor = mtls.acceptor();
    tokio::spawn(async move {
        while let Ok((tcp, _)) = listener.accept().await {
            let acceptor = acceptor.clone();
            tokio::spawn(async move {
                if let Ok(stream) = acceptor.handshake(tcp).await {
                    let (mut read, mut write) = tokio::io::split(stream);
                    let _ = tokio::io::copy(&mut read, &mut write).await;
                }
            });
        }
    });
    address
}

/// One open connection of each protocol, each in use.
async fn connections(
    pki: &TestPki,
    leaf: &Leaf,
    address: SocketAddr,
    raw: SocketAddr,
) -> Vec<TlsStream<TcpStream>> {
    let mut open = Vec::new();
    for protocol in PROTOCOLS {
        let alpn = if protocol == "raw" { "http/1.1" } else { protocol };
        let at = if protocol == "raw" { raw } else { address };
        let test_client = ForeignClient::new(pki, Some(leaf)).offering(&[alpn]);
        let mut tls = within("a handshake", test_client.connect(at)).await.unwrap();
        let (greeting, answer): (&[u8], usize) = match protocol {
            "h2" => (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0", 9),
            "raw" => (b"ping", 4),
            _ => (b"GET / HTTP/1.1\r\nhost: localhost\r\n\r\n", 15),
        };
        tls.write_all(greeting).await.unwrap();
        within("an answer", tls.read_exact(&mut vec![0; answer])).await.unwrap();
        open.push(tls);
    }
    open
}

async fn fetch(
    directory: &IdentityDirectory,
    address: SocketAddr,
) -> Result<(StatusCode, String), RequestError> {
    let mtls = Mtls::from_directory(directory.path()).unwrap();
    let options = ConnectOptions::with(|options| options.protocol = Protocol::Any);
    let client = mtls.client().options(options).build().unwrap();
    let url = format!("https://localhost:{}/", address.port());
    let response = within("an answer", client.get(&url)).await?;
    let status = response.status();
    let body = response.into_body().collect().await.unwrap().to_bytes();
    Ok((status, String::from_utf8_lossy(&body).into_owned()))
}
