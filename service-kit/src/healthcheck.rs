//! The subcommand `healthcheck`: a service's own binary requests `/readyz` of the running service,
//! since an image contains no other program that could.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use axum::body::{Body, to_bytes};
use clap::ArgMatches;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use serde_json::Value;
use thiserror::Error;

use crate::settings::{HEALTHCHECK, ServiceArguments, host, number};

/// Why a service does not count as ready.
#[derive(Debug, Error)]
pub enum NotReady {
    /// Checks of `/readyz` failed; with their details.
    #[error("not ready: {0}")]
    FailedChecks(String),
    /// There was no response, or none in HTTP.
    #[error("no answer from http://{admin}/readyz ({why}): see the service's own log")]
    NoAnswer {
        /// The address of the admin listener.
        admin: SocketAddr,
        /// The error.
        why: String,
    },
    /// The address of the admin listener is not valid.
    #[error("{0} {1}")]
    Setting(&'static str, String),
}

/// Runs the subcommand if it was requested, and exits with 0 or 1; else does nothing.
pub fn exit_if_requested(matches: &ArgMatches, arguments: &ServiceArguments) {
    if matches.subcommand_name() == Some(HEALTHCHECK) {
        std::process::exit(i32::from(!report(admin(arguments).and_then(ask))));
    }
}

/// Whether the service with this admin listener is ready; prints one line.
pub fn is_ready(admin: SocketAddr) -> bool {
    report(ask(admin))
}

/// Asks `/readyz`.
fn ask(admin: SocketAddr) -> Result<(), NotReady> {
    let admin = SocketAddr::new(reachable(admin.ip()), admin.port());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let answer = runtime.map_err(|error| error.to_string()).and_then(|runtime| {
        runtime.block_on(async {
            let answer = tokio::time::timeout(TIMEOUT, readyz(admin)).await;
            answer.unwrap_or_else(|_| Err("it took too long".to_owned()))
        })
    });
    match answer {
        Ok(None) => Ok(()),
        Ok(Some(why)) => Err(NotReady::FailedChecks(why)),
        Err(why) => Err(NotReady::NoAnswer { admin, why }),
    }
}

/// What is not well, if anything is.
async fn readyz(admin: SocketAddr) -> Result<Option<String>, String> {
    let mut connector = HttpConnector::new();
    connector.set_connect_timeout(Some(CONNECT_TIMEOUT));
    let client: Client<_, Body> = Client::builder(TokioExecutor::new()).build(connector);
    let uri = format!("http://{admin}/readyz").parse().map_err(|_| "it has no URL".to_owned())?;
    let response = client.get(uri).await.map_err(|error| chain(&error))?;
    let status = response.status();
    if status.is_success() {
        return Ok(None);
    }
    let body = to_bytes(Body::new(response.into_body()), MAX_BODY_BYTES).await;
    let body = body.map_err(|error| error.to_string())?;
    Ok(Some(failed(&body).unwrap_or_else(|| format!("it answered {status}"))))
}

/// The details of the checks that failed.
fn failed(body: &[u8]) -> Option<String> {
    let answer: Value = serde_json::from_slice(body).ok()?;
    let checks = answer["checks"].as_array()?.iter().filter(|check| check["ok"] == false);
    let details: Vec<&str> = checks.filter_map(|check| check["detail"].as_str()).collect();
    (!details.is_empty()).then(|| details.join("; "))
}

fn report(ready: Result<(), NotReady>) -> bool {
    match &ready {
        Ok(()) => println!("ready"),
        Err(why) => eprintln!("{why}"),
    }
    ready.is_ok()
}

fn admin(arguments: &ServiceArguments) -> Result<SocketAddr, NotReady> {
    let host = host(&arguments.admin_host).map_err(|why| NotReady::Setting("ADMIN_HOST", why))?;
    let port = number(&arguments.admin_port).map_err(|why| NotReady::Setting("ADMIN_PORT", why))?;
    Ok(SocketAddr::new(host, port))
}

/// One that listens on every address is asked on loopback.
fn reachable(host: IpAddr) -> IpAddr {
    match host {
        IpAddr::V4(Ipv4Addr::UNSPECIFIED) => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(Ipv6Addr::UNSPECIFIED) => Ipv6Addr::LOCALHOST.into(),
        host => host,
    }
}

/// hyper-util's own words are "client error (Connect)"; the cause stands below.
fn chain(error: &dyn std::error::Error) -> String {
    let mut last = error;
    while let Some(cause) = last.source() {
        last = cause;
    }
    last.to_string()
}

const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);
const TIMEOUT: Duration = Duration::from_secs(4);
const MAX_BODY_BYTES: usize = 64 * 1024;

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::net::{Ipv4Addr, SocketAddr, TcpListener};
    use std::thread::JoinHandle;

    use super::ask;

    #[test]
    fn a_service_that_answers_200_is_ready_wherever_it_listens() {
        let (address, served) = service("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");

        ask(SocketAddr::new(Ipv4Addr::UNSPECIFIED.into(), address.port())).unwrap();

        assert!(served.join().unwrap().starts_with("GET /readyz HTTP/1.1\r\n"));
    }

    #[test]
    fn failed_checks_are_reported_on_one_line() {
        let body = r#"{"ready":false,"checks":[
            {"name":"identity","ok":false,"detail":"it ended"},
            {"name":"reload","ok":true,"detail":"fine"},
            {"name":"running","ok":false,"detail":"it stops"}]}"#;
        let length = body.len();
        let (address, _served) = service(&format!(
            "HTTP/1.1 503 Service Unavailable\r\nContent-Length: {length}\r\n\r\n{body}"
        ));

        let message = ask(address).unwrap_err().to_string();

        assert_eq!(message, "not ready: it ended; it stops");
    }

    #[test]
    fn another_program_on_the_port_is_not_ready() {
        let (not_found, _first) = service("HTTP/1.1 404 Not Found\r\nContent-Length: 2\r\n\r\nhi");
        let (garbage, _second) = service("220 mail.example ESMTP\r\n");

        let message = [not_found, garbage].map(|address| ask(address).unwrap_err().to_string());

        assert_eq!(message[0], "not ready: it answered 404 Not Found");
        assert!(message[1].starts_with(&format!("no answer from http://{garbage}/readyz (")));
    }

    #[test]
    fn a_service_that_does_not_answer_is_reported_with_its_address() {
        let address = {
            let listener = TcpListener::bind("127.0.0.1:0").unwrap();
            listener.local_addr().unwrap()
        };

        let message = ask(address).unwrap_err().to_string();

        let wanted = format!("no answer from http://{address}/readyz (Connection refused");
        assert!(message.starts_with(&wanted), "{message}");
    }

    /// Answers one request with these bytes.
    fn service(answer: &str) -> (SocketAddr, JoinHandle<String>) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let answer = answer.to_owned();
        let served = std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let mut request = [0; 1024];
            let length = stream.read(&mut request).unwrap();
            stream.write_all(answer.as_bytes()).unwrap();
            String::from_utf8_lossy(&request[..length]).into_owned()
        });
        (address, served)
    }
}
