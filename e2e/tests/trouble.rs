//! An API that is down, slow, or talks nonsense: each click says which, the service stays up, and
//! the next click works.

use std::fs;
use std::net::{TcpListener, TcpStream};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use e2e::curl::{Answer, Curl};
use e2e::openssl::Server;
use e2e::pki::TestPki;
use e2e::service::Service;
use rustix::net::{AddressFamily, SocketType, bind, listen, socket};

#[test]
fn an_api_that_is_down_is_unreachable_until_it_is_back() -> Result<()> {
    let pki = TestPki::new()?;
    let api = pki.api().start()?;
    let port = api.address.port();
    let client = pki.client(&api).start()?;
    assert_eq!(click(&client)?.status, 200);

    api.stop()?.good()?;
    fails(&client, "api-unreachable", "cannot be reached")?;
    let _api = pki.api().set("PORT", port).start()?;

    assert_eq!(click(&client)?.status, 200);
    Ok(())
}

#[test]
fn an_api_that_accepts_and_is_silent_takes_ten_seconds_at_most() -> Result<()> {
    let pki = TestPki::new()?;
    let silent = TcpListener::bind("127.0.0.1:0")?;
    let url = format!("https://localhost:{}", silent.local_addr()?.port());
    let client = pki.client_calling(&url).start()?;

    let began = Instant::now();
    fails(&client, "api-timeout", "in time")?;

    assert!(began.elapsed() < Duration::from_secs(12), "{:?}", began.elapsed());
    Ok(())
}

#[test]
fn an_api_that_shakes_hands_and_never_answers_takes_ten_seconds_at_most() -> Result<()> {
    let pki = TestPki::new()?;
    let stuck = Server::presenting(&pki.identity("api-service"), &[])?;
    let client = pki.client_calling(&stuck.url()).start()?;

    let began = Instant::now();
    fails(&client, "api-timeout", "within 10 seconds")?;

    assert!(began.elapsed() < Duration::from_secs(12), "{:?}", began.elapsed());
    Ok(())
}

#[test]
fn an_api_that_takes_no_connection_is_given_up_after_three_seconds() -> Result<()> {
    let pki = TestPki::new()?;
    let (_listener, port, _waiting) = full_listener()?;
    let client = pki.client_calling(&format!("https://127.0.0.1:{port}")).start()?;

    let began = Instant::now();
    fails(&client, "api-timeout", "in time")?;

    let took = began.elapsed();
    assert!(took > Duration::from_secs(2) && took < Duration::from_secs(6), "{took:?}");
    Ok(())
}

#[test]
fn an_invalid_response_is_reported_and_the_next_click_works() -> Result<()> {
    let pki = TestPki::new()?;
    let directory = pki.path().join("answers");
    let answer = directory.join("api/data");
    fs::create_dir_all(directory.join("api"))?;
    let server = Server::of_files(&pki.identity("api-service"), &directory)?;
    let client = pki.client_calling(&server.url()).start()?;
    let good = "HTTP/1.1 200 OK\r\nContent-Length: 16\r\n\r\n{\"message\":\"ok\"}";

    for (error, words, trouble) in [
        ("api-bad-answer", "not JSON", "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n<garbage>"),
        ("api-bad-answer", "not JSON", "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"),
        ("api-bad-answer", "half-way", "HTTP/1.1 200 OK\r\nContent-Length: 999\r\n\r\n{\"mess"),
        ("api-failed", "500", "HTTP/1.1 500 Oh\r\nContent-Length: 2\r\n\r\n{}"),
        ("api-failed", "503", "HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n"),
        ("api-failed", "404", "HTTP/1.1 404 Where\r\nContent-Length: 0\r\n\r\n"),
        ("api-failed", "the connection ended", "HTTP/1.1 200 O"),
        ("api-failed", "", "SSH-2.0-OpenSSH_9.2\r\n"),
        ("api-failed", "the connection ended", ""),
    ] {
        fs::write(&answer, trouble)?;
        fails(&client, error, words).with_context(|| format!("{trouble:?}"))?;
        fs::write(&answer, good)?;

        let next = click(&client)?;
        ensure!(next.json()?["apiResponse"]["message"] == "ok", "after {trouble:?}: {next:?}");
    }
    Ok(())
}

