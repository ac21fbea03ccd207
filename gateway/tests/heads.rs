//! Large heads and trailers: they pass whole up to limits of ours, and the log says which limit was
//! passed. Nothing is ever cut to fit.

#![allow(clippy::unwrap_used, reason = "what fails in a helper fails the test")]

mod support;

use std::convert::Infallible;

use bytes::Bytes;
use futures_util::stream;
use http::{HeaderMap, HeaderName, HeaderValue, Request, Response, StatusCode};
use http_body::Frame;
use http_body_util::{BodyExt, Empty, StreamBody};
use mtls::client::{Client, Protocol};
use support::{Gateway, Message, PLAIN, TestClient, TestPki, Upstream, Visit, client};
use tokio::net::TcpListener;

#[tokio::test]
async fn trailers_of_http_2_pass_whole_or_reset_the_stream() {
    let (gateway, pki) = behind_h2c(|path| {
        let size: usize = path.parse().unwrap();
        let (one, other) = ("a".repeat(size / 2), "b".repeat(size - size / 2));
        let trailers = [("x-large", &*one), ("x-larger", &*other), ("grpc-status", "0")];
        (fields(&[("content-type", "application/grpc")]), Some(fields(&trailers)))
    })
    .await;
    let client: Client<Empty<Bytes>> =
        client(&pki.of("caller"), gateway.address("secure"), Protocol::Http2);

    for size in [10, 16_000, 17_000, 33_000, 65_000, 66_000, 130_000, 270_000, 400_000] {
        let request = Request::get(format!("https://localhost/{size}")).body(Empty::new()).unwrap();
        let whole = match client.request(request).await {
            Ok(response) => response.into_body().collect().await.ok(),
            Err(_) => None,
        };

        match whole {
            Some(body) => {
                let trailers = body.trailers().unwrap();
                assert!(size <= 65_000, "{size} passed");
                assert_eq!(trailers["grpc-status"], "0");
                let length = trailers["x-large"].len() + trailers["x-larger"].len();
                assert_eq!(length, size);
            }
            None => assert!(size > 65_000, "{size} was reset"),
        }
        let line = gateway.request(&format!("/{size}")).await;
        let end =
            if size > 65_000 { "request aborted by the upstream" } else { "request answered" };
        assert_eq!(line["message"], end, "{line}");
    }
    let line = gateway.request("/66000").await;
    assert!(line["why"].as_str().unwrap().contains("more than 65536 bytes"), "{line}");
}

#[tokio::test]
async fn a_grpc_response_without_its_status_is_a_reset_and_no_success() {
    let (gateway, pki) = behind_h2c(|path| {
        let kind = if path == "other" { "text/plain" } else { "application/grpc" };
        let trailers = (path != "none").then(|| fields(&[("x-a", "1")]));
        (fields(&[("content-type", kind)]), trailers)
    })
    .await;
    let client: Client<Empty<Bytes>> =
        client(&pki.of("caller"), gateway.address("secure"), Protocol::Http2);

    for (path, whole) in [("other", true), ("none", false), ("some", false)] {
        let request = Request::get(format!("https://localhost/{path}")).body(Empty::new()).unwrap();
        // The reset may come before the head was handed over.
        let ended = match client.request(request).await {
            Ok(response) => response.into_body().collect().await.is_ok(),
            Err(_) => false,
        };
        assert_eq!(ended, whole, "{path}");
    }
}

#[tokio::test]
async fn heads_of_http_2_pass_whole_up_to_the_limit_that_the_log_then_names() {
    let (gateway, pki) = behind_h2c(|path| {
        let (count, size) = path.split_once('x').unwrap();
        let (count, size): (usize, usize) = (count.parse().unwrap(), size.parse().unwrap());
        (fields(&vec![("set-cookie", &*"a".repeat(size)); count]), None)
    })
    .await;
    let client: Client<Empty<Bytes>> =
        client(&pki.of("caller"), gateway.address("secure"), Protocol::Http2);

    for (path, limit) in [
        ("1x17000", None),
        ("3x20000", None),
        ("4x20000", Some("more than 65536 bytes, which is the limit max_response_header_bytes")),
        ("100x9", None),
        ("199x9", None),
        ("201x9", Some("more than 200 fields, which is the limit max_header_fields")),
    ] {
        let request = Request::get(format!("https://localhost/{path}")).body(Empty::new()).unwrap();
        let response = client.request(request).await.unwrap();

        assert_limited(&gateway, path, response.status(), limit).await;
        if limit.is_none() {
            let count: usize = path.split_once('x').unwrap().0.parse().unwrap();
            assert_eq!(response.headers().get_all("set-cookie").iter().count(), count);
        }
    }
}

