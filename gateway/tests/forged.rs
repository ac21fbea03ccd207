//! The service behind sees the true caller, and nothing that a caller said in a proxy's name:
//! whatever the spelling, however often, and wherever in the message.

#![allow(clippy::unwrap_used, reason = "what fails in a helper fails the test")]

mod support;

use std::collections::BTreeSet;

use gateway::headers::forged::{NAMES, WORDS};
use http::{HeaderMap, HeaderName, HeaderValue, Request};
use http_body_util::{BodyExt, StreamBody};
use hyper::body::{Bytes, Frame};
use mtls::client::Protocol;
use proptest::prelude::{Strategy, any};
use proptest::sample::select;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;
use support::{Gateway, Message, TestClient, TestPki, Upstream, client};

/// A name that a caller may not use, in one of its spellings, and what he does with it.
#[derive(Clone, Debug)]
struct Forgery {
    in_connection: bool,
    in_trailer: bool,
    name: String,
    twice: bool,
}

#[tokio::test]
async fn over_http_11_the_service_sees_the_true_caller_and_no_forged_field() {
    let (gateway, upstream, pki) = setup().await;
    let mut caller =
        TestClient::presenting(&pki.of("caller"), gateway.address("secure"), "http/1.1");
    let mut names = BTreeSet::new();

    for forgery in forgeries(400) {
        names.insert(forgery.name.to_ascii_lowercase());
        let Forgery { in_connection, in_trailer, name, twice } = &forgery;
        let mut head = "POST / HTTP/1.1\r\nhost: localhost\r\n\
                        transfer-encoding: chunked\r\n"
            .to_owned();
        let field = format!("{name}: {FORGED}\r\n");
        head.push_str(&field.repeat(1 + usize::from(*twice)));
        if *in_connection {
            head.push_str(&format!("connection: {name}\r\n"));
        }
        let trailer = if *in_trailer { field } else { String::new() };
        if *in_trailer {
            head.push_str(&format!("trailer: {name}\r\n"));
        }
        caller.send(format!("{head}\r\n1\r\nx\r\n0\r\n{trailer}\r\n")).await;
        assert_eq!(caller.answer().await.status(), 200, "{forgery:?}");
        assert_true(&upstream, &pki, &forgery);
    }
    assert!(names.len() >= 200, "only {} names were tried", names.len());
}

#[tokio::test]
async fn over_http_2_the_service_sees_the_true_caller_and_no_forged_field() {
    let (gateway, upstream, pki) = setup().await;
    let client = client(&pki.of("caller"), gateway.address("secure"), Protocol::Http2);

    for forgery in forgeries(400) {
        let name: HeaderName = forgery.name.parse().unwrap();
        let value = HeaderValue::from_static(FORGED);
        let mut frames = vec![Ok::<_, std::convert::Infallible>(Frame::data(Bytes::from("x")))];
        if forgery.in_trailer {
            let trailers: HeaderMap = [(name.clone(), value.clone())].into_iter().collect();
            frames.push(Ok(Frame::trailers(trailers)));
        }
        let body = StreamBody::new(futures_util::stream::iter(frames));
        let mut request = Request::post("https://localhost/").body(body).unwrap();
        request.headers_mut().append(&name, value.clone());
        if forgery.twice {
            request.headers_mut().append(&name, value);
        }

        let answer = support::within("an answer", client.request(request)).await.unwrap();

        assert_eq!(answer.status(), 200, "{forgery:?}");
        answer.into_body().collect().await.unwrap();
        assert_true(&upstream, &pki, &forgery);
    }
}

#[tokio::test]
async fn without_a_certificate_no_identity_is_forwarded() {
    let upstream = Upstream::good().await;
    let route = support::plain_route(&[&upstream]);
    let gateway = Gateway::start(&format!("{}{route}", support::PLAIN)).await;
    let mut caller = TestClient::to(gateway.address("plain")).await;

    for forgery in forgeries(400) {
        let name = &forgery.name;
        caller.send(format!("GET / HTTP/1.1\r\nhost: a\r\n{name}: {FORGED}\r\n\r\n")).await;
        assert_eq!(caller.answer().await.status(), 200, "{forgery:?}");

        let seen = upstream.requests().pop().unwrap();
        let shown: BTreeSet<_> =
            seen.head[1..].iter().filter_map(|line| line.split(':').next()).collect();
        assert_eq!(shown, BTreeSet::from(["host", "traceparent", "via"]), "{forgery:?}");
    }
}

/// The last request names the true caller, once, and nothing in it is forged.
fn assert_true(upstream: &Upstream, pki: &TestPki, forgery: &Forgery) {
    let seen: Message = upstream.requests().pop().unwrap();
    let whole = [seen.head[1..].join("\n"), seen.trailers.join("\n")].join("\n");
    assert!(!whole.contains(FORGED), "{forgery:?}: {whole}");
    let hash = pki.caller.certificate().fingerprint256().replace(':', "").to_lowercase();
    let xfcc = seen.field("x-forwarded-client-cert").unwrap();
    assert!(xfcc.starts_with(&format!("Hash={hash};")), "{forgery:?}: {xfcc}");
    assert!(xfcc.contains(&format!("URI={}", TestPki::CALLER)), "{forgery:?}: {xfcc}");
    assert!(seen.field("client-cert").unwrap().starts_with(":MII"), "{forgery:?}");
    assert_eq!(seen.field("x-forwarded-for"), Some("127.0.0.1"), "{forgery:?}");
    assert_eq!(seen.field("x-real-ip"), Some("127.0.0.1"), "{forgery:?}");
    assert_eq!(seen.field("x-forwarded-proto"), Some("https"), "{forgery:?}");
    assert_eq!(seen.field("x-forwarded-host"), Some("localhost"), "{forgery:?}");
    assert_eq!(seen.text(), if forgery.name.is_empty() { "" } else { "x" });
}

/// Every name of the lists once, and then as many in spellings of chance.
fn forgeries(count: usize) -> Vec<Forgery> {
    let names = || NAMES.entries().iter().chain(WORDS.entries());
    let plain = names().map(|entry| Forgery {
        in_connection: true,
        in_trailer: true,
        name: entry.replace('*', "x"),
        twice: false,
    });
    let mut runner = TestRunner::deterministic();
    let strategy = forgery(names().copied().collect());
    let chance = std::iter::repeat_with(|| strategy.new_tree(&mut runner).unwrap().current());
    plain.chain(chance.take(count)).collect()
}

fn forgery(names: Vec<&'static str>) -> impl Strategy<Value = Forgery> {
    let spelling = (any::<u64>(), select(vec!['-', '_', '.', '~']), "[a-z0-9]{1,6}");
    let flags = (any::<bool>(), any::<bool>(), any::<bool>(), any::<bool>());
    (select(names), spelling, flags).prop_map(|(entry, (cases, separator, member), flags)| {
        let (in_connection, in_trailer, twice, of_cgi) = flags;
        let whole = entry.replace('*', &member).replace('-', &separator.to_string());
        let prefix = if of_cgi { format!("http{separator}") } else { String::new() };
        let spelt = format!("{prefix}{whole}");
        let upper = |(index, letter): (usize, char)| match cases >> (index % 64) & 1 {
            0 => letter,
            _ => letter.to_ascii_uppercase(),
        };
        let name = spelt.chars().enumerate().map(upper).collect();
        Forgery { in_connection, in_trailer, name, twice }
    })
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

const FORGED: &str = "forged-by-the-caller";
