//! How both services end: in order, and not before what was begun is finished.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use e2e::curl::{Answer, Curl};
use e2e::deadline::{PATIENCE, eventually};
use e2e::openssl::Server;
use e2e::pki::TestPki;

#[test]
fn sigterm_ends_both_services_with_exit_code_0() -> Result<()> {
    let pki = TestPki::new()?;
    let api = pki.api().start()?;
    let client = pki.client(&api).start()?;
    // The connection between the two stays open, in the client's pool.
    assert_eq!(Curl::get(&client.url("/proxy/data")).run()?.status, 200);

    let [api, client] = [api.stop()?, client.stop()?];

    for (outcome, name) in [(api, "api-service"), (client, "client-service")] {
        assert_eq!(outcome.code, Some(0), "{outcome:?}");
        assert!(outcome.stdout.contains("stopping: requests in flight are finished first"));
        assert!(outcome.stdout.contains(&format!("{name} has stopped")), "{outcome:?}");
        assert_eq!(outcome.stderr, "");
    }
    Ok(())
}

#[test]
fn a_request_in_flight_is_finished_first() -> Result<()> {
    let pki = TestPki::new()?;
    let mut slow_api = Server::presenting(&pki.identity("api-service"), &[])?;
    let client = pki.client_calling(&slow_api.url()).start()?;
    let click = Curl::get(&client.url("/proxy/data")).start()?;
    eventually("the request at the API", || {
        Ok(slow_api.program.stdout().contains("GET /api/data").then_some(()))
    })?;

    client.terminate()?;
    client.logged("the signal", |line| line["signal"] == "SIGTERM")?;
    let ready: serde_json::Value = serde_json::from_str(&client.admin("/readyz")?)?;
    slow_api
        .program
        .write_stdin(b"HTTP/1.1 200 OK\r\nContent-Length: 18\r\n\r\n{\"message\":\"late\"}")?;
    let answer = Answer::of(click.end()?)?;

    assert_eq!(ready["ready"], false);
    assert_eq!(answer.status, 200, "{answer:?}");
    assert_eq!(answer.json()?["apiResponse"]["message"], "late");
    assert_eq!(client.end()?.code, Some(0));
    Ok(())
}

#[test]
fn for_the_drain_delay_connections_are_accepted_and_each_ends_with_its_response() -> Result<()> {
    let pki = TestPki::new()?;
    let api = pki.api().set("DRAIN_DELAY", "5s").start()?;
    let client = pki.client(&api).set("DRAIN_DELAY", "4s").start()?;
    let ask = |connection: &mut TcpStream| -> Result<String> {
        connection.set_read_timeout(Some(PATIENCE))?;
        connection.write_all(b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n")?;
        let (mut answer, mut bytes) = (Vec::new(), [0; 1024]);
        while !answer.ends_with(b"}") {
            let count = connection.read(&mut bytes)?;
            ensure!(count > 0, "it ended: {}", String::from_utf8_lossy(&answer));
            answer.extend_from_slice(&bytes[..count]);
        }
        Ok(String::from_utf8_lossy(&answer).to_ascii_lowercase())
    };
    let mut kept = TcpStream::connect(client.address)?;
    ensure!(!ask(&mut kept)?.contains("connection: close"));
    let call = Curl::get(&api.url("/api/data")).presenting(&pki.identity("client-service"));
    let began = Instant::now();

    api.terminate()?;
    client.terminate()?;
    for service in [&api, &client] {
        service.logged("the signal", |line| line["signal"] == "SIGTERM")?;
    }
    let of_kept = ask(&mut kept)?;
    let of_new = ask(&mut TcpStream::connect(client.address)?)?;
    let (over_http2, over_http1) = (call.run()?, call.clone().with(&["--http1.1"]).run()?);
    let ready: serde_json::Value = serde_json::from_str(&client.admin("/readyz")?)?;

    for answer in [of_kept, of_new] {
        ensure!(
            answer.starts_with("http/1.1 200") && answer.contains("connection: close"),
            "{answer}"
        );
    }
    assert_eq!((over_http2.status, over_http1.status), (200, 200));
    assert_eq!(kept.read(&mut [0])?, 0, "a connection that got Connection: close ends");
    assert_eq!(ready["ready"], false);
    assert_eq!(client.end()?.code, Some(0));
    assert_eq!(api.end()?.code, Some(0));
    ensure!(began.elapsed() >= Duration::from_secs(4), "{:?}", began.elapsed());
    Ok(())
}

#[test]
fn what_does_not_finish_in_time_is_left_behind() -> Result<()> {
    let pki = TestPki::new()?;
    let stuck_api = Server::presenting(&pki.identity("api-service"), &[])?;
    let client = pki.client_calling(&stuck_api.url()).set("DRAIN_TIMEOUT", "500ms").start()?;
    let click = Curl::get(&client.url("/proxy/data")).start()?;
    eventually("the request at the API", || {
        Ok(stuck_api.program.stdout().contains("GET /api/data").then_some(()))
    })?;

    let outcome = client.stop()?;

    assert_eq!(outcome.code, Some(0));
    assert_ne!(click.end()?.code, Some(0));
    Ok(())
}
