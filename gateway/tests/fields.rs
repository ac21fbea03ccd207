//! Header fields between HTTP/1.1 and HTTP/2: each arrives in the form that the next HTTP wants.

#![allow(clippy::unwrap_used, reason = "what fails in a helper fails the test")]

mod support;

use bytes::Bytes;
use http::header::{CONTENT_LENGTH, COOKIE};
use http::{HeaderValue, Request};
use http_body_util::{Empty, Full};
use mtls::client::{Client, Protocol};
use proptest::strategy::{Strategy, ValueTree};
use proptest::test_runner::TestRunner;
use support::{
    Gateway, Message, PLAIN, TestClient, TestPki, Upstream, Visit, client, plain_gateway,
};

#[tokio::test]
async fn cookies_of_http_2_reach_http_1_as_one_field() {
    let (gateway, upstream, pki) = setup().await;
    let client = client(&pki.of("caller"), gateway.address("secure"), Protocol::Http2);
    let mut runner = TestRunner::deterministic();
    let cookies = proptest::collection::vec("[a-z]{1,5}=[!-+.-:<-~]{0,20}", 0..9);

    for _ in 0..50 {
        let cookies = cookies.new_tree(&mut runner).unwrap().current();
        let mut request = Request::get("https://localhost/").body(Empty::<Bytes>::new()).unwrap();
        for cookie in &cookies {
            request.headers_mut().append(COOKIE, HeaderValue::from_str(cookie).unwrap());
        }

        assert_eq!(client.request(request).await.unwrap().status(), 200);

        let joined = cookies.join("; ");
        let expected = if cookies.is_empty() { vec![] } else { vec![joined.as_str()] };
        let seen = upstream.requests().pop().unwrap();
        assert_eq!(seen.all("cookie"), expected);
    }
}

#[tokio::test]
async fn cookies_of_http_1_reach_any_upstream_as_one_field() {
    let upstream = Upstream::good().await;
    let gateway = plain_gateway(&[&upstream], "").await;

    let cookies = "Cookie: a=1\r\ncookie: b=2\r\nCOOKIE: c=3; d=4\r\n";
    let request = format!("GET / HTTP/1.1\r\nHost: a\r\n{cookies}\r\n");
    let seen = seen(&gateway, &upstream, &request).await;

    assert_eq!(seen.all("cookie"), ["a=1; b=2; c=3; d=4"]);
}

#[tokio::test]
async fn a_method_with_content_and_none_over_http_2_says_so_over_http_1() {
    let (gateway, upstream, pki) = setup().await;
    let client = client(&pki.of("caller"), gateway.address("secure"), Protocol::Http2);
    for (method, length) in [
        ("POST", Some("0")),
        ("PUT", Some("0")),
        ("PATCH", Some("0")),
        ("GET", None),
        ("DELETE", None),
    ] {
        let request = Request::builder().method(method).uri("https://localhost/");

        client.request(request.body(Empty::<Bytes>::new()).unwrap()).await.unwrap();

        let seen = upstream.requests().pop().unwrap();
        assert_eq!(seen.field("content-length"), length, "{method}");
        assert_eq!(seen.field("transfer-encoding"), None, "{method}");
    }
}

#[tokio::test]
async fn equal_lengths_go_out_as_one_in_both_directions() {
    let upstream = Upstream::scripted(|mut visit: Visit| async move {
        while let Some(request) = visit.request().await {
            let lengths = match request.head[0].split(' ').nth(1) {
                Some("/fields") => "content-length: 2\r\ncontent-length: 2\r\n",
                Some("/zeros") => "content-length: 0002\r\n",
                _ => "content-length: 2\r\n",
            };
            visit.send(format!("HTTP/1.1 200 OK\r\n{lengths}\r\nok")).await;
        }
    })
    .await;
    let gateway = plain_gateway(&[&upstream], "").await;
    for path in ["/fields", "/zeros", "/one"] {
        let answer = ask(&gateway, &format!("GET {path} HTTP/1.1\r\nHost: a\r\n\r\n")).await;
        assert_eq!(answer.all("content-length"), ["2"], "{path}");
    }
    for lengths in ["Content-Length: 1\r\nContent-Length: 1\r\n", "Content-Length: 01\r\n"] {
        let request = format!("POST /one HTTP/1.1\r\nHost: a\r\n{lengths}\r\nx");
        let seen = seen(&gateway, &upstream, &request).await;
        assert_eq!((seen.all("content-length"), seen.text().as_str()), (vec!["1"], "x"));
    }
}

#[tokio::test]
async fn equal_lengths_of_http_2_go_out_as_one() {
    let (gateway, upstream, pki) = setup().await;
    let client: Client<Full<Bytes>> =
        client(&pki.of("caller"), gateway.address("secure"), Protocol::Http2);
    let mut request = Request::post("https://localhost/").body(Full::from("x")).unwrap();
    for _ in 0..2 {
        request.headers_mut().append(CONTENT_LENGTH, HeaderValue::from_static("1"));
    }

    let answer = client.request(request).await.unwrap();

    assert_eq!(answer.status(), 200);
    let seen = upstream.requests().pop().unwrap();
    assert_eq!(seen.all("content-length"), ["1"]);
}

