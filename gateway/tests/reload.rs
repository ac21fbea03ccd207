//! The gateway's file changes while it serves: nothing that is still allowed is lost, and nothing
//! that is no longer allowed goes on.

#![allow(clippy::unwrap_used, reason = "what fails in a helper fails the test")]

mod support;

use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use serde_json::Value;
use support::{
    End, Gateway, PLAIN, TestClient, TestPki, Upstream, Visit, eventually, plain_route, within,
};
use tokio::sync::Notify;

const GET: &str = "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fifty_changes_under_load_lose_no_request() {
    let (one, other) = (Upstream::good().await, Upstream::good().await);
    let file = |upstream: &Upstream| format!("{PLAIN}{}", plain_route(&[upstream]));
    let gateway = Gateway::start(&file(&one)).await;
    let stop = Arc::<AtomicBool>::default();
    let mut clients = Vec::new();
    for _ in 0..100 {
        let (listener, stop) = (gateway.address("plain"), Arc::clone(&stop));
        clients.push(tokio::spawn(async move {
            let mut client = TestClient::to(listener).await;
            let mut answered = 0;
            while !stop.load(Ordering::Relaxed) {
                client.send(GET).await;
                assert_eq!(client.answer().await.status(), 200);
                answered += 1;
            }
            answered
        }));
    }

    // Kubernetes' way needs links in place of the file.
    let data = gateway.path().join("..0");
    for round in 0..50_usize {
        let before = gateway.reloads();
        let text = file([&other, &one][round % 2]);
        match round % 3 {
            0 => {
                let _ = fs::remove_file(gateway.file());
                gateway.rewrite(&text);
            }
            1 => {
                fs::write(gateway.path().join("new"), &text).unwrap();
                fs::rename(gateway.path().join("new"), gateway.file()).unwrap();
            }
            _ => {
                let generation = data.with_file_name(format!("..{round}"));
                fs::create_dir(&generation).unwrap();
                fs::write(generation.join("gateway.toml"), &text).unwrap();
                let (link, current) = (gateway.path().join("tmp"), gateway.path().join("..data"));
                std::os::unix::fs::symlink(&generation, &link).unwrap();
                fs::rename(&link, &current).unwrap();
                std::os::unix::fs::symlink("..data/gateway.toml", &link).unwrap();
                fs::rename(&link, gateway.file()).unwrap();
            }
        }
        eventually("a reload", || (gateway.reloads() > before).then_some(())).await;
    }

    stop.store(true, Ordering::Relaxed);
    let mut answered = 0;
    for client in clients {
        answered += client.await.unwrap();
    }
    assert!(answered > 1000, "only {answered} were answered");
    assert!(!one.requests().is_empty() && !other.requests().is_empty());
    assert!(gateway.requests().iter().all(|line| line["status"] == 200));
}

#[tokio::test]
async fn a_bad_file_leaves_the_last_good_one_and_says_so() {
    let upstream = Upstream::good().await;
    let good = format!("{PLAIN}{}", plain_route(&[&upstream]));
    let gateway = Gateway::start(&good).await;
    let mut client = TestClient::to(gateway.address("plain")).await;

    gateway.rewrite(&good.replace("anonymous = true", "anonymous = 7"));
    let shown =
        |line: &Value| line["message"].as_str().unwrap_or_default().contains("reload failed");
    let line = gateway.logged("the failure", shown).await;
    client.send(GET).await;

    assert_eq!(client.answer().await.status(), 200);
    assert!(line["message"].as_str().unwrap().contains("anonymous"), "{line}");
    let ready: Value = serde_json::from_str(&gateway.admin("/readyz").await).unwrap();
    let check = ready["checks"].as_array().unwrap().iter();
    let check = check.into_iter().find(|check| check["name"] == "configuration").unwrap();
    assert!(check["detail"].as_str().unwrap().contains("was rejected"), "{check}");
    assert_eq!((&check["ok"], &ready["ready"]), (&Value::Bool(false), &Value::Bool(true)));
    assert_eq!(gateway.metric("gateway_config_reloads_total{result=\"failed\"}").await, 1.0);

    gateway.reload(&good).await;
    let ready = gateway.admin("/readyz").await;
    assert!(!ready.contains("was rejected"), "{ready}");
}