#[tokio::test]
async fn heads_of_http_1_pass_whole_up_to_the_limit_that_the_log_then_names() {
    let upstream = answering_heads().await;
    for (path, more, limit) in [
        ("/1x17000", "", None),
        ("/3x20000", "", None),
        (
            "/4x20000",
            "",
            Some("more than 65536 bytes, which is the limit max_response_header_bytes"),
        ),
        ("/4x20000", "max_response_header_bytes = \"128KiB\"\n", None),
        ("/100x9", "", None),
        ("/150x9", "", None),
        ("/201x9", "", Some("more than 200 fields, which is the limit max_header_fields")),
        ("/201x9", "max_header_fields = 300\n", None),
        ("/20x9", "max_header_fields = 16\n", Some("more than 16 fields")),
    ] {
        let gateway = plain_gateway(&upstream, more).await;

        let answer = ask(&gateway, &format!("GET {path} HTTP/1.1\r\nhost: a\r\n\r\n")).await;

        let status = StatusCode::from_u16(answer.status()).unwrap();
        assert_limited(&gateway, &path[1..], status, limit).await;
        if limit.is_none() {
            let count: usize = path[1..].split_once('x').unwrap().0.parse().unwrap();
            assert_eq!(answer.all("set-cookie").len(), count, "{path}");
        }
    }
}

#[tokio::test]
async fn a_change_of_the_limits_holds_for_the_next_request() {
    let upstream = answering_heads().await;
    let gateway = plain_gateway(&upstream, "").await;
    let request = "GET /201x9 HTTP/1.1\r\nhost: a\r\n\r\n";
    assert_eq!(ask(&gateway, request).await.status(), 502);

    gateway.reload(&config(&upstream, "max_header_fields = 300\n")).await;

    assert_eq!(ask(&gateway, request).await.status(), 200);
}

#[tokio::test]
async fn requests_with_too_many_fields_are_refused_with_the_limit() {
    let upstream = Upstream::good().await;
    let gateway = plain_gateway(&upstream, "").await;
    let pki = TestPki::new();
    let secure = Gateway::start(&format!(
        "{}[[route]]\nupstreams = [{:?}]\n",
        pki.listener("required"),
        upstream.url()
    ))
    .await;
    let client: Client<Empty<Bytes>> =
        client(&pki.of("caller"), secure.address("secure"), Protocol::Http2);

    for (count, size, shown) in [
        (150, 9, None),
        (199, 9, None),
        (201, 9, Some("more than 200 fields")),
        (1, 30_000, None),
        (1, 33_000, Some("more than 32768 bytes")),
    ] {
        let value = "a".repeat(size);
        let fields: String = (0..count - 1).map(|n| format!("x-{n}: {value}\r\n")).collect();
        let last = format!("x-last: {value}\r\n");
        let request = format!(
            "GET / HTTP/1.1\r\nhost: a\r\n{}{last}\r\n",
            if count == 1 { "" } else { &fields }
        );
        // HTTP/1.1's limit of bytes is hyper's to keep, and it says 431 without a problem.
        let answer = ask(&gateway, &request).await;
        assert_eq!(answer.status(), if shown.is_some() { 431 } else { 200 }, "{count} x {size}");
        if size == 9
            && let Some(shown) = shown
        {
            assert_problem(&answer.body, shown);
        }

        let mut request = Request::get("https://localhost/").body(Empty::new()).unwrap();
        for number in 0..count {
            let name: HeaderName = format!("x-{number}").parse().unwrap();
            request.headers_mut().append(name, HeaderValue::from_str(&value).unwrap());
        }
        let response = client.request(request).await.unwrap();
        assert_eq!(response.status(), if shown.is_some() { 431 } else { 200 }, "{count} x {size}");
        let body = response.into_body().collect().await.unwrap().to_bytes();
        if let Some(shown) = shown {
            assert_problem(&body, shown);
        }
    }
}

