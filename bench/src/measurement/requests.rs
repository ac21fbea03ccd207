//! The processor time of a small request on a kept-alive connection: api-service, and servers that
//! answer a constant of the same length.

use anyhow::Result;

use crate::environment::Environment;
use crate::figure::{Contender, Figure, Sample};
use crate::load::exchange::Exchange;
use crate::load::tls::{KeyExchange, Protocol};
use crate::load::{http1, http2};
use crate::server::Server;
use crate::server::constant::{Constant, Software};

/// Measures `/api/health` and `/api/data`, over HTTP/1.1 and HTTP/2.
///
/// # Errors
///
/// A server does not start or does not answer.
pub fn run(environment: &Environment) -> Result<Vec<Figure>> {
    let mut figures = Vec::new();
    for (protocol, suffix, version) in
        [(Protocol::Http1, "http1", "HTTP/1.1"), (Protocol::Http2, "http2", "HTTP/2")]
    {
        let constant = constant(environment, protocol)?;
        // The budgets are for HTTP/1.1.
        if environment.is_quick && protocol == Protocol::Http2 {
            continue;
        }
        for (path, name) in [("/api/health", "health"), ("/api/data", "data")] {
            let figure = Figure::new(
                &format!("requests-{name}-{suffix}"),
                &format!("GET {path}, kept-alive {version}"),
                "us of CPU per request",
            );
            figures.push(measure(environment, figure, &constant, (protocol, path))?);
        }
    }
    Ok(figures)
}

/// Sends requests to a server over kept-alive connections.
///
/// # Errors
///
/// A request fails.
pub fn load(
    environment: &Environment,
    server: &Server,
    (protocol, path): (Protocol, &str),
) -> Result<Sample> {
    let target = environment.target(server, KeyExchange::X25519, protocol)?;
    let meter = || server.cpu();
    let load = match protocol {
        Protocol::Http1 => {
            let requests = http1::Requests::small(path);
            http1::run(&target, requests, environment.window, &meter)?
        }
        Protocol::Http2 => http2::run(&target, path, environment.window, &meter)?,
    };
    Ok(load.into())
}

/// Sends one request, to see what the server answers.
///
/// # Errors
///
/// There is no good answer.
pub fn check(
    environment: &Environment,
    server: &Server,
    (protocol, path): (Protocol, &str),
) -> Result<Exchange> {
    let target = environment.target(server, KeyExchange::X25519, protocol)?;
    Exchange::get(&target, protocol, path)
}

/// The other servers answer `/api/data` with what api-service answered once over this protocol.
fn constant(environment: &Environment, protocol: Protocol) -> Result<Constant> {
    let mut constant = Constant::new(environment);
    let ours = constant.start(environment, Software::Ours)?;
    let target = environment.target(&ours, KeyExchange::X25519, protocol)?;
    constant.answers.push(("/api/data", Exchange::body(&target, protocol, "/api/data")?));
    Ok(constant)
}

fn measure(
    environment: &Environment,
    figure: Figure,
    constant: &Constant,
    request: (Protocol, &'static str),
) -> Result<Figure> {
    let contender = |software: Software| {
        Contender::new(
            software.name(),
            move || constant.start(environment, software),
            move |server| check(environment, server, request),
            move |server| load(environment, server, request),
        )
    };
    let all = Software::all(environment).into_iter();
    // A short run measures what the budgets need.
    let all = all.filter(|software| !environment.is_quick || *software != Software::Envoy);
    let contenders: Vec<_> = all.map(contender).collect();
    figure.measure(environment, &contenders)
}
