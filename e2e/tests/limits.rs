//! Those who take more than their share: each ends by its limit and with its code, and the others
//! are served meanwhile.

use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use e2e::curl::{Answer, Curl};
use e2e::deadline::{PATIENCE, eventually};
use e2e::expected::RunningApi;
use e2e::identity::Identity;
use e2e::openssl::Client;
use e2e::pki::TestPki;
use e2e::service::Service;
use serde_json::Value;

#[test]
fn who_does_not_finish_the_handshake_is_let_go_by_its_limit() -> Result<()> {
    let pki = TestPki::new()?;
    let good = pki.identity("client-service");
    let api = pki.api().set("HANDSHAKE_TIMEOUT", "1s").start()?;
    // Nothing; half of a record's head; the head of a hello of 512 bytes and none of it.
    let beginnings: [&[u8]; 3] = [&[], &[0x16, 3], &[0x16, 3, 1, 2, 0, 1, 0, 1, 0xfc, 3, 3]];

    for bytes in beginnings {
        let began = Instant::now();
        let mut tcp = connect(&api)?;
        tcp.write_all(bytes)?;
        assert_eq!(data(&api, &good)?.status, 200);
        wait_for_end(&mut tcp)?;

        let took = began.elapsed();
        assert!((1..10).contains(&took.as_secs()), "{bytes:?} took {took:?}");
        let refusal = refusal_of(&api, &tcp)?;
        assert_eq!(
            (&refusal["code"], &refusal["side"]),
            (&"handshake-timeout".into(), &"server".into())
        );
        assert_eq!(api.logged_refusal(&refusal)?["code"], "handshake-timeout");
    }
    Ok(())
}

#[test]
fn a_connection_lost_in_the_handshake_is_reported() -> Result<()> {
    let pki = TestPki::new()?;
    let running = RunningApi::open(&pki, pki.api())?;
    running.accepts("client-service", &pki.identity("client-service"))?;

    let mut tcp = connect(&running.api)?;
    tcp.write_all(&[0x16, 3, 1, 2, 0, 1])?;
    drop(tcp);

    running.api.refusals(1)?;
    running.reports("one that hung up", "connection-lost", None)
}

#[test]
fn who_sends_a_head_byte_by_byte_is_let_go_by_its_limit() -> Result<()> {
    let pki = TestPki::new()?;
    let good = pki.identity("client-service");
    let api = pki.api().set("HEADER_TIMEOUT", "1s").start()?;
    let mut slow = Client::to(api.address, &good).presenting(&good)?.start()?;

    let began = Instant::now();
    let mut head =
        b"GET /api/data HTTP/1.1\r\nHost: localhost\r\nX-Slow: ".iter().chain([&b'x'; 99]);
    let mut next = began;
    eventually("the slow client's end", || {
        if Instant::now() >= next {
            next += Duration::from_millis(200);
            // It may end between two bytes.
            let _ =
                slow.write_stdin(&[*head.next().context("it must end before its head does")?]);
        }
        slow.ended()
    })?;

    let took = began.elapsed();
    assert!((1..10).contains(&took.as_secs()), "{took:?}");
    assert!(!slow.stdout().contains("200 OK"), "{}", slow.stdout());
    assert_eq!(data(&api, &good)?.status, 200);
    let refusal = &api.refusals(1)?[0];
    assert_eq!((&refusal["code"], &refusal["side"]), (&"header-timeout".into(), &"server".into()));
    assert_eq!(refusal["certificate"]["subject"]["CN"], "client-service");
    assert_eq!(api.logged_refusal(refusal)?["code"], "header-timeout");
    Ok(())
}

#[test]
fn an_idle_connection_is_closed_without_a_refusal() -> Result<()> {
    let pki = TestPki::new()?;
    let good = pki.identity("client-service");
    let api = pki.api().set("IDLE_TIMEOUT", "1s").start()?;

    let began = Instant::now();
    let silent = Client::to(api.address, &good).presenting(&good)?.start()?;
    assert_eq!(data(&api, &good)?.status, 200);
    silent.end()?;

    let took = began.elapsed();
    assert!((1..10).contains(&took.as_secs()), "{took:?}");
    assert!(api.events()?.iter().all(|event| event["result"] == "accepted"));
    Ok(())
}

