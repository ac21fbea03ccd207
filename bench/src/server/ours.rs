//! The services of mtls-demo, configured as a user would, with quiet logs.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::process::Command;

use anyhow::Result;

use crate::cpu::Place;
use crate::environment::Environment;
use crate::pki::Pki;
use crate::server::Server;
use crate::server::constant::Constant;
use crate::server::program::{Program, free_port};
use crate::server::template;

/// Starts api-service.
///
/// # Errors
///
/// It does not listen.
pub fn api(environment: &Environment, constant: &Constant) -> Result<Server> {
    let mut command = service(environment, "api-service", &constant.identity)?;
    command.env("TOKIO_WORKER_THREADS", constant.threads.to_string());
    let place = if constant.threads == 1 { Place::Server } else { Place::Anywhere };
    start(environment, ("api-service", command), place)
}

/// Starts client-service, which calls api-service on `port`.
///
/// # Errors
///
/// It does not listen.
pub fn client(environment: &Environment, port: u16) -> Result<Server> {
    let identity = environment.pki.identity(Pki::CLIENT);
    let mut command = service(environment, "client-service", &identity)?;
    command.env("API_SERVICE_URL", format!("https://localhost:{port}"));
    command.env("TOKIO_WORKER_THREADS", "1");
    start(environment, ("client-service", command), Place::Server)
}

/// Starts the gateway with this file, which listens on `port`.
///
/// # Errors
///
/// It does not listen.
pub fn gateway(environment: &Environment, configuration: &str, port: u16) -> Result<Server> {
    let directory = environment.directory("gateway")?;
    let file = template::write(directory.join("gateway.toml"), configuration, &[])?;
    let mut command = Command::new(environment.binary("gateway"));
    command.env_clear().env("RUST_LOG", "error").env("TOKIO_WORKER_THREADS", "1");
    command.arg("--config").arg(file);
    listen(environment, ("gateway", command), (port, Place::Server))
}

/// One of our services on a free port, not started yet.
fn service(environment: &Environment, name: &str, identity: &Path) -> Result<Command> {
    let mut command = Command::new(environment.binary(name));
    command
        .env_clear()
        .env("ADMIN_PORT", "0")
        .env("CERT_PATH", identity)
        .env("HOST", "127.0.0.1")
        // Idle connections are held for as long as the measurement takes.
        .env("IDLE_TIMEOUT", "1h")
        .env("MAX_CONNECTIONS", "12000")
        .env("MAX_CONNECTION_AGE", "0")
        .env("RUST_LOG", "error");
    Ok(command)
}

fn start(
    environment: &Environment,
    (name, mut command): (&str, Command),
    place: Place,
) -> Result<Server> {
    let port = free_port()?;
    command.env("PORT", port.to_string());
    listen(environment, (name, command), (port, place))
}

fn listen(
    environment: &Environment,
    (name, mut command): (&str, Command),
    (port, place): (u16, Place),
) -> Result<Server> {
    let directory = environment.directory(name)?;
    command.current_dir(&directory);
    let output = template::output(&directory);
    let mut program = Program::start(&mut command, output, (&environment.processors, place))?;
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    program.wait_for(address)?;
    Ok(Server { address, programs: vec![program] })
}