#[tokio::test]
async fn large_trailers_of_a_request_never_look_whole_to_the_service() {
    let upstream = Upstream::good().await;
    let pki = TestPki::new();
    let gateway = Gateway::start(&format!(
        "{}[[route]]\nupstreams = [{:?}]\n",
        pki.listener("required"),
        upstream.url()
    ))
    .await;
    let client = client(&pki.of("caller"), gateway.address("secure"), Protocol::Http2);

    for (size, status) in [(20_000, 200), (31_000, 200), (33_000, 400), (100_000, 400)] {
        let mut trailers = HeaderMap::new();
        trailers.insert("x-large", HeaderValue::from_str(&"a".repeat(size)).unwrap());
        let frames = [Frame::data(Bytes::from("x")), Frame::trailers(trailers)];
        let body = StreamBody::new(stream::iter(frames.map(Ok::<_, Infallible>)));
        let mut request = Request::post("https://localhost/").body(body).unwrap();
        request.headers_mut().insert("trailer", HeaderValue::from_static("x-large"));

        let before = upstream.requests().len();
        let response = support::within("a response", client.request(request)).await.unwrap();

        assert_eq!(response.status(), status, "{size}");
        let seen = upstream.requests();
        assert_eq!(seen.len() - before, usize::from(status == 200), "{size}");
        if status == 200 {
            assert_eq!(seen.last().unwrap().trailers[0].len(), size + "x-large: ".len());
        }
    }
    let plain = plain_gateway(&upstream, "").await;
    let large = format!("x-large: {}\r\n", "a".repeat(40_000));
    let request = format!(
        "POST / HTTP/1.1\r\nhost: a\r\ntrailer: x-large\r\ntransfer-encoding: chunked\r\n\r\n\
         1\r\nx\r\n0\r\n{large}\r\n"
    );
    let before = upstream.requests().len();
    assert_eq!(ask(&plain, &request).await.status(), 400);
    assert_eq!(upstream.requests().len(), before);
}

async fn assert_limited(gateway: &Gateway, path: &str, status: StatusCode, limit: Option<&str>) {
    assert_eq!(status, if limit.is_some() { 502 } else { 200 }, "{path}");
    let line = gateway.request(&format!("/{path}")).await;
    if let Some(limit) = limit {
        assert!(line["why"].as_str().unwrap().contains(limit), "{path}: {line}");
    }
}

fn assert_problem(body: &[u8], shown: &str) {
    let problem: serde_json::Value = serde_json::from_slice(body).unwrap();
    assert_eq!((&problem["status"], &problem["error"]), (&431.into(), &"head-too-large".into()));
    assert!(problem["detail"].as_str().unwrap().contains(shown), "{problem}");
}

async fn ask(gateway: &Gateway, request: &str) -> Message {
    TestClient::exchange(gateway.address("plain"), request).await.unwrap()
}

async fn plain_gateway(upstream: &Upstream, limits: &str) -> Gateway {
    Gateway::start(&config(upstream, limits)).await
}

fn config(upstream: &Upstream, limits: &str) -> String {
    let url = upstream.url();
    format!("{PLAIN}[[route]]\nanonymous = true\nupstreams = [{url:?}]\n[limits]\n{limits}")
}

/// An upstream of HTTP/1.1 that answers `/COUNTxSIZE` with so many fields of that size.
async fn answering_heads() -> Upstream {
    Upstream::scripted(|mut visit: Visit| async move {
        while let Some(request) = visit.request().await {
            let path = request.head[0].split(' ').nth(1).unwrap();
            let (count, size) = path[1..].split_once('x').unwrap();
            let value = "a".repeat(size.parse().unwrap());
            let fields = format!("set-cookie: {value}\r\n").repeat(count.parse().unwrap());
            let head = format!("HTTP/1.1 200 OK\r\n{fields}content-length: 2\r\n\r\nok");
            visit.send(head).await;
        }
    })
    .await
}

/// A gateway before an upstream of HTTP/2, which answers a path, without its slash, with such
/// header fields, `ok`, and perhaps such trailers.
async fn behind_h2c(
    answer: impl Fn(&str) -> (HeaderMap, Option<HeaderMap>) + Clone + Send + Sync + 'static,
) -> (Gateway, TestPki) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("h2c://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        while let Ok((tcp, _)) = listener.accept().await {
            let answer = answer.clone();
            tokio::spawn(async move {
                let mut connection = h2::server::handshake(tcp).await.unwrap();
                while let Some(Ok((request, mut respond))) = connection.accept().await {
                    let (head, trailers) = answer(&request.uri().path()[1..]);
                    let mut response = Response::new(());
                    *response.headers_mut() = head;
                    let mut body = respond.send_response(response, false).unwrap();
                    body.send_data(Bytes::from("ok"), trailers.is_none()).unwrap();
                    if let Some(trailers) = trailers {
                        body.send_trailers(trailers).unwrap();
                    }
                }
            });
        }
    });
    let pki = TestPki::new();
    let listener = pki.listener("required");
    let gateway = Gateway::start(&format!("{listener}[[route]]\nupstreams = [{url:?}]\n")).await;
    (gateway, pki)
}

fn fields(fields: &[(&'static str, &str)]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for (name, value) in fields {
        headers.append(*name, HeaderValue::from_str(value).unwrap());
    }
    headers
}
