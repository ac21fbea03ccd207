//! The processor time of a proxied request: the gateway, nginx and Envoy before the same backend.

use anyhow::{Result, ensure};

use crate::environment::Environment;
use crate::figure::{Contender, Figure, Sample};
use crate::load::exchange::Exchange;
use crate::load::http1::{self, Requests};
use crate::load::tls::{KeyExchange, Protocol};
use crate::server::Server;
use crate::server::constant::Software;
use crate::server::proxy::{Backend, Proxy};

/// Measures small, large and huge bodies from a plain backend, and small ones with the caller's
/// certificate in the request, from a plain backend and from one behind mutual TLS.
///
/// # Errors
///
/// A server does not start or does not answer.
pub fn run(environment: &Environment) -> Result<Vec<Figure>> {
    let mut figures = Vec::new();
    let plain = Backend::start(environment, false)?;
    let bare = Proxy { backend: &plain, identity: false, large: false };
    let identity = Proxy { identity: true, ..bare };
    let small = Requests::small(Backend::SMALL);
    let title = "small body, caller's certificate passed on";
    figures.push(measure(environment, figure("identity", title), (identity, small))?);
    if !environment.is_quick {
        figures.push(measure(environment, figure("small", "small body"), (bare, small))?);
        let bare = Proxy { large: true, ..bare };
        let large = Requests { connections: 8, path: Backend::LARGE };
        figures.push(measure(environment, figure("64k", "body of 64 KiB"), (bare, large))?);
        let huge = Requests { connections: 2, path: Backend::HUGE };
        figures.push(measure(environment, figure("16m", "body of 16 MiB"), (bare, huge))?);
    }
    drop(plain);
    let secure = Backend::start(environment, true)?;
    let both = Proxy { backend: &secure, identity: true, large: false };
    let title = "small body, certificate passed on, mutual TLS to the backend";
    figures.push(measure(environment, figure("mtls", title), (both, small))?);
    Ok(figures)
}

fn figure(name: &str, title: &str) -> Figure {
    Figure::new(&format!("proxy-{name}"), &format!("Proxied GET, {title}"), "us of CPU per request")
}

fn measure(
    environment: &Environment,
    figure: Figure,
    (proxy, requests): (Proxy<'_>, Requests<'_>),
) -> Result<Figure> {
    let contender = |software: Software| {
        Contender::new(
            software.name(),
            move || proxy.start(environment, software),
            move |server| check(environment, server, (proxy, requests)),
            move |server| load(environment, server, requests),
        )
    };
    let mut all = Software::all(environment);
    // They are measured where their configuration does the same: in front of a plain backend.
    if !environment.is_quick && !proxy.backend.is_secure {
        all.extend([Software::Traefik, Software::Caddy]);
    }
    let contenders: Vec<_> = all.into_iter().map(contender).collect();
    figure.measure(environment, &contenders)
}

fn load(environment: &Environment, server: &Server, requests: Requests<'_>) -> Result<Sample> {
    let target = environment.target(server, KeyExchange::X25519, Protocol::Http1)?;
    Ok(http1::run(&target, requests, environment.window, &|| server.cpu())?.into())
}

fn check(
    environment: &Environment,
    server: &Server,
    (proxy, requests): (Proxy<'_>, Requests<'_>),
) -> Result<Exchange> {
    let target = environment.target(server, KeyExchange::X25519, Protocol::Http1)?;
    let seen = Exchange::body(&target, Protocol::Http1, Backend::SEEN)?;
    // A P-256 certificate has about 600 bytes, and more in base64.
    let is_passed_on = seen.len() > 600;
    ensure!(is_passed_on == proxy.identity, "the backend sees this of the caller: {seen}");
    Exchange::get(&target, Protocol::Http1, requests.path)
}
