//! Callers who do not take their answers, by every protocol: they keep nobody else from being
//! served, and lose their streams within `idle_timeout`.

#![allow(clippy::unwrap_used, reason = "what fails in a helper fails the test")]

mod support;

use std::time::{Duration, Instant};

use support::{Gateway, Http2, TestClient, TestPki, Upstream, Visit, eventually};
use tokio::io::AsyncWriteExt;

const GET: &str = "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn unread_responses_of_the_gateway_do_not_block_other_clients() {
    // Status, the path that gets it, and what a caller without rights asks for.
    for (status, path) in [(403, "/closed"), (404, "/nowhere"), (400, "/../x"), (502, "/gone")] {
        let (upstream, pki) = (Upstream::good().await, TestPki::new());
        let gateway = Gateway::start(&routes(&pki, &upstream, "max_requests = 100")).await;
        let mut stalled = Vec::new();
        for _ in 0..8 {
            let listener = gateway.address("secure");
            let mut client = Http2::presenting(&pki.of("caller"), listener, 0).await;
            for _ in 0..20 {
                client.get(path).await;
            }
            stalled.push(client);
        }
        // Ten streams of each connection are heard, of which the answers wait.
        for client in &mut stalled {
            client.frames_of(Http2::HEADERS, &[1, 19]).await;
        }

        for _ in 0..20 {
            assert_eq!(ask(&pki, &gateway, "/open").await, 200, "{status}");
        }
        let state: serde_json::Value =
            serde_json::from_str(&gateway.admin("/state").await).unwrap();
        assert_eq!(state["requestsInFlight"], 0, "{status}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_connection_holds_a_tenth_of_the_requests_and_one_listener_its_own() {
    let pki = TestPki::new();
    let upstream = silent().await;
    let plain = "[[listener]]\nname = \"plain\"\nlisten = \"127.0.0.1:0\"\nplain = true\n";
    let gateway = Gateway::start(&format!(
        "{}{plain}[[route]]\nlisteners = [\"secure\", \"plain\"]\nanonymous = true\n\
         upstreams = [{:?}]\n[limits]\nmax_requests = 40\n",
        pki.listener("required"),
        upstream.url()
    ))
    .await;
    let listener = gateway.address("secure");

    let mut clients = Vec::new();
    for count in 1..=10 {
        let mut client = Http2::presenting(&pki.of("caller"), listener, 65_535).await;
        for _ in 0..40 {
            client.get("/").await;
        }
        eventually("its share", || (upstream.requests().len() == count * 4).then_some(())).await;
        clients.push(client);
    }
    let mut full = TestClient::presenting(&pki.of("caller"), listener, "http/1.1");
    full.send(GET).await;
    assert_eq!(full.answer().await.status(), 503);
    let mut other = TestClient::to(gateway.address("plain")).await;
    other.send(GET).await;

    eventually("the other listener's", || (upstream.requests().len() == 41).then_some(())).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stream_that_is_not_read_is_reset_and_the_others_of_its_connection_go_on() {
    // How wide each stream's window is at first, and by how much it grows with each ping.
    for (window, step) in [(0, 0), (1, 0), (1, 1), (1500, 0), (60_000, 2)] {
        let pki = TestPki::new();
        let upstream = large(LARGE).await;
        let limits = "idle_timeout = \"1s\"";
        let gateway = Gateway::start(&routes(&pki, &upstream, limits)).await;
        let mut client =
            Http2::presenting(&pki.of("caller"), gateway.address("secure"), window).await;
        let stalled = [client.get("/open").await, client.get("/open").await];
        client.frames_of(Http2::HEADERS, &stalled).await;

        let began = Instant::now();
        let mut reset = Vec::new();
        while reset.len() < 2 {
            // Whatever it says besides makes no difference.
            client.send(Http2::PING, 0, 0, &[0; 8]).await;
            if step > 0 {
                for stream in stalled {
                    client.take(stream, step).await;
                }
            }
            let mut kind = Http2::RESET;
            while kind != Http2::PING {
                let frame = client.frame().await.expect("the connection must not end");
                kind = frame.kind;
                if kind == Http2::RESET {
                    assert_eq!(frame.payload, 8_u32.to_be_bytes());
                    reset.push(frame.stream);
                }
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        let took = began.elapsed();
        let next = client.get("/open").await;
        client.take(next, 1_000_000).await;
        client.take(0, 1_000_000).await;
        client.frame_of(Http2::DATA, next).await;

        reset.sort_unstable();
        assert_eq!(reset, stalled, "{window}");
        assert!(took < Duration::from_secs(5), "{took:?}");
        eventually("the end behind", || (upstream.open() <= 1).then_some(())).await;
    }
}

#[tokio::test]
async fn an_http_1_client_that_does_not_read_is_disconnected_even_if_it_sends() {
    for sends in [false, true] {
        let pki = TestPki::new();
        let upstream = large(LARGE).await;
        let limits = "idle_timeout = \"1s\"";
        let gateway = Gateway::start(&routes(&pki, &upstream, limits)).await;
        let listener = gateway.address("secure");
        let mut client = TestClient::presenting(&pki.of("caller"), listener, "http/1.1");
        let head = if sends {
            "POST /open HTTP/1.1\r\nTransfer-Encoding: chunked"
        } else {
            "GET /open HTTP/1.1"
        };
        client.send(format!("{head}\r\nHost: localhost\r\n\r\n")).await;
        eventually("its request", || (upstream.open() == 1).then_some(())).await;

        let deadline = Instant::now() + Duration::from_secs(8);
        while upstream.open() > 0 {
            assert!(Instant::now() < deadline, "it is still served");
            if sends {
                let sent = client.send("1\r\nx\r\n");
                let _ = tokio::time::timeout(Duration::from_millis(50), sent).await;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        assert_eq!(gateway.metric("http_requests_in_flight").await, 0.0);
    }
}

#[tokio::test]
async fn a_slow_reader_has_its_whole_answer() {
    const LENGTH: usize = 4 * 1024 * 1024;
    let pki = TestPki::new();
    let upstream = large(LENGTH).await;
    let limits = "idle_timeout = \"1s\"";
    let gateway = Gateway::start(&routes(&pki, &upstream, limits)).await;
    let mut client = Http2::presenting(&pki.of("caller"), gateway.address("secure"), 65_535).await;
    let stream = client.get("/open").await;
    client.take(0, 100_000_000).await;

    let (began, mut received) = (Instant::now(), 0);
    while received < LENGTH {
        let frame = client.frame_of(Http2::DATA, stream).await;
        received += frame.payload.len();
        let length = u32::try_from(frame.payload.len()).unwrap();
        if length > 0 {
            client.take(stream, length).await;
            tokio::time::sleep(Duration::from_millis(length.into()) / 1000).await;
        }
    }

    assert!(began.elapsed() > Duration::from_secs(2), "it must take longer than the limit");
}

/// The status of a good caller's request.
async fn ask(pki: &TestPki, gateway: &Gateway, path: &str) -> u16 {
    let mut client =
        TestClient::presenting(&pki.of("caller"), gateway.address("secure"), "http/1.1");
    client.send(format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n")).await;
    client.answer().await.status()
}

/// `/open` is for the caller, `/closed` for another, `/gone` leads nowhere.
fn routes(pki: &TestPki, upstream: &Upstream, limits: &str) -> String {
    format!(
        "{listener}[[route]]\npath_prefix = \"/open\"\nupstreams = [{url:?}]\n\
         [[route]]\npath_prefix = \"/closed\"\nupstreams = [{url:?}]\n\
         allow = [{{ common_name = \"another\" }}]\n\
         [[route]]\npath_prefix = \"/gone\"\nupstreams = [\"http://127.0.0.1:9\"]\n\
         [limits]\n{limits}\n",
        listener = pki.listener("required"),
        url = upstream.url(),
    )
}

/// A service that never answers.
async fn silent() -> Upstream {
    Upstream::scripted(|mut visit: Visit| async move { while visit.request().await.is_some() {} })
        .await
}

/// A service with a large answer, which it sends as soon as the head of a request is there.
async fn large(length: usize) -> Upstream {
    Upstream::scripted(move |mut visit: Visit| async move {
        while visit.talk.head().await.is_some() {
            let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {length}\r\n\r\n");
            visit.send(head).await;
            let piece = vec![b'x'; 64 * 1024];
            for _ in 0..length / piece.len() {
                if visit.talk.stream.write_all(&piece).await.is_err() {
                    return;
                }
            }
        }
    })
    .await
}

/// More than the buffers between here and there hold.
const LARGE: usize = 64 * 1024 * 1024;
