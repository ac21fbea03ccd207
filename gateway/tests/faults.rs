//! Services that fail in every way there is: the caller learns of it by a problem, or by an answer
//! that is visibly broken, and nothing that may have had an effect is sent twice.

#![allow(clippy::unwrap_used, reason = "what fails in a helper fails the test")]

mod support;

use std::collections::HashMap;
use std::time::{Duration, Instant};

use support::{
    End, Gateway, Message, TestClient, Upstream, Visit, eventually, plain_gateway, within,
};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

const OK: &str = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";
const TIMES: &str = "timeouts = { connect = \"1s\", first_byte = \"600ms\", idle = \"600ms\" }\n";

#[tokio::test]
async fn who_refuses_connections_cannot_be_reached() {
    let upstream = Upstream::good().await;
    let gateway = plain_gateway(&[&upstream], "").await;
    drop(upstream);

    let answer = get(&gateway, "/gone").await.unwrap();

    assert_problem(&gateway, &answer, 502, "/gone", "cannot connect").await;
}

#[tokio::test]
async fn what_is_no_answer_is_a_bad_gateway() {
    let long = format!("HTTP/1.1 200 OK\r\nx: {}\r\n\r\n", "a".repeat(1024 * 1024));
    let cases: [(&'static str, Vec<u8>); 11] = [
        ("/nothing", Vec::new()),
        ("/half", b"HTTP/1.1 200 OK\r\ncontent-le".to_vec()),
        ("/rubbish", b"SSH-2.0-OpenSSH_9.2\r\n\r\n".to_vec()),
        ("/bytes", vec![0, 255, 22, 3, 1]),
        ("/long", long.into_bytes()),
        ("/version", b"HTTP/3.0 200 OK\r\ncontent-length: 0\r\n\r\n".to_vec()),
        ("/status", b"HTTP/1.1 20 OK\r\ncontent-length: 0\r\n\r\n".to_vec()),
        (
            "/lengths",
            b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\ncontent-length: 3\r\n\r\nok".to_vec(),
        ),
        ("/signed", b"HTTP/1.1 200 OK\r\ncontent-length: +2\r\n\r\nok".to_vec()),
        ("/nul", b"HTTP/1.1 200 OK\r\nx: a\0b\r\ncontent-length: 2\r\n\r\nok".to_vec()),
        (
            "/unasked",
            b"HTTP/1.1 101 Switching Protocols\r\nupgrade: x\r\nconnection: upgrade\r\n\r\n"
                .to_vec(),
        ),
    ];
    for (path, bytes) in cases {
        let upstream = Upstream::scripted(move |mut visit: Visit| {
            let bytes = bytes.clone();
            async move {
                visit.request().await;
                visit.send(bytes).await;
            }
        })
        .await;
        let gateway = plain_gateway(&[&upstream], "").await;

        let answer = get(&gateway, path).await.unwrap();

        assert_problem(&gateway, &answer, 502, path, "the upstream").await;
        assert_eq!(upstream.requests().len(), 1, "{path} was sent more than once");
    }
}

#[tokio::test]
async fn an_answer_that_dies_in_its_middle_is_never_whole() {
    for (path, head) in [
        ("/length", "HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhalf"),
        ("/chunks", "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n4\r\nhalf\r\n"),
        ("/chunk", "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\na\r\nhalf"),
        ("/last", "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n4\r\nhalf\r\n0\r\n"),
        ("/size", "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n4\r\nhalf\r\nzz\r\n\r\n"),
    ] {
        let upstream = Upstream::scripted(move |mut visit: Visit| async move {
            visit.request().await;
            visit.send(head).await;
        })
        .await;
        let gateway = plain_gateway(&[&upstream], "").await;

        // Either nothing but a problem, or an answer without its end.
        let answer = get(&gateway, path).await;

        assert!(answer.as_ref().is_none_or(|answer| answer.status() == 502), "{path}: {answer:?}");
        let line = gateway.request(path).await;
        assert_ne!(line["message"], "request answered", "{path}: {line}");
    }
}

#[tokio::test]
async fn silence_before_the_answer_is_a_gateway_timeout_and_within_it_an_end() {
    let silent = Upstream::scripted(|mut visit: Visit| async move {
        let request = visit.request().await.unwrap();
        if request.head[0].contains("/middle") {
            visit.send("HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhalf").await;
        }
        visit.request().await;
    })
    .await;
    let gateway = plain_gateway(&[&silent], TIMES).await;

    let began = Instant::now();
    let before = get(&gateway, "/before").await.unwrap();
    let took = began.elapsed();
    let middle = get(&gateway, "/middle").await;

    assert_problem(&gateway, &before, 504, "/before", "did not answer in time").await;
    assert!((Duration::from_millis(550)..Duration::from_secs(3)).contains(&took), "{took:?}");
    assert!(middle.is_none(), "{middle:?}");
    let line = gateway.request("/middle").await;
    assert_eq!(line["message"], "request aborted by the upstream");
    assert_eq!(line["why"], "the upstream stopped sending within a response");
    // What was given up is not left open behind.
    eventually("the end of both connections", || (silent.open() == 0).then_some(())).await;
}

#[tokio::test]
async fn a_body_that_the_service_never_reads_is_a_gateway_timeout() {
    let deaf = Upstream::scripted(|visit: Visit| async move {
        tokio::time::sleep(Duration::from_secs(60)).await;
        drop(visit);
    })
    .await;
    let gateway = plain_gateway(&[&deaf], TIMES).await;
    let tcp = TcpStream::connect(gateway.address("plain")).await.unwrap();
    let (mut read, mut write) = tcp.into_split();

    let head = "POST /deaf HTTP/1.1\r\nHost: a\r\nContent-Length: 100000000\r\n\r\n";
    write.write_all(head.as_bytes()).await.unwrap();
    let writer = tokio::spawn(async move {
        let piece = vec![b'x'; 64 * 1024];
        while write.write_all(&piece).await.is_ok() {}
    });
    let mut answer = vec![0; 4096];
    let count = within("an answer", read.read(&mut answer)).await;

    let answer = String::from_utf8_lossy(&answer[..count.unwrap()]).into_owned();
    assert!(answer.starts_with("HTTP/1.1 504 "), "{answer}");
    drop(read);
    writer.abort();
    assert!(gateway.memory() < 100 * 1024, "{} KiB", gateway.memory());
}

#[tokio::test]
async fn a_stalled_request_body_is_a_408_and_never_reaches_the_upstream() {
    let upstream = Upstream::good().await;
    let gateway = plain_gateway(&[&upstream], TIMES).await;
    let mut client = TestClient::to(gateway.address("plain")).await;

    client.send("POST /slow HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nhalf").await;
    let answer = client.answer().await;

    assert_eq!((answer.status(), answer.field("connection")), (408, Some("close")));
    assert_eq!(client.end().await, (String::new(), End::Closed));
    assert!(upstream.requests().is_empty());
}

#[tokio::test]
async fn an_early_answer_arrives_while_the_upload_goes_on() {
    let picky = Upstream::scripted(|mut visit: Visit| async move {
        visit.talk.head().await;
        visit
            .send("HTTP/1.1 413 Content Too Large\r\ncontent-length: 3\r\nconnection: close\r\n\r\nbig")
            .await;
        let _ = visit.talk.stream.shutdown().await;
        visit.talk.rest().await;
    })
    .await;
    let gateway = plain_gateway(&[&picky], "").await;
    for _ in 0..10 {
        let mut client = TestClient::to(gateway.address("plain")).await;

        client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100000000\r\n\r\n").await;
        let sent = client.talk.stream.write_all(&vec![b'x'; 2 * 1024 * 1024]).await;
        let answer = client.answer().await;

        assert!(sent.is_ok(), "{sent:?}");
        assert_eq!((answer.status(), answer.text().as_str()), (413, "big"));
    }
}

#[tokio::test]
async fn interim_answers_are_not_taken_for_the_answer() {
    let upstream = Upstream::scripted(|mut visit: Visit| async move {
        while visit.request().await.is_some() {
            visit.send("HTTP/1.1 100 Continue\r\n\r\n").await;
            visit.send("HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\n").await;
            visit.send("HTTP/1.1 199 Odd\r\n\r\n").await;
            visit.send(OK).await;
        }
    })
    .await;
    let gateway = plain_gateway(&[&upstream], "").await;

    for _ in 0..3 {
        let answer = get(&gateway, "/").await.unwrap();
        assert_eq!((answer.status(), answer.text().as_str()), (200, "ok"));
        assert_eq!(answer.field("link"), None);
    }
}

#[tokio::test]
async fn what_follows_an_answer_unasked_is_never_the_answer_to_another() {
    let upstream = Upstream::scripted(|mut visit: Visit| async move {
        while visit.request().await.is_some() {
            visit.send(format!("{OK}HTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\npoison")).await;
        }
    })
    .await;
    let gateway = plain_gateway(&[&upstream], "").await;
    let mut client = TestClient::to(gateway.address("plain")).await;

    for _ in 0..200 {
        client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n").await;
        let answer = client.answer().await;
        assert!(answer.status() == 502 || answer.text() == "ok", "{answer:?}");
    }
}

#[tokio::test]
async fn connections_that_close_at_the_wrong_moment_never_double_a_request() {
    // It closes after each answer without a word of it, at once or a moment later.
    let upstream = Upstream::scripted(|mut visit: Visit| async move {
        for _ in 0..1 + visit.number % 3 {
            if visit.request().await.is_none() {
                return;
            }
            visit.send(OK).await;
        }
        for _ in 0..visit.number % 7 {
            tokio::task::yield_now().await;
        }
    })
    .await;
    let gateway = plain_gateway(&[&upstream], "").await;
    let mut statuses: HashMap<(&str, u16), usize> = HashMap::new();
    let mut client = TestClient::to(gateway.address("plain")).await;

    for id in 0..600 {
        let method = if id % 2 == 0 { "GET" } else { "POST" };
        let body = if id % 2 == 0 { "" } else { "Content-Length: 1\r\n" };
        client.send(format!("{method} /{id} HTTP/1.1\r\nHost: a\r\n{body}\r\n")).await;
        if id % 2 == 1 {
            client.send("x").await;
        }
        *statuses.entry((method, client.answer().await.status())).or_default() += 1;
    }

    let mut seen: HashMap<String, usize> = HashMap::new();
    for request in upstream.requests() {
        *seen.entry(request.head[0].clone()).or_default() += 1;
    }
    let doubled: Vec<_> = seen.iter().filter(|(_, times)| **times > 1).collect();
    assert!(doubled.is_empty(), "{doubled:?}");
    assert!(statuses.keys().all(|(_, status)| matches!(status, 200 | 502)), "{statuses:?}");
    let failed = statuses.get(&("GET", 502)).copied().unwrap_or_default();
    assert!(failed <= 15, "{statuses:?}");
}

async fn get(gateway: &Gateway, path: &str) -> Option<Message> {
    let request = format!("GET {path} HTTP/1.1\r\nHost: a\r\n\r\n");
    TestClient::exchange(gateway.address("plain"), request).await
}

async fn assert_problem(gateway: &Gateway, answer: &Message, status: u16, path: &str, why: &str) {
    assert_eq!(answer.status(), status, "{path}: {answer:?}");
    assert_eq!(answer.field("content-type"), Some("application/problem+json"), "{path}");
    let problem: serde_json::Value = serde_json::from_slice(&answer.body).unwrap();
    assert_eq!(problem["status"], status, "{path}: {problem}");
    let line = gateway.request(path).await;
    assert!(line["why"].as_str().unwrap().contains(why), "{path}: {line}");
    assert_eq!(line["status"], status, "{path}: {line}");
}
