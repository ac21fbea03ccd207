//! Caddy and Traefik, which are written in Go: one processor for each.

use std::net::{Ipv4Addr, SocketAddr};
use std::process::Command;
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::Result;

use crate::cpu::Place;
use crate::environment::{Environment, text};
use crate::load::exchange::Exchange;
use crate::load::tls::{KeyExchange, Protocol};
use crate::pki::Pki;
use crate::server::Server;
use crate::server::program::{Program, free_port};
use crate::server::template;

/// Starts Caddy in front of the backend on a port.
///
/// # Errors
///
/// It does not listen.
pub fn caddy(environment: &Environment, backend: &str, identity: bool) -> Result<Server> {
    let port = free_port()?;
    let directory = environment.directory("caddy")?;
    let headers = match identity {
        true => "header_up Client-Cert {http.request.tls.client.certificate_der_base64}",
        false => "",
    };
    let file = template::write(
        directory.join("Caddyfile"),
        include_str!("../../servers/Caddyfile"),
        &[
            ("BACKEND", backend),
            ("HEADERS", headers),
            ("IDENTITY", &environment.identity(Pki::GATEWAY)),
            ("PORT", &port.to_string()),
        ],
    )?;
    let mut command = Command::new(&environment.peers.caddy);
    command.args(["run", "--adapter", "caddyfile", "--config"]).arg(file);
    start(environment, ("caddy", command), port)
}

/// Starts Traefik in front of the backend on a port.
///
/// # Errors
///
/// It does not listen.
pub fn traefik(environment: &Environment, backend: &str, identity: bool) -> Result<Server> {
    let port = free_port()?;
    let directory = environment.directory("traefik")?;
    template::write(
        directory.join("dynamic.yml"),
        include_str!("../../servers/traefik_dynamic.yml"),
        &[
            ("BACKEND", backend),
            ("HEADERS", if identity { "certificate" } else { "" }),
            ("IDENTITY", &environment.identity(Pki::GATEWAY)),
        ],
    )?;
    let file = template::write(
        directory.join("traefik.yml"),
        include_str!("../../servers/traefik.yml"),
        &[("DIRECTORY", &text(&directory)), ("PORT", &port.to_string())],
    )?;
    let mut command = Command::new(&environment.peers.traefik);
    command.arg(format!("--configfile={}", file.display()));
    start(environment, ("traefik", command), port)
}

fn start(
    environment: &Environment,
    (name, mut command): (&str, Command),
    port: u16,
) -> Result<Server> {
    let directory = environment.directory(name)?;
    command.env("GOMAXPROCS", "1").env("HOME", &directory).env("XDG_DATA_HOME", &directory);
    command.current_dir(&directory);
    let output = template::output(&directory);
    let processors = (&environment.processors, Place::Server);
    let mut program = Program::start(&mut command, output, processors)?;
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    program.wait_for(address)?;
    let server = Server { address, programs: vec![program] };
    wait_for_answer(environment, &server)?;
    Ok(server)
}

/// Traefik listens before it has read the file with its routes.
fn wait_for_answer(environment: &Environment, server: &Server) -> Result<()> {
    let target = environment.target(server, KeyExchange::X25519, Protocol::Http1)?;
    let deadline = Instant::now() + Duration::from_secs(10);
    loop {
        match Exchange::get(&target, Protocol::Http1, "/api/health") {
            Err(error) if Instant::now() > deadline => return Err(error),
            Err(_) => sleep(Duration::from_millis(20)),
            Ok(_) => return Ok(()),
        }
    }
}
