//! The floor of a handshake: what rustls needs in memory, and what TCP needs for the same bytes.

use anyhow::{Context, Result};

use crate::cpu::Place;
use crate::environment::Environment;
use crate::figure::{Contender, Figure, Sample, Series};
use crate::load::handshakes;
use crate::load::memory_handshake::{Flights, MemoryHandshake};
use crate::load::tcp;
use crate::load::tls::{KeyExchange, Protocol};
use crate::pki::Pki;
use crate::server::constant::{Constant, Software};

/// Measures a handshake with api-service, and its floor.
///
/// # Errors
///
/// A handshake fails.
pub fn run(environment: &Environment) -> Result<Vec<Figure>> {
    let server = environment.pki.identity(Pki::API);
    let client = environment.pki.identity(Pki::CLIENT);
    let memory = MemoryHandshake::new(&server, &client)?;
    let flights = memory.once()?.flights;
    let constant = Constant::new(environment);
    let contenders = [
        Contender::alone("ours", || {
            let server = constant.start(environment, Software::Ours)?;
            let target = environment.target(&server, KeyExchange::X25519, Protocol::Http1)?;
            Ok(handshakes::run(&[target], environment.window, &|| server.cpu())?.into())
        }),
        Contender::alone("rustls in memory", || {
            environment.processors.enter(Place::Server)?;
            let micros = memory.server_micros(environment.window.measured);
            environment.processors.enter(Place::Load)?;
            Ok(Sample { value: micros?, ..Sample::default() })
        }),
        Contender::alone("TCP, same bytes", || connections(environment, flights)),
        Contender::alone("TCP, no bytes", || connections(environment, Flights::default())),
    ];
    let title = "The floor of a full mutual handshake, X25519";
    let mut figure =
        Figure::new("floor", title, "us of CPU per handshake").measure(environment, &contenders)?;
    let floor = sum(&figure, "rustls in memory", "TCP, same bytes")?;
    figure.series.insert(1, floor);
    Ok(vec![figure])
}

fn connections(environment: &Environment, flights: Flights) -> Result<Sample> {
    let micros = tcp::server_micros(&environment.processors, flights, environment.window)?;
    Ok(Sample { value: micros, ..Sample::default() })
}

fn sum(figure: &Figure, one: &str, other: &str) -> Result<Series> {
    let find = |name| figure.find(name).with_context(|| format!("there must be {name}"));
    let pairs = find(one)?.samples.iter().zip(&find(other)?.samples);
    let samples = pairs.map(|(a, b)| Sample { value: a.value + b.value, ..Sample::default() });
    Ok(Series { exchange: None, name: "floor: both".to_owned(), samples: samples.collect() })
}
