//! Requests whose upstream ends at the wrong moment: what it certainly did not process is repeated,
//! what may have had an effect never.

#![allow(clippy::unwrap_used, reason = "what fails in a helper fails the test")]

mod support;

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use support::frames::{DATA, HEADERS, REFUSED_STREAM};
use support::{Gateway, PLAIN, TestClient, Upstream, Visit, plain_gateway};
use tokio::task::JoinSet;

const OK: &str = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";

/// How a kept connection of HTTP/1.1 ends once another request came by it.
#[derive(Clone, Copy, Debug)]
enum Ending {
    Close,
    PartOfAnAnswer,
    Reset,
}

#[tokio::test]
async fn a_harmless_request_on_a_kept_connection_that_ends_is_sent_on_a_new_one() {
    for ending in [Ending::Close, Ending::Reset] {
        for method in ["GET", "HEAD", "OPTIONS"] {
            let (status, seen) = second_request(method, "", ending).await;
            assert_eq!((status, seen), (200, 2), "{method} {ending:?}");
        }
    }
}

#[tokio::test]
async fn what_may_have_had_an_effect_is_sent_once() {
    for ending in [Ending::Close, Ending::PartOfAnAnswer, Ending::Reset] {
        for (method, body) in [
            ("DELETE", ""),
            ("PATCH", ""),
            ("POST", ""),
            ("PUT", ""),
            ("POST", "x"),
            ("GET", "x"),
            ("OPTIONS", "x"),
        ] {
            let (status, seen) = second_request(method, body, ending).await;
            assert_eq!((status, seen), (502, 1), "{method} {body:?} {ending:?}");
        }
    }
}

#[tokio::test]
async fn a_response_that_has_begun_is_not_asked_for_again() {
    let (status, seen) = second_request("GET", "", Ending::PartOfAnAnswer).await;
    assert_eq!((status, seen), (502, 1));
}

#[tokio::test]
async fn a_request_is_repeated_once_and_no_more() {
    let upstream = Upstream::scripted(|mut visit: Visit| async move {
        let request = visit.request().await.unwrap();
        if request.head[0].contains("/first") {
            visit.send(OK).await;
            visit.request().await;
        }
    })
    .await;
    let gateway = plain_gateway(&[&upstream], "").await;
    let mut client = TestClient::to(gateway.address("plain")).await;
    assert_eq!(ask(&mut client, "GET", "/first", "").await, 200);

    assert_eq!(ask(&mut client, "GET", "/again", "").await, 502);

    assert_eq!(count(&upstream, "/again"), 2);
}

#[tokio::test]
async fn connections_that_close_after_each_answer_lose_no_harmless_request() {
    let upstream = Upstream::scripted(|mut visit: Visit| async move {
        if visit.request().await.is_some() {
            visit.send(OK).await;
            // It goes without a word, at once or a moment later.
            for _ in 0..visit.number % 9 {
                tokio::task::yield_now().await;
            }
        }
    })
    .await;
    let gateway = plain_gateway(&[&upstream], "").await;
    let mut clients = JoinSet::new();
    for client in 0..4 {
        let mut own = TestClient::to(gateway.address("plain")).await;
        clients.spawn(async move {
            for turn in 0..50 {
                let path = format!("/{client}/{turn}");
                assert_eq!(ask(&mut own, "GET", &path, "").await, 200, "{path}");
            }
        });
    }

    while let Some(ended) = clients.join_next().await {
        ended.unwrap();
    }
}

#[tokio::test]
async fn streams_above_the_last_of_a_goaway_are_retried_with_any_method() {
    for code in [0, 11] {
        // Each connection processes five streams, and ignores the others.
        let ignored = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&ignored);
        let (upstream, processed) = h2c(move |mut visit: Visit, processed| {
            let ignored = Arc::clone(&count);
            async move {
                let mut streams = 0;
                while let Some(frame) = visit.talk.frame().await {
                    if frame.kind != HEADERS {
                        continue;
                    }
                    streams += 1;
                    if streams == 5 {
                        visit.talk.go_away(frame.stream, code).await;
                    }
                    if streams <= 5 {
                        processed.fetch_add(1, Ordering::SeqCst);
                        visit.talk.ok(frame.stream).await;
                    } else {
                        ignored.fetch_add(1, Ordering::SeqCst);
                    }
                }
            }
        })
        .await;
        let gateway = h2c_gateway(&upstream).await;

        for round in 0..4 {
            let statuses = crowd(&gateway, 25, &format!("/{code}/{round}")).await;
            let why: Vec<_> = gateway.requests().iter().map(|line| line["why"].clone()).collect();
            assert_eq!(statuses, HashMap::from([(200, 25)]), "code {code}: {why:?}");
        }

        assert_eq!(processed.load(Ordering::SeqCst), 100, "code {code}");
        assert!(ignored.load(Ordering::SeqCst) > 0, "code {code}");
    }
}

