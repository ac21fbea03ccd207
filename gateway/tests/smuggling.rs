//! Requests that two readers could read in two ways, byte by byte: the service behind receives
//! exactly one canonical message, or nothing.

#![allow(clippy::unwrap_used, reason = "what fails in a helper fails the test")]

mod support;

use tokio::io::AsyncWriteExt;

use support::{
    End, Gateway, Message, TestClient, TestPki, Upstream, eventually, plain_gateway, plain_route,
};

/// What becomes of a request.
enum Fate {
    /// The caller is answered with 400; the service has the beginning, and never the end of it.
    CutOff,
    /// The service receives exactly this, besides what traces it.
    Passed(&'static str),
    /// The caller is answered with this status, and the connection ends; nothing is received.
    Refused(u16),
    /// The same, and the connection may live on.
    TurnedAway(u16),
}
use Fate::{CutOff, Passed, Refused, TurnedAway};

const PLAIN_GET: &str = "GET / HTTP/1.1\r\nhost: a\r\n\r\n";

#[tokio::test]
async fn what_frames_a_body_in_two_ways_is_refused_or_made_canonical() {
    let chunked = "POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n\
                   3\r\nabc\r\n0\r\n\r\n";
    let sized = "POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 3\r\n\r\nabc";
    let te =
        |value: &str| format!("POST / HTTP/1.1\r\nHost: a\r\n{value}\r\n\r\n3\r\nabc\r\n0\r\n\r\n");
    let cl = |value: &str| format!("POST / HTTP/1.1\r\nHost: a\r\n{value}\r\n\r\nabc");
    check([
        (te("Transfer-Encoding: chunked"), Passed(chunked)),
        (te("Transfer-Encoding: Chunked"), Passed(chunked)),
        (te("Transfer-Encoding:chunked"), Passed(chunked)),
        (te("Content-Length: 3\r\nTransfer-Encoding: chunked"), Passed(chunked)),
        (te("Transfer-Encoding: chunked\r\nContent-Length: 3"), Passed(chunked)),
        (te("Transfer-Encoding: chunked\r\nContent-Length: 99"), Passed(chunked)),
        (te("Transfer-Encoding: chunked\r\nContent-Length: x"), Passed(chunked)),
        (te("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked"), Refused(400)),
        (te("Transfer-Encoding: identity\r\nTransfer-Encoding: chunked"), Refused(400)),
        (te("Transfer-Encoding: chunked\r\nTransfer-Encoding: identity"), Refused(400)),
        (te("Transfer-Encoding: chunked, chunked"), Refused(400)),
        (te("Transfer-Encoding: identity, chunked"), Refused(400)),
        (te("Transfer-Encoding: chunked, identity"), Refused(400)),
        (te("Transfer-Encoding: chunked,"), Refused(400)),
        (te("Transfer-Encoding: ,chunked"), Refused(400)),
        (te("Transfer-Encoding: gzip, chunked"), Refused(400)),
        (te("Transfer-Encoding: xchunked"), Refused(400)),
        (te("Transfer-Encoding: chunkedx"), Refused(400)),
        (te("Transfer-Encoding: \"chunked\""), Refused(400)),
        (te("Transfer-Encoding: chunked;q=1"), Refused(400)),
        (te("Transfer-Encoding:"), Refused(400)),
        (te("Transfer-Encoding: identity"), Refused(400)),
        (te("Transfer-Encoding: \tchunked\t"), Passed(chunked)),
        (te("Transfer-Encoding: \x0bchunked"), Refused(400)),
        (te("Transfer-Encoding: chunked\x0b"), Refused(400)),
        (te("Transfer-Encoding: \x0cchunked"), Refused(400)),
        (te("Transfer-Encoding: chunked\0"), Refused(400)),
        (te("Transfer-Encoding : chunked"), Refused(400)),
        (te("Transfer-Encoding\t: chunked"), Refused(400)),
        (te(" Transfer-Encoding: chunked"), Refused(400)),
        (te("X: y\r\n Transfer-Encoding: chunked"), Refused(400)),
        (te("Transfer-Encoding:\r\n chunked"), Refused(400)),
        (te("Transfer-Encoding:\r\n\tchunked"), Refused(400)),
        (te("X: y\rTransfer-Encoding: chunked"), Refused(400)),
        (te("\rTransfer-Encoding: chunked"), Refused(400)),
        (
            te("X: y\nTransfer-Encoding: chunked"),
            Passed(
                "POST / HTTP/1.1\r\nhost: a\r\nx: y\r\ntransfer-encoding: chunked\r\n\r\n\
             3\r\nabc\r\n0\r\n\r\n",
            ),
        ),
        (cl("Content-Length: 3"), Passed(sized)),
        (cl("Content-Length: 3\r\nContent-Length: 3"), Passed(sized)),
        (cl("Content-Length: 03"), Passed(sized)),
        (cl("Content-Length: 3\r\nContent-Length: 4"), Refused(400)),
        (cl("Content-Length: 3\r\nContent-Length: 0"), Refused(400)),
        (cl("Content-Length: +3"), Refused(400)),
        (cl("Content-Length: -3"), Refused(400)),
        (cl("Content-Length: -0"), Refused(400)),
        (cl("Content-Length: 3, 3"), Refused(400)),
        (cl("Content-Length: 3,4"), Refused(400)),
        (cl("Content-Length: 0x3"), Refused(400)),
        (cl("Content-Length: 3 3"), Refused(400)),
        (cl("Content-Length: 3\x0b"), Refused(400)),
        (cl("Content-Length: 3a"), Refused(400)),
        (cl("Content-Length: 3.0"), Refused(400)),
        (cl("Content-Length: ٣"), Refused(400)),
        (cl("Content-Length:"), Refused(400)),
        (cl("Content-Length : 3"), Refused(400)),
        (cl("Content-Length:\r\n 3"), Refused(400)),
        (cl("Content-Length: 18446744073709551616"), Refused(400)),
        (cl("Content-Length: 18446744073709551615"), Refused(431)),
        (cl("Content-Length: 99999999999999999999999999999999"), Refused(400)),
    ])
    .await;
}

#[tokio::test]
async fn chunks_that_are_none_end_the_request() {
    let post = |body: &str| {
        format!("POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n{body}")
    };
    let canonical = "POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n\
                     3\r\nabc\r\n0\r\n\r\n";
    let cases = [
        ("3;x=y\r\nabc\r\n0\r\n\r\n", Passed(canonical)),
        ("3;x=\"y\"\r\nabc\r\n0;z\r\n\r\n", Passed(canonical)),
        ("3 \r\nabc\r\n0\r\n\r\n", Passed(canonical)),
        ("03\r\nabc\r\n000\r\n\r\n", Passed(canonical)),
        ("3\r\nabc\r\n0\r\nX-Real-IP: 1.2.3.4\r\nContent-Length: 9\r\n\r\n", Passed(canonical)),
        ("3;x\ny\r\nabc\r\n0\r\n\r\n", Refused(400)),
        ("3\nabc\n0\n\n", Refused(400)),
        ("3\rabc\r0\r\r", Refused(400)),
        ("+3\r\nabc\r\n0\r\n\r\n", Refused(400)),
        ("-3\r\nabc\r\n0\r\n\r\n", Refused(400)),
        ("0x3\r\nabc\r\n0\r\n\r\n", Refused(400)),
        ("g\r\nabc\r\n0\r\n\r\n", Refused(400)),
        ("\r\nabc\r\n0\r\n\r\n", Refused(400)),
        (";x\r\nabc\r\n0\r\n\r\n", Refused(400)),
        ("10000000000000003\r\nabc\r\n0\r\n\r\n", Refused(400)),
        ("fffffffffffffffff\r\nabc\r\n0\r\n\r\n", Refused(400)),
    ];
    check(cases.map(|(body, fate)| (post(body), fate))).await;
}

#[tokio::test]
async fn a_body_that_breaks_in_its_middle_never_looks_whole() {
    let post = |body: &str| {
        format!("POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n{body}")
    };
    check([
        (post("3\r\nabcd\r\n0\r\n\r\n"), CutOff),
        (post("3\r\nabc0\r\n\r\n"), CutOff),
        (post("3\r\nabc\r\n1\r\n\r\n\r\n0x\r\n\r\n"), CutOff),
    ])
    .await;
}

#[tokio::test]
async fn a_host_is_there_once_and_is_one() {
    let get = |target: &str, fields: &str| format!("GET {target} HTTP/1.1\r\n{fields}\r\n");
    check([
        (get("/", "Host: a\r\n"), Passed(PLAIN_GET)),
        (get("/", ""), Refused(400)),
        (get("/", "Host:\r\n"), Refused(400)),
        (get("/", "Host: a\r\nHost: a\r\n"), Refused(400)),
        (get("/", "Host: a\r\nHost: b\r\n"), Refused(400)),
        (get("/", "Host: a\r\nhOST: b\r\n"), Refused(400)),
        (get("/", "Host: a\r\n Host: b\r\n"), Refused(400)),
        (get("/", "Host : a\r\n"), Refused(400)),
        (get("/", "Host: u@a\r\n"), Refused(400)),
        (get("/", "Host: u:p@a\r\n"), Refused(400)),
        (get("/", "Host: a/b\r\n"), Refused(400)),
        (get("/", "Host: a b\r\n"), Refused(400)),
        (get("/", "Host: a\tb\r\n"), Refused(400)),
        (get("/", "Host: a,b\r\n"), Refused(400)),
        (get("/", "Host: a:80:80\r\n"), Refused(400)),
        (get("/", "Host: a:x\r\n"), Refused(400)),
        (get("/", "Host: a%00\r\n"), Refused(400)),
        (get("/", "Host: a?b\r\n"), Refused(400)),
        (get("/", "Host: a#b\r\n"), Refused(400)),
        (get("/", "Host: http://a\r\n"), Refused(400)),
        (get("http://a/", "Host: a\r\n"), Passed(PLAIN_GET)),
        (get("http://A/", "Host: a\r\n"), Passed(PLAIN_GET)),
        (get("http://a", "Host: a\r\n"), Passed(PLAIN_GET)),
        (get("http://b/", "Host: a\r\n"), Refused(400)),
        (get("http://a:81/", "Host: a\r\n"), Refused(400)),
        (get("http://u@a/", "Host: a\r\n"), Refused(400)),
        (get("http://u@a/", "Host: u@a\r\n"), Refused(400)),
        (get("http:///", "Host: a\r\n"), Refused(400)),
        (get("a:80", "Host: a:80\r\n"), Refused(400)),
        (get("*", "Host: a\r\n"), Refused(400)),
        (get("a", "Host: a\r\n"), Refused(400)),
        (get("?a", "Host: a\r\n"), Refused(400)),
        (get("@b/", "Host: a\r\n"), Refused(400)),
    ])
    .await;
}

#[tokio::test]
async fn a_request_line_is_one_method_one_target_and_one_version() {
    let line = |line: &str| format!("{line}\r\nHost: a\r\n\r\n");
    check([
        (line("GET / HTTP/1.1"), Passed(PLAIN_GET)),
        (line("get / HTTP/1.1"), Passed("get / HTTP/1.1\r\nhost: a\r\n\r\n")),
        (line("\r\nGET / HTTP/1.1"), Passed(PLAIN_GET)),
        (line("GET / HTTP/1.0"), Passed(PLAIN_GET)),
        (line("GET  / HTTP/1.1"), Refused(400)),
        (line("GET /  HTTP/1.1"), Refused(400)),
        (line("GET / HTTP/1.1 "), Refused(400)),
        (line("GET\t/\tHTTP/1.1"), Refused(400)),
        (line("GET /a b HTTP/1.1"), Refused(400)),
        (line("GET /a\tb HTTP/1.1"), Refused(400)),
        (line("GET /a\x0bb HTTP/1.1"), Refused(400)),
        (line("GET /a\0b HTTP/1.1"), Refused(400)),
        (line("GET /a\rb HTTP/1.1"), Refused(400)),
        (line(" GET / HTTP/1.1"), Refused(400)),
        (line("G(T / HTTP/1.1"), Refused(400)),
        (line("GET / HTTP/1.2"), Refused(400)),
        (line("GET / HTTP/2.0"), Refused(400)),
        (line("GET / HTTP/0.9"), Refused(400)),
        (line("GET / http/1.1"), Refused(400)),
        (line("GET / XTTP/1.1"), Refused(400)),
        (line("GET /"), Refused(400)),
        (line("GET"), Refused(400)),
        (line("CONNECT a:80 HTTP/1.1"), TurnedAway(405)),
        (line("TRACE / HTTP/1.1"), TurnedAway(405)),
        (
            "POST / HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n".to_owned(),
            Refused(400),
        ),
        ("GET / HTTP/1.0\r\n\r\n".to_owned(), Refused(400)),
    ])
    .await;
}

#[tokio::test]
async fn header_fields_are_clean_or_refused() {
    let get = |field: &str| format!("GET / HTTP/1.1\r\nHost: a\r\n{field}\r\n\r\n");
    check([
        (get("X: a\0b"), Refused(400)),
        (get("X: a\x01b"), Refused(400)),
        (get("X: a\x7fb"), Refused(400)),
        (get("X: a\rb"), Refused(400)),
        (get("X: a\r\n b"), Refused(400)),
        (get("X\0: a"), Refused(400)),
        (get("X Y: a"), Refused(400)),
        (get("X\x0b: a"), Refused(400)),
        (get(": a"), Refused(400)),
        (get("X"), Refused(400)),
        (get("X\r\nY: a"), Refused(400)),
        (get("X(: a"), Refused(400)),
        (get("Xé: a"), Refused(400)),
        (get("X: a\tb"), Passed("GET / HTTP/1.1\r\nhost: a\r\nx: a\tb\r\n\r\n")),
        (get("Transfer_Encoding: chunked"), Passed(PLAIN_GET)),
        (get("Content_Length: 5"), Passed(PLAIN_GET)),
        (get("Transfer.Encoding: chunked"), Passed(PLAIN_GET)),
        (get("HTTP_TRANSFER_ENCODING: chunked"), Passed(PLAIN_GET)),
        (get("Host_: b"), Passed("GET / HTTP/1.1\r\nhost: a\r\nhost_: b\r\n\r\n")),
        (get("Connection: close"), Passed(PLAIN_GET)),
        (get("Connection: x\r\nX: 1"), Passed(PLAIN_GET)),
        (get("Connection: host"), Passed(PLAIN_GET)),
        (get("Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__"),
            Passed(PLAIN_GET)),
        (get("Connection: Upgrade\r\nUpgrade: TLS/1.0"), Passed(PLAIN_GET)),
        (get("Connection: Upgrade\r\nUpgrade: websocket, h2c"), Passed(PLAIN_GET)),
        (get("Upgrade: websocket"), Passed(PLAIN_GET)),
        (get("TE: trailers"),
            Passed("GET / HTTP/1.1\r\nhost: a\r\nte: trailers\r\nconnection: te\r\n\r\n")),
        (get("Keep-Alive: timeout=5\r\nProxy-Connection: close"), Passed(PLAIN_GET)),
    ])
    .await;
}

#[tokio::test]
async fn connection_cannot_take_the_framing_away() {
    let sized = "POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 3\r\n\r\nabc";
    let chunked = "POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n\
                   3\r\nabc\r\n0\r\n\r\n";
    let websocket = "POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 3\r\nconnection: upgrade\r\n\
                     upgrade: websocket\r\n\r\nabc";
    let cases = [
        ("Connection: content-length\r\nContent-Length: 3", "abc", Passed(sized)),
        (
            "Connection: Upgrade, Transfer-Encoding\r\nTransfer-Encoding: chunked",
            "3\r\nabc\r\n0\r\n\r\n",
            Passed(chunked),
        ),
        (
            "Connection: Upgrade\r\nUpgrade: websocket\r\nContent-Length: 3",
            "abc",
            Passed(websocket),
        ),
        ("Connection: Upgrade\r\nUpgrade: h2c\r\nContent-Length: 3", "abc", Passed(sized)),
        ("Expect: 100-continue\r\nContent-Length: 3", "abc", Passed(sized)),
        ("Expect: x\r\nContent-Length: 3", "abc", Passed(sized)),
    ];
    let post = |fields, body| format!("POST / HTTP/1.1\r\nHost: a\r\n{fields}\r\n\r\n{body}");
    check(cases.map(|(fields, body, fate)| (post(fields, body), fate))).await;
}

#[tokio::test]
async fn a_request_hidden_in_a_body_stays_in_it() {
    let (gateway, upstream) = pair().await;
    let hidden = "GET /hidden HTTP/1.1\r\nHost: a\r\n\r\n";
    let mut client = TestClient::to(gateway.address("plain")).await;

    let length = hidden.len();
    client
        .send(format!("POST /one HTTP/1.1\r\nHost: a\r\nContent-Length: {length}\r\n\r\n{hidden}"))
        .await;
    client.send("GET /two HTTP/1.1\r\nHost: a\r\n\r\nGET /three HTTP/1.1\r\nHost: a\r\n\r\n").await;
    for _ in 0..3 {
        assert_eq!(client.answer().await.status(), 200);
    }

    let lines: Vec<_> = upstream.requests().iter().map(|seen| seen.head[0].clone()).collect();
    assert_eq!(lines, ["POST /one HTTP/1.1", "GET /two HTTP/1.1", "GET /three HTTP/1.1"]);
    assert_eq!(upstream.requests()[0].text(), hidden);
}

#[tokio::test]
async fn after_a_length_beside_chunks_the_connection_ends() {
    let (gateway, upstream) = pair().await;
    for fields in [
        "Content-Length: 4\r\nTransfer-Encoding: chunked",
        "Transfer-Encoding: chunked\r\nContent-Length: 4",
    ] {
        let mut client = TestClient::to(gateway.address("plain")).await;

        client
            .send(format!(
                "POST /one HTTP/1.1\r\nHost: a\r\n{fields}\r\n\r\n0\r\n\r\n\
                 GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n"
            ))
            .await;

        assert_eq!(client.answer().await.status(), 200);
        assert_eq!(client.end().await.0, "", "{fields}");
    }
    assert!(upstream.requests().iter().all(|seen| seen.head[0] == "POST /one HTTP/1.1"));
}

#[tokio::test]
async fn a_path_that_could_lead_past_its_prefix_is_refused() {
    let (good, other) = (Upstream::good().await, Upstream::good().await);
    let gateway = Gateway::start(&format!(
        "{}{}path_prefix = \"/status\"\n{}path_prefix = \"/other\"\n",
        support::PLAIN,
        plain_route(&[&good]),
        plain_route(&[&other])
    ))
    .await;
    let ask = async |path: &str| {
        let request = format!("GET {path} HTTP/1.1\r\nHost: a\r\n\r\n");
        TestClient::exchange(gateway.address("plain"), request).await.unwrap()
    };

    for path in [
        "/status",
        "/status/",
        "/status?x=/../",
        "/status/a%20b",
        "/status/a;b/c",
        "/status/100%25",
    ] {
        assert_eq!(ask(path).await.status(), 200, "{path}");
        let seen = good.requests().pop().unwrap();
        assert_eq!(seen.head[0], format!("GET {path} HTTP/1.1"));
    }
    for path in ["/", "/statusfoo", "/x/status"] {
        assert_eq!(ask(path).await.status(), 404, "{path}");
    }
    let before = good.requests().len();
    for path in [
        "/status/../other",
        "/status/./x",
        "/status/..",
        "/status/.",
        "/./status",
        "/../status",
        "/status/%2e%2e/other",
        "/status/%2E./other",
        "/status/.%2e/x",
        "/status%2f..%2fother",
        "/status%2Fx",
        "/status%5c..%5cother",
        "/status/..%5cother",
        "/status\\..\\other",
        "//status",
        "/status//x",
        "/status//",
        "/status%00",
        "/status/x%00.html",
        "/status/..;/other",
        "/status/..;x=y/other",
        "/status/.;/x",
        "/status/%",
        "/status/%2",
        "/status/%zz",
        "/status/%u002e",
        "/status;x",
        "/statu%73",
        "/Status",
        "/status/%252e%252e/x",
    ] {
        let answer = ask(path).await;
        assert_eq!(answer.status(), 400, "{path}");
        assert_eq!(answer.field("content-type"), Some("application/problem+json"), "{path}");
        assert_eq!(answer.field("connection"), Some("close"), "{path}");
    }
    assert_eq!((good.requests().len(), other.requests().len()), (before, 0));
}

/// The routes of an issue: what anyone may ask for, and what only some may.
#[tokio::test]
async fn no_spelling_of_a_path_takes_the_route_of_another() {
    let (public, admin) = (Upstream::good().await, Upstream::good().await);
    let gateway = Gateway::start(&format!(
        "{}{}{}path_prefix = \"/admin\"\n{}path_prefix = \"/api/admin\"\n",
        support::PLAIN,
        plain_route(&[&public]),
        plain_route(&[&admin]).replace("anonymous = true\n", ""),
        plain_route(&[&admin]).replace("anonymous = true\n", "")
    ))
    .await;
    let ask = async |path: &str| {
        let request = format!("GET {path} HTTP/1.1\r\nHost: a\r\n\r\n");
        TestClient::exchange(gateway.address("plain"), request).await.unwrap()
    };

    for path in ["/app/page;jsessionid=1", "/administrator", "/;jsessionid=1", "/caf%C3%A9/100%25"]
    {
        assert_eq!(ask(path).await.status(), 200, "{path}");
        assert_eq!(public.requests().pop().unwrap().head[0], format!("GET {path} HTTP/1.1"));
    }
    for path in ["/admin", "/admin/x;y", "/api/admin"] {
        assert_eq!(ask(path).await.status(), 403, "{path}");
    }
    let before = public.requests().len();
    for (path, why) in [
        ("/;/admin/x", "an empty segment"),
        ("/;a=b/admin/x", "an empty segment"),
        ("/;;/admin/x", "an empty segment"),
        ("/api/;/admin", "an empty segment"),
        ("/%3b/admin/x", "an empty segment"),
        ("/admin;x/y", "a parameter (;)"),
        ("/ADMIN", "another case"),
        ("/admin.", "a dot or a space"),
        ("/admin%20", "a dot or a space"),
        ("/%61dmin", "an encoded letter"),
        ("/%2561dmin", "an encoded percent sign"),
        ("/%c0%afadmin", "not UTF-8"),
        ("/admin::$DATA", "a stream's name"),
        ("/index.php/admin", "a script's name"),
        ("/admin.json", "an extension"),
        ("/%EF%BC%8Fadmin", "a character outside ASCII"),
        ("/admin%23", "an encoded ? or #"),
        ("/admin%0a", "an encoded control character"),
    ] {
        let answer = ask(path).await;
        assert_eq!(answer.status(), 400, "{path}");
        let shown = answer.text();
        assert!(shown.contains(why), "{path}: {shown}");
        assert!(!shown.contains("admin"), "{shown}");
    }
    assert_eq!((public.requests().len(), admin.requests().len()), (before, 0));
}

#[tokio::test]
async fn a_method_that_is_refused_is_refused_in_any_case() {
    let upstream = Upstream::good().await;
    let gateway = Gateway::start(&format!("{}{}", support::PLAIN, plain_route(&[&upstream]))).await;
    let ask = async |method: &str| {
        let request = format!("{method} / HTTP/1.1\r\nHost: a\r\n\r\n");
        TestClient::exchange(gateway.address("plain"), request).await.unwrap()
    };

    assert_eq!(ask("get").await.status(), 200);
    for method in ["TRACE", "trace", "Trace", "TRACK", "track"] {
        let answer = ask(method).await;
        assert_eq!(answer.status(), 405, "{method}");
        assert!(answer.text().contains("TRACE and TRACK are not supported"), "{method}");
    }
    assert_eq!(upstream.requests().len(), 1);
}

#[tokio::test]
async fn a_refused_request_gets_no_100_continue() {
    let (upstream, pki) = (Upstream::good().await, TestPki::new());
    let gateway = Gateway::start(&format!(
        "{}{}allow = [{{ common_name = \"another\" }}]\n",
        pki.listener("required"),
        plain_route(&[&upstream]).replace("anonymous = true\n", "")
    ))
    .await;
    let mut client =
        TestClient::presenting(&pki.of("caller"), gateway.address("secure"), "http/1.1");

    client
        .send("POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n")
        .await;
    let head = support::within("an answer", client.talk.head()).await.unwrap();

    assert_eq!(head[0], "HTTP/1.1 403 Forbidden");
    client.send("GET /hidden HTTP/1.1\r\nHost: a\r\n\r\n").await;
    let (rest, _) = client.end().await;
    assert!(!rest.contains("HTTP/1.1"), "{rest}");
    assert_eq!(upstream.received(), [""; 0]);
}

/// Plays each request on a connection of its own; what the service received must be its fate.
async fn check<R: AsRef<str>>(cases: impl IntoIterator<Item = (R, Fate)>) {
    let (gateway, upstream) = pair().await;
    let mut wrong = Vec::new();
    for (request, fate) in cases {
        let request = request.as_ref();
        let mut client = TestClient::to(gateway.address("plain")).await;
        client.send(request).await;
        let answer = client.try_answer().await;
        // What is refused is closed without being asked to.
        if !matches!(fate, Refused(_)) {
            client.finish().await;
        }
        let (rest, end) = client.end().await;
        if matches!(fate, CutOff) {
            eventually("its end", || (upstream.open() == 0).then_some(())).await;
        }
        let received = upstream.take_received().concat();
        let status = answer.as_ref().map(Message::status);
        let right = rest.is_empty()
            && end == End::Closed
            && match fate {
                Passed(expected) => {
                    status == Some(200) && canonical(&received) == canonical(expected)
                }
                Refused(expected) => {
                    let close = answer.as_ref().and_then(|answer| answer.field("connection"));
                    status == Some(expected) && received.is_empty() && close == Some("close")
                }
                CutOff => status == Some(400) && !received.ends_with("0\r\n\r\n"),
                TurnedAway(expected) => status == Some(expected) && received.is_empty(),
            };
        if !right {
            wrong.push(format!("{request:?}\n    -> {status:?} {rest:?} {end:?} {received:?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// A message with its fields in order, without those that the gateway adds to each.
fn canonical(message: &str) -> String {
    let (head, body) = message.split_once("\r\n\r\n").unwrap_or((message, ""));
    let mut lines = head.split("\r\n");
    let first = lines.next().unwrap_or_default();
    let mut fields: Vec<_> = lines
        .filter(|line| !line.starts_with("traceparent: ") && !line.starts_with("via: "))
        .collect();
    fields.sort_unstable();
    format!("{first}\r\n{}\r\n\r\n{body}", fields.join("\r\n"))
}

async fn pair() -> (Gateway, Upstream) {
    let upstream = Upstream::good().await;
    let gateway = plain_gateway(&[&upstream], "").await;
    (gateway, upstream)
}

#[tokio::test]
async fn a_refusal_arrives_though_its_client_still_sends() {
    let (gateway, _upstream) = pair().await;
    for head in [
        "POST /.. HTTP/1.1\r\nHost: a\r\nContent-Length: 100000000\r\n\r\n",
        "POST / HTTP/1.1\r\nContent-Length: 100000000\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked, chunked\r\n\r\n",
    ] {
        for _ in 0..20 {
            let mut client = TestClient::to(gateway.address("plain")).await;

            // He looks at the answer only once all of this is gone.
            let body = vec![b'x'; 4 * 1024 * 1024];
            client.send(head).await;
            let sent = client.talk.stream.write_all(&body).await;
            let answer = client.try_answer().await;

            assert!(sent.is_ok(), "{head:?}: {sent:?}");
            assert_eq!(answer.map(|answer| answer.status()), Some(400), "{head:?}");
        }
    }
}

#[tokio::test]
async fn a_broken_body_is_not_blamed_on_the_service() {
    let (gateway, upstream) = pair().await;
    let address = upstream.url();

    for _ in 0..5 {
        let broken = "POST /bad HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\nx\r\n";
        let answer = TestClient::exchange(gateway.address("plain"), broken).await.unwrap();
        assert_eq!(answer.status(), 400);
        assert_eq!(answer.field("content-type"), Some("application/problem+json"));
    }

    let line = gateway.request("/bad").await;
    assert!(line["why"].as_str().unwrap().starts_with("the body of the request is malformed"));
    let failed =
        format!("gateway_upstream_requests_total{{upstream=\"{address}\",result=\"failed\"}}");
    assert_eq!(gateway.metric(&failed).await, 0.0);
    assert_eq!(
        gateway.metric(&format!("gateway_upstream_up{{upstream=\"{address}\"}}")).await,
        1.0
    );
}
