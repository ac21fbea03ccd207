//! Several services behind one route: the least busy is asked, one that fails is taken out and
//! tried again later, and nothing that may have had an effect is asked for twice.

#![allow(clippy::unwrap_used, reason = "what fails in a helper fails the test")]

mod support;

use std::sync::Arc;

use support::{Gateway, TestClient, Upstream, Visit, eventually, plain_gateway};
use tokio::net::TcpListener;
use tokio::sync::Notify;

const GET: &str = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
const POST: &str = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\nx";
const OK: &str = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";

#[tokio::test]
async fn the_least_busy_is_asked() {
    let go_on = Arc::<Notify>::default();
    let waits = Arc::clone(&go_on);
    let slow = Upstream::scripted(move |mut visit: Visit| {
        let waits = Arc::clone(&waits);
        async move {
            while visit.request().await.is_some() {
                waits.notified().await;
                visit.send(OK).await;
            }
        }
    })
    .await;
    let quick = Upstream::good().await;
    let gateway = plain_gateway(&[&slow, &quick], "").await;
    let mut held = TestClient::to(gateway.address("plain")).await;
    while slow.requests().is_empty() {
        held = TestClient::to(gateway.address("plain")).await;
        held.send(GET).await;
        let before = (slow.requests().len(), quick.requests().len());
        eventually("a request", || {
            ((slow.requests().len(), quick.requests().len()) != before).then_some(())
        })
        .await;
    }

    let before = quick.requests().len();
    for _ in 0..50 {
        assert_eq!(status(&gateway, GET).await, 200);
    }

    assert_eq!((slow.requests().len(), quick.requests().len()), (1, before + 50));
    go_on.notify_one();
    assert_eq!(held.answer().await.status(), 200);
    // Its place was given back.
    while slow.requests().len() == 1 {
        go_on.notify_one();
        assert_eq!(status(&gateway, GET).await, 200);
    }
}

#[tokio::test]
async fn no_safe_request_fails_with_one_dead_of_three_and_few_others() {
    let (one, dead, other) =
        (Upstream::good().await, Upstream::good().await, Upstream::good().await);
    let gateway = plain_gateway(&[&one, &dead, &other], "").await;
    let name = dead.url();
    drop(dead);

    let mut failed = 0;
    for turn in 0..120 {
        assert_eq!(status(&gateway, GET).await, 200, "{turn}");
        failed += usize::from(status(&gateway, POST).await != 200);
    }

    // Three take it out; each time that it is tried again can cost one more.
    assert!(failed <= 4, "{failed} of 120 failed");
    let posts = |upstream: &Upstream| {
        upstream.requests().iter().filter(|seen| seen.head[0].starts_with("POST")).count()
    };
    assert_eq!(posts(&one) + posts(&other), 120 - failed);
    gateway
        .logged("that it is out", |line| {
            line["upstream"] == name.as_str()
                && line["message"].as_str().unwrap().starts_with("upstream taken out")
        })
        .await;
}

#[tokio::test]
async fn who_was_taken_out_is_tried_again_and_comes_back() {
    let (good, gone) = (Upstream::good().await, Upstream::good().await);
    let gateway = plain_gateway(&[&good, &gone], "").await;
    let (address, url) = (gone.address(), gone.url());
    drop(gone);
    let up = format!("gateway_upstream_up{{upstream={url:?}}}");
    while gateway.metric(&up).await > 0.0 {
        assert_eq!(status(&gateway, GET).await, 200);
    }

    let listener = TcpListener::bind(address).await.unwrap();
    let back = Upstream::on(listener, |mut visit: Visit| async move {
        while visit.request().await.is_some() {
            visit.send(OK).await;
        }
    });
    while back.requests().is_empty() {
        assert_eq!(status(&gateway, GET).await, 200);
    }

    gateway.logged("its return", |line| line["message"] == "upstream answers again").await;
    assert!(gateway.metric(&up).await > 0.0);
}

#[tokio::test]
async fn where_all_are_out_each_is_still_tried() {
    let (one, other) = (Upstream::good().await, Upstream::good().await);
    let gateway = plain_gateway(&[&one, &other], "").await;
    let address = one.address();
    drop((one, other));
    for _ in 0..10 {
        assert_eq!(status(&gateway, GET).await, 502);
    }

    let listener = TcpListener::bind(address).await.unwrap();
    let _back = Upstream::on(listener, |mut visit: Visit| async move {
        while visit.request().await.is_some() {
            visit.send(OK).await;
        }
    });

    assert_eq!(status(&gateway, GET).await, 200);
}

#[tokio::test]
async fn what_was_sent_is_never_sent_to_another() {
    let fickle = async || {
        Upstream::scripted(|mut visit: Visit| async move {
            visit.request().await;
        })
        .await
    };
    let (one, other) = (fickle().await, fickle().await);
    let gateway = plain_gateway(&[&one, &other], "").await;

    for request in [GET, POST, GET, POST] {
        assert_eq!(status(&gateway, request).await, 502);
    }

    assert_eq!(one.requests().len() + other.requests().len(), 4);
}

async fn status(gateway: &Gateway, request: &str) -> u16 {
    TestClient::exchange(gateway.address("plain"), request).await.unwrap().status()
}
