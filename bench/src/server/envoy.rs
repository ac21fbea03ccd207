//! Envoy: one process with one worker thread beside its main thread.

use std::fmt::Write;
use std::net::{Ipv4Addr, SocketAddr};
use std::process::Command;

use anyhow::Result;

use crate::cpu::Place;
use crate::environment::{Environment, text};
use crate::server::Server;
use crate::server::constant::Constant;
use crate::server::program::{Program, free_port};
use crate::server::template;

/// Starts Envoy with a `direct_response` for each answer.
///
/// # Errors
///
/// It does not listen.
pub fn constant(environment: &Environment, constant: &Constant) -> Result<Server> {
    let port = free_port()?;
    let identity = text(&constant.identity);
    let revocation = match constant.revocation {
        true => format!("                  crl: {{ filename: {identity}/ca.crl }}"),
        false => String::new(),
    };
    let tls = tls(&identity, constant.key_exchange.name(), &revocation)?;
    let mut routes = String::new();
    for (path, body) in &constant.answers {
        let body = serde_json::to_string(body)?;
        writeln!(routes, "                        - match: {{ path: {path} }}")?;
        writeln!(
            routes,
            "                          direct_response: {{ status: 200, body: {{ inline_string: {body} }} }}"
        )?;
        routes.push_str(JSON_RESPONSE);
    }
    let file = template::fill(
        include_str!("../../servers/envoy_constant.yaml"),
        &[("PORT", &port.to_string()), ("ROUTES", &routes), ("TLS", &tls)],
    )?;
    let place = if constant.threads == 1 { Place::Server } else { Place::Anywhere };
    start(environment, ("envoy-constant", &file), constant.threads, (port, place))
}

/// Starts Envoy with this configuration.
///
/// # Errors
///
/// It does not listen.
pub fn start(
    environment: &Environment,
    (name, configuration): (&str, &str),
    threads: usize,
    (port, place): (u16, Place),
) -> Result<Server> {
    let directory = environment.directory(name)?;
    let file = directory.join("envoy.yaml");
    std::fs::write(&file, configuration)?;
    let mut command = Command::new(&environment.peers.envoy);
    command.arg("--config-path").arg(file).current_dir(&directory);
    command.args(["--disable-hot-restart", "--log-level", "error"]);
    command.args(["--concurrency", &threads.to_string()]);
    let output = template::output(&directory);
    let mut program = Program::start(&mut command, output, (&environment.processors, place))?;
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    program.wait_for(address)?;
    Ok(Server { address, programs: vec![program] })
}

/// The transport socket of a mutual-TLS listener with one group; `revocation` is a line that names
/// the list, or empty.
///
/// # Errors
///
/// None: every name has a value.
pub fn tls(identity: &str, group: &str, revocation: &str) -> Result<String> {
    template::fill(
        include_str!("../../servers/envoy_tls.yaml"),
        &[("GROUP", group), ("IDENTITY", identity), ("REVOCATION", revocation)],
    )
}

/// Without it, Envoy answers `text/plain`.
const JSON_RESPONSE: &str = "                          response_headers_to_add:
                            - header: { key: content-type, value: application/json }
                              append_action: OVERWRITE_IF_EXISTS_OR_ADD
";
