//! Requests that are reset before they are answered: a few are nothing, and a connection that
//! does little else ends.

#![allow(clippy::unwrap_used, reason = "what fails in a helper fails the test")]

mod support;

use support::{Gateway, Http2, TestClient, TestPki, Upstream, Visit, eventually};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_connection_of_mostly_resets_ends_and_others_are_served() {
    // Each request is reset at once, or once the service has it; or some are answered between.
    for (waits, answered) in [(false, 0), (true, 0), (true, 3)] {
        let (upstream, pki) = (held().await, TestPki::new());
        let gateway = start(&pki, &upstream).await;
        let mut good =
            TestClient::presenting(&pki.of("caller"), gateway.address("secure"), "http/1.1");
        good.send("GET /now HTTP/1.1\r\nHost: localhost\r\n\r\n").await;
        assert_eq!(good.answer().await.status(), 200);

        let mut client =
            Http2::presenting(&pki.of("caller"), gateway.address("secure"), 65_535).await;
        for count in 1..=400 {
            let stream = client.get("/later").await;
            if waits {
                let heard = || upstream.requests().len() > count;
                let cut = || gateway.is_logged("too-many-resets");
                eventually("it", || (heard() || cut()).then_some(())).await;
            }
            client.reset(stream).await;
            if count % 10 < answered {
                client.get("/now").await;
            }
        }
        client.end().await;

        // What is reset before it was even looked at, h2 counts by itself.
        if !waits {
            continue;
        }
        gateway.logged("the cut", |line| line["code"] == "too-many-resets").await;
        let ended = "mtls_connections_ended_total{how=\"cut\",code=\"too-many-resets\"}";
        assert_eq!(gateway.metric(ended).await, 1.0);
        assert!(upstream.connections() < 250, "{}", upstream.connections());
        good.send("GET /now HTTP/1.1\r\nHost: localhost\r\n\r\n").await;
        assert_eq!(good.answer().await.status(), 200);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn answers_that_are_given_up_in_the_middle_count_too() {
    let upstream = Upstream::scripted(|mut visit: Visit| async move {
        while visit.request().await.is_some() {
            visit.send("HTTP/1.1 200 OK\r\ncontent-length: 1000000\r\n\r\nfirst").await;
        }
    })
    .await;
    let pki = TestPki::new();
    let gateway = start(&pki, &upstream).await;
    let mut client = Http2::presenting(&pki.of("caller"), gateway.address("secure"), 65_535).await;

    let mut given_up = 0;
    while !gateway.is_logged("too-many-resets") {
        let stream = client.get("/").await;
        while let Some(frame) = client.frame().await {
            if (frame.kind, frame.stream) == (Http2::DATA, stream) {
                break;
            }
        }
        client.reset(stream).await;
        given_up += 1;
        assert!(given_up < 400, "it goes on");
    }

    assert!(upstream.connections() < 250, "{}", upstream.connections());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_that_resets_some_streams_is_still_served() {
    let (upstream, pki) = (held().await, TestPki::new());
    let gateway = start(&pki, &upstream).await;
    let mut client = Http2::presenting(&pki.of("caller"), gateway.address("secure"), 65_535).await;

    for _ in 0..200 {
        let (later, now) = (client.get("/later").await, client.get("/now").await);
        client.frame_of(Http2::DATA, now).await;
        client.reset(later).await;
    }
    let last = client.get("/now").await;

    client.frame_of(Http2::DATA, last).await;
    assert!(!gateway.is_logged("too-many-resets"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_hangs_up_with_many_requests_in_flight_has_taken_none_back() {
    let (upstream, pki) = (held().await, TestPki::new());
    let gateway = start(&pki, &upstream).await;
    let mut client = Http2::presenting(&pki.of("caller"), gateway.address("secure"), 65_535).await;
    for _ in 0..100 {
        client.get("/later").await;
    }
    eventually("them", || (upstream.requests().len() == 100).then_some(())).await;

    drop(client);

    let left = |line: &serde_json::Value| line["message"] == "request aborted by the caller";
    eventually("the end", || {
        (gateway.log().iter().filter(|line| left(line)).count() == 100).then_some(())
    })
    .await;
    assert!(!gateway.is_logged("too-many-resets"));
}

async fn start(pki: &TestPki, upstream: &Upstream) -> Gateway {
    let route = format!("[[route]]\nupstreams = [{:?}]\n", upstream.url());
    Gateway::start(&format!("{}{route}", pki.listener("required"))).await
}

/// A service that answers `/now` at once, and all else never.
async fn held() -> Upstream {
    Upstream::scripted(|mut visit: Visit| async move {
        while let Some(request) = visit.request().await {
            if request.head[0].contains("/now") {
                visit.send(support::OK).await;
            }
        }
    })
    .await
}
