//! How the processor time of a handshake grows: with revoked serial numbers, trusted roots,
//! clients with certificates of their own, and threads.

use std::fs;
use std::path::PathBuf;

use anyhow::{Context, Result};

use authority::{Authority, AuthorityRequest};

use crate::environment::Environment;
use crate::figure::{Contender, Figure, Sample};
use crate::load::exchange::Exchange;
use crate::load::handshakes;
use crate::load::tls::{KeyExchange, Protocol, Target};
use crate::pki::Pki;
use crate::server::Server;
use crate::server::constant::{Constant, Software};

/// Measures all four; in a short run, our handshakes with 100,000 revoked serial numbers only.
///
/// # Errors
///
/// A server does not start, or refuses a client.
pub fn run(environment: &Environment) -> Result<Vec<Figure>> {
    let revoked = revocation(environment)?;
    if environment.is_quick {
        return Ok(vec![revoked]);
    }
    Ok(vec![revoked, roots(environment)?, peers(environment)?, threads(environment)?])
}

const MICROS: &str = "us of CPU per handshake";
const ALL: [Software; 3] = [Software::Ours, Software::Nginx, Software::Envoy];

fn revocation(environment: &Environment) -> Result<Figure> {
    let mut variants = Vec::new();
    for entries in [None, Some(1), Some(1000), Some(100_000)] {
        if environment.is_quick && matches!(entries, Some(1 | 1000)) {
            continue;
        }
        let name = entries.map_or("no list".to_owned(), |count| format!("{count} revoked"));
        let constant = Constant {
            identity: with_list(environment, entries)?,
            revocation: entries.is_some(),
            ..Constant::new(environment)
        };
        variants.push((name, constant));
    }
    let all = if environment.is_quick { &ALL[..1] } else { &ALL[..] };
    let figure = Figure::new("growth-revocation", "Handshake with a revocation list", MICROS);
    measure(environment, figure, (all, &variants))
}

/// An identity with a revocation list of so many entries.
fn with_list(environment: &Environment, entries: Option<u32>) -> Result<PathBuf> {
    let name = format!("revocation-{}", entries.unwrap_or_default());
    let path = environment.pki.issue(&name, Pki::API)?;
    if let Some(entries) = entries {
        let list = environment.pki.revocation_list(entries)?;
        let file = path.join("ca.crl");
        fs::write(&file, list.pem()).with_context(|| format!("cannot write {}", file.display()))?;
    }
    Ok(path)
}

fn roots(environment: &Environment) -> Result<Figure> {
    let others = (1..100).map(|_| Authority::generate(&AuthorityRequest::default()));
    let others: Vec<_> = others.collect::<Result<_, _>>()?;
    let mut variants = Vec::new();
    for count in [1, 10, 100] {
        let name = format!("roots-{count}");
        let identity = environment.pki.issue_trusting(&name, &others[..count - 1])?;
        let constant = Constant { identity, ..Constant::new(environment) };
        variants.push((counted(count, "root"), constant));
    }
    let figure = Figure::new("growth-roots", "Handshake with several trusted roots", MICROS);
    measure(environment, figure, (&ALL, &variants))
}

fn threads(environment: &Environment) -> Result<Figure> {
    let variants: Vec<_> = [1, 2]
        .map(|threads| {
            let constant = Constant { threads, ..Constant::new(environment) };
            (counted(threads, "thread"), constant)
        })
        .into();
    let figure = Figure::new("growth-threads", "Handshake with several threads", MICROS);
    measure(environment, figure, (&ALL, &variants))
}

fn measure(
    environment: &Environment,
    figure: Figure,
    (all, variants): (&[Software], &[(String, Constant)]),
) -> Result<Figure> {
    let mut contenders = Vec::new();
    for software in all {
        for (name, constant) in variants {
            contenders.push(Contender::new(
                format!("{}, {name}", software.name()),
                || constant.start(environment, *software),
                |server| check(environment, server),
                |server| load(environment, server, &[target(environment, server, Pki::CLIENT)?]),
            ));
        }
    }
    figure.measure(environment, &contenders)
}

/// One client, and a thousand by turns, each with a certificate of its own.
fn peers(environment: &Environment) -> Result<Figure> {
    let mut names = Vec::new();
    for number in 0..1000 {
        let name = format!("peer-{number}");
        environment.pki.issue(&name, Pki::CLIENT)?;
        names.push(name);
    }
    let constant = Constant::new(environment);
    let mut contenders = Vec::new();
    for software in ALL {
        for count in [1, 1000] {
            let (constant, names) = (&constant, &names[..count]);
            contenders.push(Contender::new(
                format!("{}, {}", software.name(), counted(count, "client")),
                move || constant.start(environment, software),
                |server| check(environment, server),
                move |server| {
                    let targets = names.iter().map(|name| target(environment, server, name));
                    load(environment, server, &targets.collect::<Result<Vec<_>>>()?)
                },
            ));
        }
    }
    Figure::new("growth-peers", "Handshake with several clients by turns", MICROS)
        .measure(environment, &contenders)
}

fn counted(count: usize, what: &str) -> String {
    format!("{count} {what}{}", if count == 1 { "" } else { "s" })
}

fn target(environment: &Environment, server: &Server, name: &str) -> Result<Target> {
    let identity = environment.pki.identity(name);
    Target::new(server.address, &identity, (KeyExchange::X25519, Protocol::Http1))
}

fn load(environment: &Environment, server: &Server, targets: &[Target]) -> Result<Sample> {
    Ok(handshakes::run(targets, environment.window, &|| server.cpu())?.into())
}

fn check(environment: &Environment, server: &Server) -> Result<Exchange> {
    let target = target(environment, server, Pki::CLIENT)?;
    Exchange::get(&target, Protocol::Http1, "/api/health")
}
