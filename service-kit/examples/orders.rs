//! A whole service of one's own, which docs/adding-a-service.md explains: mutual TLS, one route, one
//! caller who may take it.

use std::process::ExitCode;
use std::sync::Arc;
use std::time::Instant;

use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::middleware::{Next, from_fn_with_state};
use axum::response::Response;
use axum::routing::get;
use axum::{Extension, Json, Router};
use clap::{CommandFactory, FromArgMatches, Parser};
use mtls::connections::Connection;
use mtls::handshake::{Handshake, Handshakes};
use mtls::peer::Peer;
use mtls::policy::{Attribute, Condition, Policy};
use mtls::refusal::Refusal;
use mtls::role::Role;
use mtls::server::Acceptor;
use serde_json::json;
use service_kit::healthcheck;
use service_kit::problem::Problem;
use service_kit::process::{self, Shutdown};
use service_kit::service::Service;
use service_kit::settings::{Problems, ServiceArguments, ServiceSettings};

/// The orders, for the client service alone.
#[derive(Debug, Parser)]
struct Arguments {
    #[command(flatten)]
    service: ServiceArguments,
}

struct Door {
    handshakes: Arc<Handshakes>,
    policy: Policy,
}

fn main() -> ExitCode {
    process::run("orders", settings(), serve)
}

fn settings() -> Result<ServiceSettings, Problems> {
    let command = ServiceArguments::with_defaults(Arguments::command(), "0.0.0.0", "3000", "9000");
    let matches = command.get_matches();
    let arguments = Arguments::from_arg_matches(&matches).unwrap_or_else(|e| e.exit());
    healthcheck::end_if_asked(&matches, &arguments.service);
    let mut problems = Problems::default();
    let settings = ServiceSettings::check(&arguments.service, Role::Server, &mut problems);
    problems.or(settings)
}

async fn serve(settings: ServiceSettings, shutdown: Shutdown) -> anyhow::Result<()> {
    let service = Service::bind(settings, shutdown)?;
    let acceptor = Acceptor::mutual(
        service.live.clone(),
        service.limits.connection.clone(),
        service.handshakes.clone(),
        service.connections.clone(),
    );
    let caller = Condition::new(Attribute::SpiffeId, CALLER)?;
    let policy = Policy::new(vec![caller.into()])?;
    let door = Arc::new(Door { handshakes: service.handshakes.clone(), policy });
    let orders = get(async || Json(json!({ "orders": [] })));
    let routes = Router::new().route("/orders", orders).layer(from_fn_with_state(door, admit));
    service.serve("orders", acceptor, routes).await
}

/// Behind the handshake, which has proven who calls, the policy says who may.
async fn admit(
    State(door): State<Arc<Door>>,
    Extension(peer): Extension<Peer>,
    Extension(connection): Extension<Arc<Connection>>,
    request: Request,
    next: Next,
) -> Result<Response, Problem> {
    let begin = Instant::now();
    let Err(reason) = door.policy.judge(&peer) else {
        return Ok(next.run(request).await);
    };
    // Told like a refused handshake: in the log, the metrics and /handshakes.
    let refusal = Refusal::new(reason, Role::Server, None, connection.address());
    let (session, told) = (connection.session().cloned(), refusal.clone());
    door.handshakes.record(Handshake::refused(Role::Server, begin.elapsed(), session, told));
    Err(Problem::new(StatusCode::FORBIDDEN).with("refusal", refusal))
}

const CALLER: &str = "spiffe://mtls-demo.local/ns/default/sa/client-service";
