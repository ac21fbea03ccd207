//! nginx: a master and its workers.

use std::net::{Ipv4Addr, SocketAddr};
use std::process::Command;

use anyhow::{Result, ensure};

use crate::cpu::Place;
use crate::environment::{Environment, text};
use crate::server::Server;
use crate::server::constant::{Constant, Software};
use crate::server::program::{Program, free_port};
use crate::server::template;

/// Starts nginx with a `return` for each answer.
///
/// # Errors
///
/// It does not listen.
pub fn constant(
    environment: &Environment,
    constant: &Constant,
    software: Software,
) -> Result<Server> {
    let port = free_port()?;
    let mut server = String::from("  server {\n");
    let identity = text(&constant.identity);
    let listen = listen_tls(port, &identity, "on")?;
    server.push_str(&listen.replace("X25519", constant.key_exchange.name()));
    if constant.revocation {
        server.push_str(&format!("    ssl_crl {}/ca.crl;\n", constant.identity.display()));
    }
    for (path, body) in &constant.answers {
        server.push_str(&location(path, body)?);
    }
    server.push_str("  }\n");
    let place = if constant.threads == 1 { Place::Server } else { Place::Anywhere };
    start(environment, (software, "constant"), (&server, constant.threads), (port, place))
}

/// Starts nginx with these `server` blocks and this number of workers.
///
/// # Errors
///
/// It does not listen.
pub fn start(
    environment: &Environment,
    (software, name): (Software, &str),
    (servers, threads): (&str, usize),
    (port, place): (u16, Place),
) -> Result<Server> {
    let directory = environment.directory(&format!("{}-{name}", software.name()))?;
    let (binary, servers) = match (software, &environment.peers.nginx_debian) {
        (Software::NginxDebian, Some(binary)) => (binary, without_http2_directive(servers)),
        _ => (&environment.peers.nginx, servers.to_owned()),
    };
    let values = [("SERVERS", servers.as_str()), ("THREADS", &threads.to_string())];
    let file = directory.join("nginx.conf");
    let file = template::write(file, include_str!("../../servers/nginx.conf"), &values)?;
    let mut command = Command::new(binary);
    command.arg("-e").arg("stderr").arg("-p").arg(&directory).arg("-c").arg(file);
    let output = template::output(&directory);
    let mut program = Program::start(&mut command, output, (&environment.processors, place))?;
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    program.wait_for(address)?;
    Ok(Server { address, programs: vec![program] })
}

/// Before version 1.25.1, HTTP/2 is a parameter of `listen`.
fn without_http2_directive(servers: &str) -> String {
    match servers.contains("http2 on;") {
        true => servers.replace(" ssl backlog", " ssl http2 backlog").replace("http2 on;", ""),
        false => servers.replace("http2 off;", ""),
    }
}

/// The settings of a mutual-TLS listener with X25519; `http2` is `on` or `off`.
///
/// # Errors
///
/// None: every name has a value.
pub fn listen_tls(port: u16, identity: &str, http2: &str) -> Result<String> {
    template::fill(
        include_str!("../../servers/nginx_tls.conf"),
        &[
            ("GROUP", "X25519"),
            ("HTTP2", http2),
            ("IDENTITY", identity),
            ("PORT", &port.to_string()),
        ],
    )
}

/// A location that answers a constant.
///
/// # Errors
///
/// nginx would read a `$` in the body as a variable.
pub fn location(path: &str, body: &str) -> Result<String> {
    ensure!(!body.contains('$'), "the constant body must not contain a $: {body}");
    let body = body.replace('\\', "\\\\").replace('\'', "\\'");
    Ok(format!("    location = {path} {{ default_type application/json; return 200 '{body}'; }}\n"))
}