#[tokio::test]
async fn te_is_named_in_connection_wherever_the_upstream_speaks_http_1() {
    let upstream = Upstream::good().await;
    let gateway = plain_gateway(&[&upstream], "").await;
    let request = "GET / HTTP/1.1\r\nHost: a\r\nTE: trailers\r\nConnection: te\r\n\r\n";
    let plain = seen(&gateway, &upstream, request).await;
    assert_eq!((plain.all("te"), plain.all("connection")), (vec!["trailers"], vec!["te"]));
    let without = seen(&gateway, &upstream, "GET / HTTP/1.1\r\nHost: a\r\n\r\n").await;
    assert_eq!((without.all("te"), without.all("connection")), (vec![], vec![]));
    let upgrade = "GET / HTTP/1.1\r\nHost: a\r\nTE: trailers\r\nUpgrade: websocket\r\n\
        Connection: upgrade, te\r\n\r\n";
    let upgrade = seen(&gateway, &upstream, upgrade).await;
    assert_eq!(upgrade.all("connection"), ["upgrade", "te"]);
}

#[tokio::test]
async fn via_names_each_gateway_once_with_the_version_that_it_received() {
    let upstream = Upstream::good().await;
    let second = plain_gateway(&[&upstream], "").await;
    let route = format!(
        "[[route]]\nanonymous = true\nupstreams = [\"http://{}\"]\n",
        second.address("plain")
    );
    let first = Gateway::start(&format!("{PLAIN}{route}")).await;

    let old = seen(&first, &upstream, "GET / HTTP/1.0\r\nHost: a\r\n\r\n").await;
    let request = "GET / HTTP/1.1\r\nHost: a\r\nVia: 1.0 fred, 1.1 p.example\r\n\
        Connection: via\r\n\r\n";
    let new = seen(&first, &upstream, request).await;

    let [one, two] = old.all("via")[..] else { unreachable!("{old:?}") };
    assert!(one.starts_with("1.0 gateway-") && two.starts_with("1.1 gateway-"), "{one}, {two}");
    assert_ne!(one[4..], two[4..]);
    let [own, again, then] = new.all("via")[..] else { unreachable!("{new:?}") };
    assert_eq!((own, &again[4..], &then[4..]), ("1.0 fred, 1.1 p.example", &one[4..], &two[4..]));
    let answer = ask(&first, request).await;
    assert_eq!(answer.all("via"), [""; 0]);
}

#[tokio::test]
async fn a_request_that_loops_is_refused_as_loop_detected() {
    let upstream = Upstream::good().await;
    let gateway = plain_gateway(&[&upstream], "").await;
    let own = gateway.address("plain");
    assert_eq!(ask(&gateway, "GET / HTTP/1.1\r\nHost: a\r\n\r\n").await.status(), 200);

    let route = format!("[[route]]\nanonymous = true\nupstreams = [\"http://{own}\"]\n");
    gateway.reload(&format!("{PLAIN}{route}")).await;
    let answer = ask(&gateway, "GET /loop HTTP/1.1\r\nHost: a\r\n\r\n").await;

    assert_eq!(answer.status(), 508);
    let problem: serde_json::Value = serde_json::from_slice(&answer.body).unwrap();
    assert_eq!(problem["error"], "loop-detected");
    support::eventually("both lines", || {
        let lines = gateway.requests();
        (lines.iter().filter(|line| line["path"] == "/loop").count() == 2).then_some(())
    })
    .await;
}

#[tokio::test]
async fn te_reaches_an_upstream_of_http_2_behind_alpn_too() {
    // The far gateway speaks HTTP/2 by ALPN, and has an upstream of HTTP/1.1.
    let (far, upstream, pki) = setup().await;
    let route = format!(
        "[[route]]\nanonymous = true\nlends_identity = true\nupstreams = [\"https://{}\"]\n\
         upstream_tls = {{ identity = {:?}, server_name = \"localhost\" }}\n",
        far.address("secure"),
        pki.of("gateway")
    );
    let gateway = Gateway::start(&format!("{PLAIN}{route}")).await;
    let request = "GET / HTTP/1.1\r\nHost: a\r\nTE: trailers\r\nConnection: te\r\n\r\n";

    let seen = seen(&gateway, &upstream, request).await;

    assert_eq!((seen.all("te"), seen.all("connection")), (vec!["trailers"], vec!["te"]));
    assert!(seen.all("via")[1].starts_with("2.0 "), "{seen:?}");
}

/// What the upstream receives of a request that is answered with 200.
async fn seen(gateway: &Gateway, upstream: &Upstream, request: &str) -> Message {
    let answer = ask(gateway, request).await;
    assert_eq!(answer.status(), 200, "{answer:?}");
    upstream.requests().pop().unwrap()
}

async fn ask(gateway: &Gateway, request: &str) -> Message {
    TestClient::exchange(gateway.address("plain"), request).await.unwrap()
}

async fn setup() -> (Gateway, Upstream, TestPki) {
    let (upstream, pki) = (Upstream::good().await, TestPki::new());
    let gateway = Gateway::start(&format!(
        "{}[[route]]\nupstreams = [{:?}]\n",
        pki.listener("required"),
        upstream.url()
    ))
    .await;
    (gateway, upstream, pki)
}