#[tokio::test]
async fn a_new_listener_answers_and_a_removed_one_finishes_what_is_in_flight() {
    let go_on = Arc::<Notify>::default();
    let waits = Arc::clone(&go_on);
    let upstream = Upstream::scripted(move |mut visit: Visit| {
        let waits = Arc::clone(&waits);
        async move {
            while let Some(request) = visit.request().await {
                if request.head[0].contains("/slow") {
                    waits.notified().await;
                }
                visit.send("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok").await;
            }
        }
    })
    .await;
    let second = "[[listener]]\nname = \"second\"\nlisten = \"127.0.0.1:0\"\nplain = true\n";
    let (first, both) = (format!("{PLAIN}{}", plain_route(&[&upstream])), {
        let route = plain_route(&[&upstream]);
        format!("{PLAIN}{second}{route}listeners = [\"plain\", \"second\"]\n")
    });
    let gateway = Gateway::start(&first).await;

    gateway.reload(&both).await;
    gateway
        .logged("the second", |line| line["message"] == "listening" && line["name"] == "second")
        .await;
    let listener = gateway.address("second");
    let (mut idle, mut busy) = (TestClient::to(listener).await, TestClient::to(listener).await);
    idle.send(GET).await;
    assert_eq!(idle.answer().await.status(), 200);
    busy.send("GET /slow HTTP/1.1\r\nHost: a\r\n\r\n").await;
    eventually("its request", || (upstream.requests().len() == 2).then_some(())).await;
    gateway.reload(&first).await;

    assert_eq!(idle.end().await, (String::new(), End::Closed));
    eventually("no new connection", || {
        std::net::TcpStream::connect(listener).is_err().then_some(())
    })
    .await;
    go_on.notify_one();
    let answer = busy.answer().await;
    assert_eq!((answer.status(), answer.text().as_str()), (200, "ok"));
    assert_eq!(busy.end().await, (String::new(), End::Closed));
}

#[tokio::test]
async fn an_open_connection_without_a_certificate_is_refused_once_one_is_required() {
    for protocol in ["http/1.1", "h2"] {
        let (upstream, pki) = (Upstream::good().await, TestPki::new());
        let file = |mode: &str| format!("{}{}", pki.listener(mode), plain_route(&[&upstream]));
        let gateway = Gateway::start(&file("off")).await;
        let mut client =
            TestClient::presenting(&pki.of("caller"), gateway.address("secure"), protocol);
        if protocol == "h2" {
            client.send(h2_preface()).await;
            client.send(h2_get(1)).await;
        } else {
            client.send(GET).await;
            assert_eq!(client.answer().await.status(), 200);
        }
        eventually("a request", || (upstream.requests().len() == 1).then_some(())).await;

        gateway.reload(&file("required")).await;
        // He does not heed that the connection is to end, nor acknowledge it.
        if protocol == "h2" {
            client.send(h2_get(3)).await;
            gateway.logged("the refusal", |line| line["status"] == 403).await;
        } else {
            client.send(GET).await;
            assert!(client.try_answer().await.is_none_or(|answer| answer.status() == 403));
        }

        assert_eq!(upstream.requests().len(), 1, "{protocol}");
    }
}

#[tokio::test]
async fn an_open_connection_verified_by_replaced_roots_is_refused() {
    let (upstream, old, new) = (Upstream::good().await, TestPki::new(), TestPki::new());
    let route = format!("[[route]]\nupstreams = [{:?}]\n", upstream.url());
    let gateway = Gateway::start(&format!("{}{route}", old.listener("required"))).await;
    let mut client = TestClient::presenting(&old.of("caller"), gateway.address("secure"), "h2");
    client.send(h2_preface()).await;
    client.send(h2_get(1)).await;
    eventually("a request", || (upstream.requests().len() == 1).then_some(())).await;

    gateway.reload(&format!("{}{route}", new.listener("required"))).await;
    client.send(h2_get(3)).await;

    gateway.logged("the refusal", |line| line["status"] == 403).await;
    assert_eq!(upstream.requests().len(), 1);
}