#[tokio::test]
async fn a_refused_stream_is_sent_again_and_not_for_ever() {
    for (refusals, status, seen) in [(1, 200, 2), (2, 200, 3), (usize::MAX, 502, 3)] {
        let asked = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&asked);
        let (upstream, processed) = h2c(move |mut visit: Visit, processed| {
            let count = Arc::clone(&count);
            async move {
                while let Some(frame) = visit.talk.frame().await {
                    if frame.kind != HEADERS {
                    } else if count.fetch_add(1, Ordering::SeqCst) < refusals {
                        visit.talk.reset(frame.stream, REFUSED_STREAM).await;
                    } else {
                        processed.fetch_add(1, Ordering::SeqCst);
                        visit.talk.ok(frame.stream).await;
                    }
                }
            }
        })
        .await;
        let gateway = h2c_gateway(&upstream).await;
        let mut client = TestClient::to(gateway.address("plain")).await;

        assert_eq!(ask(&mut client, "POST", "/", "").await, status, "{refusals}");

        assert_eq!(asked.load(Ordering::SeqCst), seen, "{refusals}");
        assert_eq!(processed.load(Ordering::SeqCst), usize::from(status == 200));
    }
}

#[tokio::test]
async fn a_refused_stream_whose_body_was_read_is_not_sent_again() {
    let bodies = Arc::<Mutex<Vec<Vec<u8>>>>::default();
    let seen = Arc::clone(&bodies);
    let (upstream, processed) = h2c(move |mut visit: Visit, processed| {
        let bodies = Arc::clone(&seen);
        async move {
            while let Some(frame) = visit.talk.frame().await {
                if frame.kind == HEADERS {
                    processed.fetch_add(1, Ordering::SeqCst);
                }
                if frame.kind == DATA && !frame.payload.is_empty() {
                    bodies.lock().unwrap().push(frame.payload.clone());
                    visit.talk.reset(frame.stream, REFUSED_STREAM).await;
                }
            }
        }
    })
    .await;
    let gateway = h2c_gateway(&upstream).await;
    let mut client = TestClient::to(gateway.address("plain")).await;

    assert_eq!(ask(&mut client, "POST", "/", "order").await, 502);

    assert_eq!(processed.load(Ordering::SeqCst), 1);
    assert_eq!(*bodies.lock().unwrap(), [b"order"]);
}

#[tokio::test]
async fn a_stream_that_ends_for_another_reason_is_not_sent_again() {
    for code in [0, 1, 2, 5, 8, 11] {
        let (upstream, processed) = h2c(move |mut visit: Visit, processed| async move {
            while let Some(frame) = visit.talk.frame().await {
                if frame.kind == HEADERS && processed.fetch_add(1, Ordering::SeqCst) == 0 {
                    visit.talk.ok(frame.stream).await;
                } else if frame.kind == HEADERS {
                    visit.talk.reset(frame.stream, code).await;
                }
            }
        })
        .await;
        let gateway = h2c_gateway(&upstream).await;
        let mut client = TestClient::to(gateway.address("plain")).await;
        assert_eq!(ask(&mut client, "GET", "/", "").await, 200);

        for method in ["GET", "POST"] {
            assert_eq!(ask(&mut client, method, "/", "").await, 502, "{method} {code}");
        }

        assert_eq!(processed.load(Ordering::SeqCst), 3, "{code}");
    }
}

