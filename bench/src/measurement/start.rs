//! The time from the start of a server's process to the first good handshake.

use anyhow::Result;

use crate::environment::Environment;
use crate::figure::{Contender, Figure, Sample};
use crate::load::exchange::Exchange;
use crate::load::handshakes::shake_hands;
use crate::load::tls::{KeyExchange, Protocol, Target};
use crate::pki::Pki;
use crate::server::Server;
use crate::server::constant::{Constant, Software};
use crate::server::proxy::{Backend, Proxy};

/// Measures api-service, the gateway, nginx and Envoy.
///
/// # Errors
///
/// A server does not start.
pub fn run(environment: &Environment) -> Result<Vec<Figure>> {
    let backend = Backend::start(environment, false)?;
    let proxy = Proxy { backend: &backend, identity: true, large: false };
    let constant = Constant::new(environment);
    let check = |server: &Server| {
        let target = environment.target(server, KeyExchange::X25519, Protocol::Http1)?;
        Exchange::get(&target, Protocol::Http1, "/api/health")
    };
    let start = |software| constant.start(environment, software);
    let contenders = [
        contender("api-service", environment, || start(Software::Ours)),
        contender("gateway", environment, || proxy.start(environment, Software::Ours)),
        contender("nginx", environment, || start(Software::Nginx)),
        contender("envoy", environment, || start(Software::Envoy)),
    ];
    // Before anything is measured: each of the constants answers.
    for software in [Software::Ours, Software::Nginx, Software::Envoy] {
        check(&start(software)?)?;
    }
    let title = "From the start of the process to the first good handshake";
    Ok(vec![Figure::new("start", title, "ms").measure(environment, &contenders)?])
}

fn contender<'a>(
    name: &str,
    environment: &'a Environment,
    start: impl Fn() -> Result<Server> + 'a,
) -> Contender<'a> {
    Contender::alone(name, move || {
        let identity = environment.pki.identity(Pki::CLIENT);
        let unknown = ([127, 0, 0, 1], 0).into();
        let target = Target::new(unknown, &identity, (KeyExchange::X25519, Protocol::Http1))?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let server = start()?;
        let target = Target { address: server.address, ..target };
        runtime.block_on(shake_hands(&target))?;
        let started = server.programs[0].started;
        Ok(Sample { value: started.elapsed().as_secs_f64() * 1000.0, ..Sample::default() })
    })
}
