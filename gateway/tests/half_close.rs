//! Callers that end their sending side, and callers that leave.

#![allow(clippy::unwrap_used, reason = "what fails in a helper fails the test")]

mod support;

use std::sync::Arc;
use std::time::{Duration, Instant};

use support::{End, Gateway, TestClient, TestPki, Upstream, Visit, eventually, plain_gateway};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::sync::Semaphore;

#[tokio::test]
async fn a_client_that_sends_no_more_still_gets_its_response() {
    let (upstream, go_on) = held("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok").await;
    let gateway = plain_gateway(&[&upstream], "").await;
    for request in [GET, POST, CHUNKED] {
        let mut client = TestClient::to(gateway.address("plain")).await;
        client.send(request).await;
        client.finish().await;
        eventually("the request", || upstream.requests().pop()).await;

        go_on.add_permits(1);

        let answer = client.answer().await;
        assert_eq!((answer.status(), answer.text().as_str()), (200, "ok"), "{request}");
        assert_eq!(client.end().await, (String::new(), End::Closed), "{request}");
        upstream.requests.lock().unwrap().clear();
    }
}

#[tokio::test]
async fn a_client_that_ends_tls_still_gets_its_response() {
    let (upstream, go_on) = held("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok").await;
    let pki = TestPki::new();
    let gateway = Gateway::start(&format!(
        "{}[[route]]\nupstreams = [{:?}]\n",
        pki.listener("required"),
        upstream.url()
    ))
    .await;
    let mut client =
        TestClient::presenting(&pki.of("caller"), gateway.address("secure"), "http/1.1");

    client.send(GET).await;
    // OpenSSL sends `close_notify`, and ends its sending side of TCP.
    client.finish().await;
    eventually("the request", || upstream.requests().pop()).await;
    go_on.add_permits(1);

    assert_eq!(client.answer().await.text(), "ok");
}

#[tokio::test]
async fn an_answer_that_has_begun_goes_on_to_who_sends_no_more() {
    let (upstream, go_on) = held("HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\n").await;
    let gateway = plain_gateway(&[&upstream], "").await;
    let mut client = TestClient::to(gateway.address("plain")).await;
    client.send(GET).await;
    client.finish().await;
    go_on.add_permits(1);
    client.talk.head().await.unwrap();

    // One that may have left is waited for three seconds; this one has taken something since.
    tokio::time::sleep(Duration::from_millis(3500)).await;
    go_on.add_permits(1);

    assert_eq!(support::within("the rest", client.talk.exactly(4)).await.unwrap(), b"more");
}

#[tokio::test]
async fn who_leaves_takes_his_request_with_him() {
    for reset in [false, true] {
        let (upstream, _never) = held("").await;
        let gateway = plain_gateway(&[&upstream], "").await;
        let mut client = TcpStream::connect(gateway.address("plain")).await.unwrap();
        client.write_all(GET.as_bytes()).await.unwrap();
        eventually("the request", || upstream.requests().pop()).await;
        assert_eq!(upstream.open(), 1);

        let left = Instant::now();
        if reset {
            client.set_zero_linger().unwrap();
        }
        drop(client);
        eventually("its end", || (upstream.open() == 0).then_some(())).await;

        let most = if reset { Duration::from_secs(2) } else { Duration::from_secs(6) };
        assert!(left.elapsed() < most, "{reset} {:?}", left.elapsed());
        let line = gateway.request("/").await;
        assert_eq!(line["message"], "request aborted by the caller");
    }
}

#[tokio::test]
async fn a_body_that_ends_too_early_is_broken_at_once() {
    let upstream = Upstream::good().await;
    let gateway = plain_gateway(&[&upstream], "").await;
    let mut client = TestClient::to(gateway.address("plain")).await;
    let began = Instant::now();

    client.send("POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 10\r\n\r\nhalf").await;
    client.finish().await;

    assert_eq!(client.try_answer().await.map(|answer| answer.status()), Some(400));
    assert!(began.elapsed() < Duration::from_secs(2), "{:?}", began.elapsed());
    assert!(upstream.requests().is_empty());
}

/// An upstream that, for each permit, sends so much of an answer, and then, if it is not whole,
/// `more`; until it is left.
async fn held(answer: &'static str) -> (Upstream, Arc<Semaphore>) {
    let go_on = Arc::new(Semaphore::new(0));
    let permits = Arc::clone(&go_on);
    let upstream = Upstream::scripted(move |mut visit: Visit| {
        let permits = Arc::clone(&permits);
        async move {
            visit.request().await;
            for part in [answer, "more"] {
                tokio::select! {
                    permit = permits.acquire() => permit.unwrap().forget(),
                    _ = visit.talk.rest() => return,
                }
                visit.send(part).await;
                if part.ends_with("ok") {
                    return;
                }
            }
        }
    })
    .await;
    (upstream, go_on)
}

const GET: &str = "GET / HTTP/1.1\r\nhost: a\r\n\r\n";
const POST: &str = "POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 1\r\n\r\nx";
const CHUNKED: &str =
    "POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n\r\n";
