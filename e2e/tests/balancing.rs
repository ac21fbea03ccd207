//! The client service spreads its requests over all addresses of the API, as replicas come and go.

use std::net::{SocketAddr, TcpListener, TcpStream};
use std::time::{Duration, Instant};

use anyhow::Result;
use e2e::balancer::Balancer;
use e2e::clicks::Clicks;
use e2e::curl::Curl;
use e2e::deadline::eventually;
use e2e::pki::TestPki;
use e2e::service::{Launch, Service};
use rustix::net;

#[test]
fn each_of_six_replicas_gets_its_share_of_a_steady_load() -> Result<()> {
    let pki = TestPki::new()?;
    let port = free_port()?;
    let replicas =
        (1..=6).map(|n| replica(&pki, n, port, "5m").start()).collect::<Result<Vec<_>>>()?;
    let client = client(&pki, &addresses(1..=6, port)).start()?;

    Clicks::start(&format!("http://{}", client.address), COUNT, 8)?.all_good()?;

    for replica in &replicas {
        let share = requests(replica)? * 100 / COUNT;
        assert!((10..=25).contains(&share), "{} got {share} %", replica.address);
    }
    Ok(())
}

#[test]
fn a_replica_behind_one_address_gets_requests_once_connections_reach_their_age() -> Result<()> {
    let pki = TestPki::new()?;
    let old = replica(&pki, 1, 0, "5s").start()?;
    // One address for all, as a Service has it: only new connections can reach the new replica.
    let before = Balancer::before(old.address)?;
    let url = format!("https://localhost:{}", before.address.port());
    let client = pki.client_calling(&url).set("RUST_LOG", QUIET).start()?;
    let _clicks = Clicks::start(&format!("http://{}", client.address), 1_000_000, 1)?;
    eventually("requests at the old replica", || Ok((requests(&old)? > 100).then_some(())))?;

    let new = replica(&pki, 2, 0, "5s").start()?;
    before.forward_to(new.address);

    gets_requests_in_time(&new)
}

#[test]
fn a_replica_at_an_address_of_its_own_gets_requests_once_it_is_there() -> Result<()> {
    let pki = TestPki::new()?;
    let port = free_port()?;
    let old = replica(&pki, 1, port, "5s").start()?;
    let client = client(&pki, &addresses(1..=2, port)).start()?;
    let _clicks = Clicks::start(&format!("http://{}", client.address), 1_000_000, 1)?;
    eventually("requests at the old replica", || Ok((requests(&old)? > 100).then_some(())))?;

    let new = replica(&pki, 2, port, "5s").start()?;

    gets_requests_in_time(&new)
}

fn gets_requests_in_time(replica: &Service) -> Result<()> {
    let began = Instant::now();
    eventually("requests at the new replica", || Ok((requests(replica)? > 0).then_some(())))?;
    assert!(began.elapsed() < Duration::from_secs(10), "{:?}", began.elapsed());
    Ok(())
}

#[test]
fn no_request_is_lost_while_replicas_are_replaced_and_one_address_is_silent() -> Result<()> {
    let pki = TestPki::new()?;
    let port = free_port()?;
    let launches: Vec<_> = (1..=3).map(|n| replica(&pki, n, port, "5m")).collect();
    let mut replicas = launches.iter().map(Launch::start).collect::<Result<Vec<_>>>()?;
    let _silent = silent(&address(4, port))?;
    let client = client(&pki, &addresses(1..=4, port)).start()?;
    let clicks = Clicks::start(&format!("http://{}", client.address), COUNT, 8)?;

    for (index, launch) in launches.iter().enumerate() {
        clicks.answered(COUNT * (index + 1) / 5)?;
        let outcome = replicas.remove(0).stop()?;
        assert_eq!(outcome.code, Some(0), "{outcome:?}");
        replicas.push(launch.start()?);
    }

    assert!(
        clicks.count_answered() < COUNT,
        "the clicks were over before the replicas were replaced"
    );
    clicks.all_good()
}

#[test]
fn an_address_is_never_the_name_that_the_server_must_have() -> Result<()> {
    let pki = TestPki::new()?;
    let api = pki.api().start()?;
    let client = pki.client_calling("https://another.example:3000");
    let client = client.set("API_RESOLVE", api.address).start()?;

    let response = Curl::get(&client.url("/proxy/data")).run()?;

    assert_eq!(response.status, 502, "{response:?}");
    assert_eq!(response.json()?["refusal"]["code"], "wrong-name", "{response:?}");
    Ok(())
}

/// A listener that takes no connection: a client waits, as for an address that drops all.
fn silent(address: &str) -> Result<(TcpListener, Vec<TcpStream>)> {
    let listener = TcpListener::bind(address)?;
    net::listen(&listener, 0)?;
    let address: SocketAddr = address.parse()?;
    let mut waiting = Vec::new();
    while let Ok(stream) = TcpStream::connect_timeout(&address, Duration::from_millis(200)) {
        waiting.push(stream);
        anyhow::ensure!(waiting.len() < 100, "the listener takes every connection");
    }
    Ok((listener, waiting))
}

fn replica(pki: &TestPki, number: u8, port: u16, age: &str) -> Launch {
    let host = address(number, port);
    let host = host.split(':').next().unwrap_or_default();
    let launch = pki.api().set("HOST", host).set("PORT", port).set("MAX_CONNECTION_AGE", age);
    launch.set("RUST_LOG", QUIET)
}

/// A client service that finds the API at these addresses, and knows it as `localhost`.
fn client(pki: &TestPki, addresses: &[String]) -> Launch {
    let launch = pki.client_calling("https://localhost:3000").set("RUST_LOG", QUIET);
    launch.set("API_RESOLVE", addresses.join(","))
}

fn addresses(numbers: std::ops::RangeInclusive<u8>, port: u16) -> Vec<String> {
    numbers.map(|number| address(number, port)).collect()
}

fn address(number: u8, port: u16) -> String {
    format!("127.0.7.{number}:{port}")
}

/// A port that no address of the test uses.
fn free_port() -> Result<u16> {
    Ok(TcpListener::bind("127.0.7.1:0")?.local_addr()?.port())
}

/// How many requests a replica has answered.
fn requests(replica: &Service) -> Result<usize> {
    let metrics = replica.admin("/metrics")?;
    let lines = metrics.lines().filter(|line| line.starts_with("http_requests_total{"));
    let counts = lines.filter_map(|line| line.rsplit(' ').next()?.parse::<usize>().ok());
    Ok(counts.sum())
}

const COUNT: usize = 6_000;
/// No line for each request.
const QUIET: &str = "warn,service_kit::server=info";
