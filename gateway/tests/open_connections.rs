//! Connections that were opened under another configuration, of clients that do not heed that they
//! are to end: what is reported of them is what the configuration in force says, and they end.

#![allow(clippy::unwrap_used, reason = "what fails in a helper fails the test")]

mod support;

use std::time::Instant;

use support::{
    Gateway, Http2, Message, TestClient, TestPki, Upstream, Visit, eventually, plain_route,
};

const GET: &str = "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n";

#[tokio::test]
async fn identity_headers_follow_the_configuration_in_force() {
    let (upstream, pki) = (Upstream::good().await, TestPki::new());
    let route = format!("[[route]]\nanonymous = true\nupstreams = [{:?}]\n", upstream.url());
    let file = |mode: &str| match mode {
        "plain" => format!("{}{route}", PLAIN_SECURE),
        mode => format!("{}{route}", pki.listener(mode)),
    };
    let gateway = Gateway::start(&file("required")).await;
    let mut client = Http2::presenting(&pki.of("caller"), gateway.address("secure"), 65_535).await;

    let modes = ["required", "off", "optional", "off", "required", "plain"];
    for (count, mode) in (1..).zip(modes) {
        if count > 1 {
            gateway.reload(&file(mode)).await;
        }
        let path = format!("/{count}");
        client.get(&path).await;
        let request = eventually(&path, || upstream.requests().into_iter().nth(count - 1)).await;
        let line = gateway.request(&path).await;

        let shown = ["client-cert", "x-forwarded-client-cert"].map(|name| request.field(name));
        let verified = mode != "off" && mode != "plain";
        assert_eq!(shown.map(|field| field.is_some()), [verified; 2], "{mode}: {request:?}");
        assert_eq!(line["spiffe_id"] == TestPki::CALLER, verified, "{mode}: {line}");
        assert_eq!(line["cn"] == "caller", verified, "{mode}: {line}");
    }
}

#[tokio::test]
async fn who_came_without_tls_does_not_pass_once_it_is_wanted() {
    for mode in ["required", "optional", "off"] {
        let (upstream, pki) = (Upstream::good().await, TestPki::new());
        let route = plain_route(&[&upstream]);
        let gateway = Gateway::start(&format!("{PLAIN_SECURE}{route}")).await;
        let mut client = TestClient::to(gateway.address("secure")).await;
        client.send(GET).await;
        assert_eq!(client.answer().await.status(), 200);

        gateway.reload(&format!("{}{route}", pki.listener(mode))).await;
        client.send(GET).await;

        let answer = client.try_answer().await;
        let refused = |answer: Message| (answer.status(), answer.text().contains("not-tls"));
        assert!(answer.is_none_or(|answer| refused(answer) == (403, true)), "{mode}");
        assert_eq!(upstream.requests().len(), 1, "{mode}");
    }
}

#[tokio::test]
async fn a_narrowed_allow_holds_for_the_next_stream_of_an_open_connection() {
    let (upstream, pki) = (Upstream::good().await, TestPki::new());
    let file = |name: &str| {
        let route = format!("[[route]]\nupstreams = [{:?}]\n", upstream.url());
        format!("{}{route}allow = [{{ common_name = {name:?} }}]\n", pki.listener("required"))
    };
    let gateway = Gateway::start(&file("caller")).await;
    let mut client = Http2::presenting(&pki.of("caller"), gateway.address("secure"), 65_535).await;
    let stream = client.get("/1").await;
    client.frame_of(Http2::DATA, stream).await;

    gateway.reload(&file("another")).await;
    client.get("/2").await;

    assert_eq!(gateway.request("/2").await["status"], 403);
    assert_eq!(upstream.requests().len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_has_not_ended_by_drain_timeout_is_cut() {
    for removed in [false, true] {
        let (upstream, pki) = (unfinished().await, TestPki::new());
        let file = |mode: &str, name: &str| {
            let listener = pki.listener(mode).replace("secure", name);
            let route = plain_route(&[&upstream]);
            format!("{listener}{route}[limits]\ndrain_timeout = \"1s\"\n")
        };
        let gateway = Gateway::start(&file("required", "secure")).await;
        let listener = gateway.address("secure");
        let open = || TestClient::presenting(&pki.of("caller"), listener, "http/1.1");
        let (mut request, mut tunnel) = (open(), open());
        let mut streams = Http2::presenting(&pki.of("caller"), listener, 65_535).await;
        request.send(GET).await;
        streams.get("/").await;
        tunnel
            .send("GET / HTTP/1.1\r\nHost: localhost\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n")
            .await;
        assert_eq!(tunnel.answer().await.status(), 101);
        eventually("all three", || (upstream.requests().len() == 3).then_some(())).await;
        assert_eq!(upstream.open(), 3);

        let began = Instant::now();
        if removed {
            gateway.reload(&file("required", "another")).await;
        } else {
            gateway.reload(&file("off", "secure")).await;
        }
        request.talk.rest().await;
        streams.end().await;
        tunnel.talk.rest().await;

        let took = began.elapsed();
        assert!((1..8).contains(&took.as_secs()), "{took:?}");
        eventually("the end behind", || (upstream.open() == 0).then_some(())).await;
        let cut = |line: &serde_json::Value| {
            line["message"].as_str().unwrap_or_default().contains("drain timeout")
        };
        eventually("the log", || {
            (gateway.log().iter().filter(|l| cut(l)).count() == 3).then_some(())
        })
        .await;
    }
}

#[tokio::test]
async fn a_connection_of_its_full_age_ends_with_its_next_response() {
    let (upstream, pki) = (Upstream::good().await, TestPki::new());
    let route = plain_route(&[&upstream]);
    let limits = "[limits]\nmax_connection_age = \"1s\"\n";
    let gateway = Gateway::start(&format!("{}{route}{limits}", pki.listener("required"))).await;
    let address = gateway.address("secure");
    let mut client = TestClient::presenting(&pki.of("caller"), address, "http/1.1");
    let mut streams = Http2::presenting(&pki.of("caller"), address, 65_535).await;

    client.send(GET).await;
    let first = client.answer().await;
    streams.frame_of(Http2::GOAWAY, 0).await;
    let began = Instant::now();
    let mut last = first.clone();
    while last.field("connection") != Some("close") {
        assert!(began.elapsed().as_secs() < 5, "{last:?}");
        client.send(GET).await;
        last = client.answer().await;
    }

    assert_eq!((first.status(), last.status()), (200, 200));
    assert_eq!(first.field("connection"), None);
    client.talk.rest().await;
}

/// A service that never ends an answer.
async fn unfinished() -> Upstream {
    Upstream::scripted(|mut visit: Visit| async move {
        let request = visit.request().await.unwrap();
        if request.field("upgrade").is_some() {
            visit
                .send(
                    "HTTP/1.1 101 Switching Protocols\r\nupgrade: x\r\nconnection: upgrade\r\n\r\n",
                )
                .await;
        } else {
            visit.send("HTTP/1.1 200 OK\r\ncontent-length: 1000000\r\n\r\nfirst").await;
        }
        visit.talk.rest().await;
    })
    .await
}

/// The listener of [`TestPki::listener`], without TLS.
const PLAIN_SECURE: &str = "[admin]\nlisten = \"127.0.0.1:0\"\n\
    [[listener]]\nname = \"secure\"\nlisten = \"127.0.0.1:0\"\nplain = true\n";
