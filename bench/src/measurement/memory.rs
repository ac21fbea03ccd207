//! Memory: of a service that does nothing, and of each open idle connection.

use std::thread::sleep;
use std::time::Duration;

use anyhow::Result;

use crate::environment::Environment;
use crate::figure::{Contender, Figure, Sample};
use crate::load::exchange::Exchange;
use crate::load::idle::Idle;
use crate::load::tls::{KeyExchange, Protocol};
use crate::measurement::requests;
use crate::memory::Memory;
use crate::server::constant::{Constant, Software};
use crate::server::proxy::{Backend, Proxy};
use crate::server::{Server, click};

/// Measures idle services, and 1,000 and (unless the run is a short one) 10,000 connections.
///
/// # Errors
///
/// A server does not start, or closes an idle connection.
pub fn run(environment: &Environment) -> Result<Vec<Figure>> {
    let mut figures = vec![services(environment)?, connections(environment, 1000)?];
    if !environment.is_quick {
        figures.push(connections(environment, 10_000)?);
    }
    Ok(figures)
}

const PATH: &str = "/api/health";

/// Resident memory of each service after one request.
fn services(environment: &Environment) -> Result<Figure> {
    let backend = Backend::start(environment, false)?;
    let proxy = Proxy { backend: &backend, identity: true, large: false };
    let constant = Constant::new(environment);
    let check = |server: &Server| requests::check(environment, server, (Protocol::Http1, PATH));
    let get = |server: &Server, path| {
        let target = environment.target(server, KeyExchange::X25519, Protocol::Http1)?;
        Exchange::get(&target, Protocol::Http1, path)
    };
    let start = |software| constant.start(environment, software);
    let contenders = [
        Contender::new("api-service", || start(Software::Ours), check, resident),
        Contender::alone("client-service", || {
            let server = click::ours(environment)?;
            Exchange::get_plain(server.address, click::PATH)?;
            // The first of the two programs; the other is api-service.
            sample(Memory::of(&server.programs[0].processes()?)?.resident as f64 / 1024.0)
        }),
        Contender::new(
            "gateway",
            || proxy.start(environment, Software::Ours),
            |server| get(server, Backend::SMALL),
            resident,
        ),
        Contender::new("nginx", || start(Software::Nginx), check, resident),
        Contender::new("envoy", || start(Software::Envoy), check, resident),
    ];
    let title = "Resident memory of an idle server, after one request";
    Figure::new("memory-idle", title, "MiB").measure(environment, &contenders)
}

/// What each connection adds, once it has carried one request.
fn connections(environment: &Environment, count: usize) -> Result<Figure> {
    let constant = Constant::new(environment);
    let contenders = [Software::Ours, Software::Nginx, Software::Envoy].map(|software| {
        let constant = &constant;
        Contender::new(
            software.name(),
            move || constant.start(environment, software),
            |server| requests::check(environment, server, (Protocol::Http1, PATH)),
            move |server| each_connection(environment, server, count),
        )
    });
    let title = format!("Memory per idle mutual-TLS connection, {count} open");
    Figure::new(&format!("memory-{count}"), &title, "KiB").measure(environment, &contenders)
}

fn each_connection(environment: &Environment, server: &Server, count: usize) -> Result<Sample> {
    let target = environment.target(server, KeyExchange::X25519, Protocol::Http1)?;
    let before = Memory::of(&server.processes()?)?.proportional;
    let mut idle = Idle::new(PATH)?;
    idle.grow_to(&target, count)?;
    sleep(SETTLED);
    let after = Memory::of(&server.processes()?)?.proportional;
    idle.check()?;
    sample(after.saturating_sub(before) as f64 / count as f64)
}

/// By then a server has freed what it needed for the handshakes.
const SETTLED: Duration = Duration::from_millis(300);

fn resident(server: &Server) -> Result<Sample> {
    sleep(SETTLED);
    sample(Memory::of(&server.processes()?)?.resident as f64 / 1024.0)
}

fn sample(value: f64) -> Result<Sample> {
    Ok(Sample { value, ..Sample::default() })
}
