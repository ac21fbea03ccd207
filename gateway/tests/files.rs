//! Where few files may be open, callers are refused before the operator is.

#![allow(clippy::unwrap_used, reason = "what fails in a helper fails the test")]

mod support;

use support::{Gateway, PLAIN, TestClient, Upstream, Visit, eventually, plain_route};
use tokio::net::TcpStream;

const GET: &str = "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n";

#[tokio::test]
async fn idle_connections_leave_files_for_the_admin_listener() {
    for files in [64, 100] {
        let upstream = Upstream::good().await;
        let config = format!("{PLAIN}{}", plain_route(&[&upstream]));
        let gateway = Gateway::with_files(&config, files).await;
        let noted = |line: &serde_json::Value| {
            line["message"].as_str().unwrap_or_default().contains("connections instead of 10000")
        };
        gateway.logged("the lower limit", noted).await;
        assert_eq!(ask(&gateway).await, Some(200));

        let mut idle = Vec::new();
        for _ in 0..200 {
            idle.push(TcpStream::connect(gateway.address("plain")).await.unwrap());
            if idle.len() % 20 == 0 {
                assert_eq!(gateway.admin("/livez").await, "the process serves\n", "{files}");
            }
        }
        gateway.admin("/metrics").await;
        drop(idle);

        let mut served = None;
        while served != Some(200) {
            served = ask(&gateway).await;
        }
    }
}

#[tokio::test]
async fn requests_that_are_passed_on_leave_files_for_the_admin_listener() {
    let upstream =
        Upstream::scripted(
            |mut visit: Visit| async move { while visit.request().await.is_some() {} },
        )
        .await;
    let config = format!("{PLAIN}{}", plain_route(&[&upstream]));
    let gateway = Gateway::with_files(&config, 64).await;

    let mut clients = Vec::new();
    for _ in 0..100 {
        let mut client = TestClient::to(gateway.address("plain")).await;
        client.send(GET).await;
        clients.push(client);
    }
    eventually("a request", || (!upstream.requests().is_empty()).then_some(())).await;

    for _ in 0..20 {
        assert_eq!(gateway.admin("/livez").await, "the process serves\n");
    }
}

async fn ask(gateway: &Gateway) -> Option<u16> {
    TestClient::exchange(gateway.address("plain"), GET).await.map(|answer| answer.status())
}
