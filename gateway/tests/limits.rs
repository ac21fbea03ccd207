//! The limits of the gateway, and what it does beyond it.

#![allow(clippy::unwrap_used, reason = "what fails in a helper fails the test")]

mod support;

use std::sync::Arc;

use http::Request;
use http_body_util::{BodyExt, Empty};
use hyper::body::Bytes;
use mtls::client::Protocol;
use service_kit::capacity::connections_in;
use support::{
    End, Gateway, PLAIN, TestClient, TestPki, Upstream, Visit, client, eventually, plain_route,
};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

const GET: &str = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
const OK: &str = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";

#[tokio::test]
async fn beyond_max_requests_others_get_retry_after_until_a_request_ends() {
    let (upstream, go_on) = held().await;
    let gateway = limited("max_requests = 3", &upstream).await;
    let mut callers = Vec::new();
    for count in 1..=3 {
        let mut caller = TestClient::to(gateway.address("plain")).await;
        caller.send(GET).await;
        eventually("it", || (upstream.requests().len() == count).then_some(())).await;
        callers.push(caller);
    }

    let shown = TestClient::exchange(gateway.address("plain"), GET).await.unwrap();
    assert_eq!((shown.status(), shown.field("retry-after")), (503, Some("1")));
    assert_eq!(shown.field("content-type"), Some("application/problem+json"));

    // One leaves in the middle, and gives its place back too.
    callers.pop();
    go_on.add_permits(1000);
    for caller in &mut callers {
        assert_eq!(caller.answer().await.status(), 200);
    }
    drop(callers);
    for _ in 0..10 {
        let mut three: Vec<_> = Vec::new();
        for _ in 0..3 {
            three.push(TestClient::exchange(gateway.address("plain"), GET).await.unwrap().status());
        }
        assert_eq!(three, [200; 3]);
    }
    let text = gateway.admin("/metrics").await;
    assert!(text.contains("http_requests_in_flight 0"), "{text}");
}

#[tokio::test]
async fn beyond_max_connections_no_connection_is_accepted_until_one_closes() {
    let upstream = Upstream::good().await;
    let gateway = limited("max_connections = 2", &upstream).await;
    let mut one = TestClient::to(gateway.address("plain")).await;
    let mut two = TestClient::to(gateway.address("plain")).await;
    for caller in [&mut one, &mut two] {
        caller.send(GET).await;
        assert_eq!(caller.answer().await.status(), 200);
    }

    assert!(TestClient::exchange(gateway.address("plain"), GET).await.is_none());

    drop(one);
    while TestClient::exchange(gateway.address("plain"), GET).await.is_none() {}
    two.send(GET).await;
    assert_eq!(two.answer().await.status(), 200);
}

#[tokio::test]
async fn a_head_that_is_too_large_is_refused() {
    let upstream = Upstream::good().await;
    let gateway = limited("max_header_bytes = \"8KiB\"", &upstream).await;
    let get = |size: usize| format!("GET / HTTP/1.1\r\nHost: a\r\nX: {}\r\n\r\n", "x".repeat(size));

    assert_eq!(
        TestClient::exchange(gateway.address("plain"), get(7 * 1024)).await.unwrap().status(),
        200
    );
    for size in [8 * 1024, 1024 * 1024] {
        let mut caller = TestClient::to(gateway.address("plain")).await;
        caller.send(get(size)).await;
        assert_eq!(caller.answer().await.status(), 431, "{size}");
        assert_eq!(caller.end().await.1, End::Closed, "{size}");
    }
    let many = "a: b\r\n".repeat(200);
    let many = format!("GET / HTTP/1.1\r\nHost: a\r\n{many}\r\n");
    assert_eq!(TestClient::exchange(gateway.address("plain"), many).await.unwrap().status(), 431);
    assert_eq!(upstream.requests().len(), 1);
}

