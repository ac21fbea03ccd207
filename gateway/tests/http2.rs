//! HTTP/2 by raw frames: what HTTP/2 forbids, or two readers could read in two ways, never reaches
//! the service behind.

#![allow(clippy::unwrap_used, reason = "what fails in a helper fails the test")]

mod support;

use tokio::io::AsyncReadExt;

use support::{Gateway, TestClient, TestPki, Upstream, block, eventually, frame};

/// `:method GET`, `:scheme https`, `:path /`, `:authority localhost`.
const GET: &[(&str, &str)] =
    &[(":method", "GET"), (":scheme", "https"), (":path", "/"), (":authority", "localhost")];

#[tokio::test]
async fn what_http_2_forbids_never_reaches_the_service() {
    let (upstream, pki) = (Upstream::good().await, TestPki::new());
    let gateway = Gateway::start(&format!(
        "{}[[route]]\nupstreams = [{:?}]\n",
        pki.listener("required"),
        upstream.url()
    ))
    .await;
    let with = |more: &[(&'static str, &'static str)]| [GET, more].concat();
    let path = |path: &'static str| {
        let mut fields = GET.to_vec();
        fields[2].1 = path;
        fields
    };
    let cases = [
        with(&[("connection", "close")]),
        with(&[("transfer-encoding", "chunked")]),
        with(&[("keep-alive", "timeout=5")]),
        with(&[("proxy-connection", "close")]),
        with(&[("upgrade", "websocket")]),
        with(&[("te", "gzip")]),
        with(&[("X-Upper", "1")]),
        with(&[("x y", "1")]),
        with(&[("x:y", "1")]),
        with(&[("", "1")]),
        with(&[("x", "a\r\nb: c")]),
        with(&[("x", "a\0b")]),
        with(&[("host", "other")]),
        with(&[("host", "localhost"), ("host", "localhost")]),
        with(&[(":path", "/twice")]),
        with(&[(":authority", "other")]),
        with(&[("x", "1"), (":late", "1")]),
        with(&[(":status", "200")]),
        with(&[(":protocol", "websocket")]),
        with(&[("content-length", "5")]),
        with(&[("content-length", "+0")]),
        with(&[("content-length", "0"), ("content-length", "1")]),
        GET[1..].to_vec(),
        [&GET[..1], &GET[2..]].concat(),
        [&GET[..2], &GET[3..]].concat(),
        GET[..3].to_vec(),
        path(""),
        path("*"),
        path("x"),
        path("/a b"),
        path("/a\r\nb"),
        path("/../x"),
        path("//x"),
        path("/%2e%2e/x"),
        path("http://localhost/"),
    ];
    let mut wrong = Vec::new();
    for fields in cases {
        let before = upstream.received();
        let mut client = TestClient::presenting(&pki.of("caller"), gateway.address("secure"), "h2");
        client.send(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").await;
        client.send(frame(4, 0, 0, &[])).await;
        client.send(frame(1, 0x5, 1, &block(&fields))).await;
        let fate = fate(&mut client).await;

        let received = upstream.received();
        if fate == "200" || received != before {
            wrong.push(format!("{fields:?}: {fate}, {received:?}"));
        }
    }
    let mut client = TestClient::presenting(&pki.of("caller"), gateway.address("secure"), "h2");
    client.send(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").await;
    client.send(frame(4, 0, 0, &[])).await;
    client.send(frame(1, 0x5, 1, &block(GET))).await;
    assert_eq!(fate(&mut client).await, "200");
    assert_eq!(wrong, [""; 0]);
    eventually("the good one", || (upstream.requests().len() == 1).then_some(())).await;
}

/// Waits until the first stream has its answer or its reset, or the connection its end; returns
/// which.
async fn fate(client: &mut TestClient) -> &'static str {
    loop {
        let Ok(header) = support::within("a frame", exactly::<9>(client)).await else {
            return "closed";
        };
        let length =
            usize::from(header[0]) << 16 | usize::from(header[1]) << 8 | usize::from(header[2]);
        let mut payload = vec![0; length];
        if client.talk.stream.read_exact(&mut payload).await.is_err() {
            return "closed";
        }
        match header[3] {
            // An answer, by the indexes that its status has in the static table; 405 has none.
            1 if payload[0] == 0x88 => return "200",
            1 => return "refused",
            3 => return "reset",
            7 if payload[4..8] != [0; 4] => return "closed",
            _ => {}
        }
    }
}

async fn exactly<const N: usize>(client: &mut TestClient) -> std::io::Result<[u8; N]> {
    let mut bytes = [0; N];
    client.talk.stream.read_exact(&mut bytes).await?;
    Ok(bytes)
}
