//! The two servers of a click, measured as one: client-service and api-service, or nginx in front
//! of nginx.

use anyhow::Result;

use crate::cpu::Place;
use crate::environment::Environment;
use crate::pki::Pki;
use crate::server::constant::{Constant, Software};
use crate::server::program::free_port;
use crate::server::template::fill;
use crate::server::{Server, nginx, ours};

/// What the page requests.
pub const PATH: &str = "/proxy/data";

/// Starts client-service in front of api-service.
///
/// # Errors
///
/// One of them does not listen.
pub fn ours(environment: &Environment) -> Result<Server> {
    let api = Constant::new(environment).start(environment, Software::Ours)?;
    let front = ours::client(environment, api.address.port())?;
    Ok(join(front, api))
}

/// Starts nginx, which answers what client-service answered, behind another nginx, which presents
/// a certificate to it.
///
/// # Errors
///
/// One of them does not listen.
pub fn nginx(environment: &Environment, answer: &str) -> Result<Server> {
    let mut constant = Constant::new(environment);
    constant.answers = vec![(PATH, answer.to_owned())];
    let back = constant.start(environment, Software::Nginx)?;
    let port = free_port()?;
    let identity = environment.identity(Pki::CLIENT);
    let upstream = include_str!("../../servers/nginx_upstream_tls.conf");
    let servers = fill(
        include_str!("../../servers/nginx_click.conf"),
        &[
            ("BACKEND", &back.address.port().to_string()),
            ("PORT", &port.to_string()),
            ("UPSTREAM_TLS", &fill(upstream, &[("IDENTITY", &identity)])?),
        ],
    )?;
    let front = nginx::start(
        environment,
        (Software::Nginx, "click"),
        (&servers, 1),
        (port, Place::Server),
    )?;
    Ok(join(front, back))
}

fn join(mut front: Server, back: Server) -> Server {
    front.programs.extend(back.programs);
    front
}