#[test]
fn an_answer_without_end_is_given_up() -> Result<()> {
    let pki = TestPki::new()?;
    let directory = pki.path().join("answers");
    fs::create_dir_all(directory.join("api"))?;
    let body = "x".repeat(3 * 1024 * 1024);
    let endless = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}", body.len());
    fs::write(directory.join("api/data"), endless)?;
    let server = Server::of_files(&pki.identity("api-service"), &directory)?;
    let client = pki.client_calling(&server.url()).start()?;

    fails(&client, "api-bad-answer", "")
}

#[test]
fn a_web_site_that_has_its_name_resolve_to_loopback_gets_nothing() -> Result<()> {
    let pki = TestPki::new()?;
    let api = pki.api().start()?;
    let client = pki.client(&api).set("ALLOWED_HOSTS", "demo.example").start()?;
    let named = |name: &str, path: &str| {
        Curl::get(&client.url(path)).with(&["-H", &format!("Host: {name}")]).run()
    };

    for path in ["/", "/proxy/data", "/health", "/assets/page.js"] {
        assert_eq!(named("demo.example", path)?.status, 200, "{path}");
        assert_eq!(named("localhost", path)?.status, 200, "{path}");
        let answer = named("evil.example", path)?;

        assert_eq!(answer.status, 421, "{path}");
        assert_eq!(answer.content_type, "application/problem+json");
        assert!(
            answer.json()?["detail"].as_str().is_some_and(|shown| shown.contains("ALLOWED_HOSTS"))
        );
    }
    Ok(())
}

#[test]
fn a_browsers_trace_is_found_in_the_apis_log() -> Result<()> {
    let pki = TestPki::new()?;
    let api = pki.api().start()?;
    let client = pki.client(&api).start()?;
    let trace = "4bf92f3577b34da6a3ce929d0e0e4736";
    let header = format!("traceparent: 00-{trace}-00f067aa0ba902b7-01");

    let answer = Curl::get(&client.url("/proxy/data")).with(&["-H", &header]).run()?;

    assert_eq!(answer.status, 200);
    for (service, path) in [(&client, "/proxy/data"), (&api, "/api/data")] {
        let line = service.logged("the request", |line| line["path"] == path)?;
        assert_eq!(line["trace_id"], trace, "{line}");
    }
    let line = client.logged("the call", |line| line["message"] == "api called")?;
    assert_eq!(line["trace_id"], trace);
    Ok(())
}

fn click(client: &Service) -> Result<Answer> {
    Curl::get(&client.url("/proxy/data")).run()
}

/// A click ends in this error, with these words among its details, and the service stays up.
fn fails(client: &Service, error: &str, words: &str) -> Result<()> {
    let answer = click(client)?;
    ensure!(answer.status == 502, "{answer:?}");
    ensure!(answer.content_type == "application/problem+json", "{answer:?}");
    let problem = answer.json()?;
    ensure!(problem["error"] == error && problem["refusal"].is_null(), "{problem}");
    ensure!(problem["details"].as_str().is_some_and(|shown| shown.contains(words)), "{problem}");
    let health = Curl::get(&client.url("/health")).run()?;
    ensure!(health.status == 200, "{health:?}");
    Ok(())
}

/// A listener whose queue is full: Linux lets further connections wait without an answer.
fn full_listener() -> Result<(TcpListener, u16, Vec<TcpStream>)> {
    let socket = socket(AddressFamily::INET, SocketType::STREAM, None)?;
    bind(&socket, &std::net::SocketAddr::from(([127, 0, 0, 1], 0)))?;
    listen(&socket, 0)?;
    let listener = TcpListener::from(socket);
    let address = listener.local_addr()?;
    let connect = || TcpStream::connect_timeout(&address, Duration::from_millis(300));
    let waiting = std::iter::repeat_with(connect).map_while(Result::ok).collect();
    Ok((listener, address.port(), waiting))
}