#[test]
fn of_two_hundred_connections_a_hundred_are_refused_and_all_end() -> Result<()> {
    let pki = TestPki::new()?;
    let good = pki.identity("client-service");
    let settings = [("MAX_CONNECTIONS", "100"), ("HANDSHAKE_TIMEOUT", "3s")];
    let api = settings.iter().fold(pki.api(), |api, (name, value)| api.set(name, value)).start()?;
    assert_eq!(data(&api, &good)?.status, 200);

    eventually("that one to have left", || {
        Ok(api.admin("/metrics")?.contains("mtls_connections_open 0\n").then_some(()))
    })?;

    let crowd = (0..200).map(|_| connect(&api)).collect::<Result<Vec<_>>>()?;
    let refused = eventually("a hundred to be refused", || {
        let refused = with_code(&api, "too-many-connections")?;
        Ok((refused.len() >= 100).then_some(refused))
    })?;
    let one_more = data(&api, &good)?;
    eventually("a hundred to be let go", || {
        Ok((with_code(&api, "handshake-timeout")?.len() == 100).then_some(()))
    })?;
    let ends = crowd.into_iter().map(|mut tcp| wait_for_end(&mut tcp));
    let ends = ends.collect::<Result<Vec<_>>>()?;

    // RFC 8446, sections 5.1 and 6: an alert, fatal, internal_error.
    let shown = ends.iter().filter(|bytes| **bytes == [21, 3, 3, 0, 2, 2, 80]).count();
    assert_eq!((shown, refused.len()), (100, 100));
    assert!(refused.iter().all(|refusal| refusal["alert"]["number"] == 80));
    assert_eq!((one_more.status, one_more.alert), (0, Some(80)), "{one_more:?}");
    assert_eq!(data(&api, &good)?.status, 200);
    let counted = api.admin("/metrics")?;
    for count in [r#"code="too-many-connections"} 101"#, r#"code="handshake-timeout"} 100"#] {
        assert!(counted.contains(count), "{count}: {counted}");
    }
    let left_out = |line: &Value| line["left_out"].as_u64().is_some_and(|number| number > 0);
    assert!(api.log().iter().any(left_out));
    Ok(())
}

#[test]
fn a_crowd_from_one_address_leaves_room_for_the_others() -> Result<()> {
    let pki = TestPki::new()?;
    let good = pki.identity("client-service");
    let api = pki.api().set("HOST", "0.0.0.0").set("MAX_CONNECTIONS_PER_ADDRESS", "10").start()?;
    let from = |address: &str| {
        let curl = Curl::get(&format!("https://127.0.0.1:{}/api/data", api.address.port()));
        curl.presenting(&good).with(&["--interface", address]).run()
    };
    assert_eq!(from("127.0.0.1")?.status, 200);

    let port = api.address.port();
    let crowd = (0..50).map(|_| TcpStream::connect(("127.0.0.1", port)));
    let crowd = crowd.collect::<std::io::Result<Vec<_>>>()?;
    eventually("forty to be refused", || {
        Ok((with_code(&api, "too-many-connections")?.len() >= 40).then_some(()))
    })?;
    let (another, same) = (from("127.0.0.2")?, from("127.0.0.1")?);

    assert_eq!(another.status, 200, "{another:?}");
    assert_eq!((same.status, same.alert), (0, Some(80)), "{same:?}");
    drop(crowd);
    eventually("the crowd to have gone", || Ok((from("127.0.0.1")?.status == 200).then_some(())))
}

#[test]
fn a_head_or_a_body_that_is_too_long_is_refused() -> Result<()> {
    let pki = TestPki::new()?;
    let good = pki.identity("client-service");
    let api = pki.api().set("MAX_HEADER_BYTES", "8KiB").set("MAX_BODY_BYTES", "1KiB").start()?;
    let long = |length| format!("X-Long: {}", "x".repeat(length));
    let ask = |options: &[&str]| {
        Curl::get(&api.url("/api/data")).presenting(&good).with(&["--http1.1"]).with(options).run()
    };

    let body = "x".repeat(2000);

    assert_eq!(ask(&["-H", &long(4000)])?.status, 200);
    assert_eq!(ask(&["-H", &long(20_000)])?.status, 431);
    assert_eq!(ask(&["-X", "GET", "-d", &body])?.status, 413);
    Ok(())
}

fn connect(api: &Service) -> Result<TcpStream> {
    let tcp = TcpStream::connect(api.address)?;
    tcp.set_read_timeout(Some(PATIENCE))?;
    Ok(tcp)
}

fn data(api: &Service, identity: &Identity) -> Result<Answer> {
    Curl::get(&api.url("/api/data")).presenting(identity).run()
}

/// All that comes until the other end closes, or resets.
fn wait_for_end(tcp: &mut TcpStream) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    match tcp.read_to_end(&mut bytes) {
        Err(error) if error.kind() != ErrorKind::ConnectionReset => Err(error.into()),
        _ => Ok(bytes),
    }
}

fn refusal_of(api: &Service, tcp: &TcpStream) -> Result<Value> {
    let address = tcp.local_addr()?.to_string();
    eventually("the refusal of a connection", || {
        Ok(api.refusals(1)?.into_iter().find(|refusal| refusal["peer"] == *address))
    })
}

fn with_code(api: &Service, code: &str) -> Result<Vec<Value>> {
    let events = api.events()?.into_iter();
    let refusals = events.map(|mut event| event["refusal"].take());
    Ok(refusals.filter(|refusal| refusal["code"] == code).collect())
}
