//! The processor time of a click: both servers together.

use anyhow::Result;

use crate::environment::Environment;
use crate::figure::{Contender, Figure, Sample};
use crate::load::exchange::Exchange;
use crate::load::h2load;
use crate::server::{Server, click};

/// Measures client-service with api-service, and nginx in front of nginx.
///
/// # Errors
///
/// A server does not start or does not answer.
pub fn run(environment: &Environment) -> Result<Vec<Figure>> {
    let answer = {
        let server = click::ours(environment)?;
        Exchange::get_plain(server.address, click::PATH)?.1
    };
    let contenders = [
        Contender::new("ours", || click::ours(environment), check, |s| load(environment, s)),
        Contender::new(
            "nginx",
            || click::nginx(environment, &answer),
            check,
            |server| load(environment, server),
        ),
    ];
    let title = "A click: plain HTTP, then mutual TLS, both servers";
    let figure = Figure::new("click", title, "us of CPU per click");
    Ok(vec![figure.measure(environment, &contenders)?])
}

fn check(server: &Server) -> Result<Exchange> {
    Ok(Exchange::get_plain(server.address, click::PATH)?.0)
}

fn load(environment: &Environment, server: &Server) -> Result<Sample> {
    let log = environment.directory("h2load")?.join("h2load.log");
    let request = (server.address, click::PATH);
    Ok(h2load::run(request, environment.window, &|| server.cpu(), &log)?.into())
}