#[tokio::test]
async fn a_broken_connection_says_nothing_of_what_was_processed() {
    // The first stream of a connection is answered; with the second, the connection ends.
    let (upstream, processed) = h2c(|mut visit: Visit, processed| async move {
        let mut streams = 0;
        while let Some(frame) = visit.talk.frame().await {
            if frame.kind == HEADERS {
                processed.fetch_add(1, Ordering::SeqCst);
                streams += 1;
                if streams == 2 {
                    return;
                }
                visit.talk.ok(frame.stream).await;
            }
        }
    })
    .await;
    let gateway = h2c_gateway(&upstream).await;
    let mut client = TestClient::to(gateway.address("plain")).await;
    assert_eq!(ask(&mut client, "GET", "/", "").await, 200);

    assert_eq!(ask(&mut client, "POST", "/", "").await, 502);
    assert_eq!(processed.load(Ordering::SeqCst), 2);

    assert_eq!(ask(&mut client, "GET", "/", "").await, 200);
    assert_eq!(processed.load(Ordering::SeqCst), 3);
    assert_eq!(ask(&mut client, "GET", "/", "").await, 200);
    assert_eq!(processed.load(Ordering::SeqCst), 5);
}

/// The status of a request that goes out on a kept connection, which then ends so; and how often
/// the upstream saw it.
async fn second_request(method: &str, body: &str, ending: Ending) -> (u16, usize) {
    let upstream = Upstream::scripted(move |mut visit: Visit| async move {
        let first = visit.request().await.unwrap();
        visit.send(if first.head[0].starts_with("HEAD") { HEAD_OK } else { OK }).await;
        if visit.request().await.is_none() || visit.number > 0 {
            return;
        }
        match ending {
            Ending::Close => {}
            Ending::PartOfAnAnswer => visit.send("HTTP/1.1 200 O").await,
            Ending::Reset => visit.talk.stream.set_zero_linger().unwrap(),
        }
    })
    .await;
    let gateway = plain_gateway(&[&upstream], "").await;
    let mut client = TestClient::to(gateway.address("plain")).await;
    assert_eq!(ask(&mut client, "GET", "/first", "").await, 200);

    let status = ask(&mut client, method, "/second", body).await;

    (status, count(&upstream, "/second"))
}

async fn ask(client: &mut TestClient, method: &str, path: &str, body: &str) -> u16 {
    let length =
        if body.is_empty() { String::new() } else { format!("content-length: {}\r\n", body.len()) };
    client.send(format!("{method} {path} HTTP/1.1\r\nhost: a\r\n{length}\r\n{body}")).await;
    let answer = client.talk.answer(method == "HEAD");
    support::within("an answer", answer).await.unwrap().status()
}

fn count(upstream: &Upstream, path: &str) -> usize {
    upstream.requests().iter().filter(|request| request.head[0].contains(path)).count()
}

/// Statuses of so many POSTs at once, each by a connection of its own.
async fn crowd(gateway: &Gateway, count: usize, path: &str) -> HashMap<u16, usize> {
    let mut clients = JoinSet::new();
    for number in 0..count {
        let (address, path) = (gateway.address("plain"), format!("{path}/{number}"));
        clients
            .spawn(async move { ask(&mut TestClient::to(address).await, "POST", &path, "").await });
    }
    let mut statuses = HashMap::new();
    while let Some(status) = clients.join_next().await {
        *statuses.entry(status.unwrap()).or_default() += 1;
    }
    statuses
}

/// An upstream of HTTP/2 that plays a script, with a counter for what it processes.
async fn h2c<F>(
    script: impl Fn(Visit, Arc<AtomicUsize>) -> F + Clone + Send + Sync + 'static,
) -> (Upstream, Arc<AtomicUsize>)
where
    F: Future<Output = ()> + Send + 'static,
{
    let processed = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&processed);
    let upstream = Upstream::scripted(move |mut visit: Visit| {
        let (script, counter) = (script.clone(), Arc::clone(&counter));
        async move {
            if visit.talk.greet().await {
                script(visit, counter).await;
            }
        }
    })
    .await;
    (upstream, processed)
}

async fn h2c_gateway(upstream: &Upstream) -> Gateway {
    let url = upstream.url().replace("http:", "h2c:");
    Gateway::start(&format!("{PLAIN}[[route]]\nanonymous = true\nupstreams = [{url:?}]\n")).await
}

const HEAD_OK: &str = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n";