#[tokio::test]
async fn slow_heads_and_silent_connections_end() {
    let upstream = Upstream::good().await;
    let gateway = limited("header_timeout = \"300ms\"\nidle_timeout = \"600ms\"", &upstream).await;
    let mut slow = TestClient::to(gateway.address("plain")).await;
    let mut silent = TestClient::to(gateway.address("plain")).await;
    let mut idle = TestClient::to(gateway.address("plain")).await;

    slow.send("GET / HTTP/1.1\r\nHost").await;
    idle.send(GET).await;
    assert_eq!(idle.answer().await.status(), 200);

    for caller in [&mut slow, &mut silent, &mut idle] {
        let (rest, end) = caller.end().await;
        assert_eq!(rest, "");
        assert_ne!(end, End::Open);
    }
    assert_eq!(upstream.requests().len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_streams_of_one_connection_are_answered() {
    let (upstream, pki) = (Upstream::good().await, TestPki::new());
    let gateway = Gateway::start(&format!(
        "{}[[route]]\nupstreams = [{:?}]\n",
        pki.listener("required"),
        upstream.url()
    ))
    .await;
    let client = client(&pki.of("caller"), gateway.address("secure"), Protocol::Http2);
    let client = Arc::new(client);
    let ask = |client: Arc<mtls::client::Client<Empty<Bytes>>>| async move {
        let request = Request::get("https://localhost/").body(Empty::new()).unwrap();
        let answer = client.request(request).await.unwrap();
        let status = answer.status();
        (status, answer.into_body().collect().await.unwrap().to_bytes())
    };
    // All others go by the connection of the first.
    ask(Arc::clone(&client)).await;

    let mut streams = JoinSet::new();
    for _ in 0..1000 {
        streams.spawn(ask(Arc::clone(&client)));
    }
    while let Some(answer) = streams.join_next().await {
        let (status, body) = answer.unwrap();
        assert_eq!((status.as_u16(), body.as_ref()), (200, b"ok".as_slice()));
    }

    assert_eq!(upstream.requests().len(), 1001);
}

#[tokio::test]
async fn many_slow_clients_cost_little_memory() {
    let upstream = Upstream::scripted(|mut visit: Visit| async move {
        visit.request().await;
        let piece = vec![b'x'; 64 * 1024];
        visit.send("HTTP/1.1 200 OK\r\ncontent-length: 1000000000\r\n\r\n").await;
        while tokio::io::AsyncWriteExt::write_all(&mut visit.talk.stream, &piece).await.is_ok() {}
    })
    .await;
    let gateway = limited("max_requests = 1000", &upstream).await;
    let before = gateway.memory();

    let mut callers = Vec::new();
    for count in 1..=200 {
        let mut caller = TestClient::to(gateway.address("plain")).await;
        caller.send(GET).await;
        eventually("it", || (upstream.requests().len() == count).then_some(())).await;
        callers.push(caller);
    }
    // Nobody reads: what is held must stay as it is. Twenty looks are longer than buffers take.
    for _ in 0..20 {
        gateway.admin("/livez").await;
    }

    let each = (gateway.memory() - before) / 200;
    assert!(each < 400, "{each} KiB for each caller");
}

#[tokio::test]
async fn a_head_that_is_almost_whole_costs_what_the_limit_by_memory_counts_with() {
    let upstream = Upstream::good().await;
    let gateway = limited("max_connections = 1000", &upstream).await;
    let head = format!("GET / HTTP/1.1\r\nHost: a\r\nX: {}", "x".repeat(31 * 1024));
    let before = gateway.memory();

    let mut callers = Vec::new();
    for _ in 0..300 {
        let mut caller = TestClient::to(gateway.address("plain")).await;
        caller.send(&head).await;
        callers.push(caller);
    }
    // Twenty looks are longer than what was sent takes to be read.
    for _ in 0..20 {
        gateway.admin("/livez").await;
    }

    let each = (gateway.memory() - before) / 300;
    let counted = 1024 * 1024 / connections_in(1024 * 1024 * 1024, 32 * 1024) * 3 / 4;
    assert!(each <= u64::try_from(counted).unwrap(), "{each} KiB for each, {counted} counted");
}

/// A service that answers once it may.
async fn held() -> (Upstream, Arc<Semaphore>) {
    let go_on = Arc::new(Semaphore::new(0));
    let waits = Arc::clone(&go_on);
    let upstream = Upstream::scripted(move |mut visit: Visit| {
        let waits = Arc::clone(&waits);
        async move {
            while visit.request().await.is_some() {
                waits.acquire().await.unwrap().forget();
                visit.send(OK).await;
            }
        }
    })
    .await;
    (upstream, go_on)
}

async fn limited(limits: &str, upstream: &Upstream) -> Gateway {
    Gateway::start(&format!("{PLAIN}{}[limits]\n{limits}\n", plain_route(&[upstream]))).await
}