#[tokio::test]
async fn a_verified_peer_is_anonymous_once_the_listener_verifies_no_clients() {
    let (upstream, pki) = (Upstream::good().await, TestPki::new());
    let route = format!("[[route]]\nupstreams = [{:?}]\n", upstream.url());
    let gateway = Gateway::start(&format!("{}{route}", pki.listener("required"))).await;
    let mut client = TestClient::presenting(&pki.of("caller"), gateway.address("secure"), "h2");
    client.send(h2_preface()).await;
    client.send(h2_get(1)).await;
    eventually("a request", || (upstream.requests().len() == 1).then_some(())).await;

    gateway.reload(&format!("{}{route}", pki.listener("off"))).await;
    client.send(h2_get(3)).await;

    gateway.logged("the refusal", |line| line["status"] == 403).await;
    assert_eq!(upstream.requests().len(), 1);
}

#[tokio::test]
async fn a_narrowed_allow_holds_for_the_next_request_on_an_open_connection() {
    let (upstream, pki) = (Upstream::good().await, TestPki::new());
    let file = |name: &str| {
        let route = format!("[[route]]\nupstreams = [{:?}]\n", upstream.url());
        format!("{}{route}allow = [{{ common_name = {name:?} }}]\n", pki.listener("required"))
    };
    let gateway = Gateway::start(&file("caller")).await;
    let mut client =
        TestClient::presenting(&pki.of("caller"), gateway.address("secure"), "http/1.1");
    client.send(GET).await;
    assert_eq!(client.answer().await.status(), 200);

    gateway.reload(&file("another")).await;
    client.send(GET).await;
    let refused = client.answer().await;
    gateway.reload(&file("caller")).await;
    client.send(GET).await;

    assert_eq!(refused.status(), 403);
    assert!(refused.text().contains("\"not-allowed\""), "{}", refused.text());
    assert_eq!(client.answer().await.status(), 200);
    assert_eq!(upstream.requests().len(), 2);
}

#[tokio::test]
async fn a_revocation_cuts_streams_and_tunnels_also_of_an_identity_that_was_given_up() {
    for given_up in [false, true] {
        let (pki, streams) = (TestPki::new(), Arc::<AtomicUsize>::default());
        let count = Arc::clone(&streams);
        let upstream = Upstream::scripted(move |mut visit: Visit| {
            let count = Arc::clone(&count);
            async move {
                let request = visit.request().await.unwrap();
                if request.field("upgrade").is_some() {
                    visit.send("HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: upgrade\r\n\r\n").await;
                } else {
                    visit.send("HTTP/1.1 200 OK\r\ncontent-length: 1000000\r\n\r\nfirst").await;
                }
                count.fetch_add(1, Ordering::SeqCst);
                visit.talk.rest().await;
            }
        })
        .await;
        let listener = pki.listener("required");
        pki.list(&pki.of("gateway"), 1, false);
        let route = format!("[[route]]\nupstreams = [{:?}]\n", upstream.url());
        let gateway = Gateway::start(&format!("{listener}{route}")).await;
        let open =
            || TestClient::presenting(&pki.of("caller"), gateway.address("secure"), "http/1.1");
        let (mut stream, mut tunnel) = (open(), open());
        stream.send(GET).await;
        tunnel
            .send("GET / HTTP/1.1\r\nHost: localhost\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n")
            .await;
        assert_eq!(tunnel.answer().await.status(), 101);
        eventually("both", || (streams.load(Ordering::SeqCst) == 2).then_some(())).await;

        if given_up {
            let other = TestPki::new();
            gateway.reload(&format!("{}{route}", other.listener("required"))).await;
        }
        pki.list(&pki.of("gateway"), 2, true);

        within("the end of the stream", stream.talk.rest()).await;
        within("the end of the tunnel", tunnel.talk.rest()).await;
        eventually("the end behind", || (upstream.open() == 0).then_some(())).await;
    }
}

/// The preface and empty settings (RFC 9113, section 3.4).
fn h2_preface() -> Vec<u8> {
    [b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".as_slice(), &frame(4, 0, 0, &[])].concat()
}

/// `GET https://localhost/` on a stream, in names of the static table.
fn h2_get(stream: u32) -> Vec<u8> {
    let head = [&[0x82, 0x87, 0x84, 0x41, 9], b"localhost".as_slice()].concat();
    frame(1, 0x5, stream, &head)
}

fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    [&length[1..], &[kind, flags], &stream.to_be_bytes(), payload].concat()
}
