//! A whole service of one's own, which docs/adding-a-service.md explains: mutual TLS, one route, one
//! caller who may take it.

use std::process::ExitCode;

use axum::routing::get;
use axum::{Json, Router};
use clap::{CommandFactory, FromArgMatches, Parser};
use mtls::axum::AuthorizeLayer;
use mtls::pki::role::Role;
use mtls::{Policy, SpiffeId};
use serde_json::json;
use service_kit::healthcheck;
use service_kit::process::{self, Shutdown};
use service_kit::service::Service;
use service_kit::settings::{Problems, ServiceArguments, ServiceSettings};

/// The orders, for the client service alone.
#[derive(Debug, Parser)]
struct Arguments {
    #[command(flatten)]
    service: ServiceArguments,
}

fn main() -> ExitCode {
    process::run("orders", settings(), serve)
}

fn settings() -> Result<ServiceSettings, Problems> {
    let command = ServiceArguments::with_defaults(Arguments::command(), "0.0.0.0", "3000", "9000");
    let matches = command.get_matches();
    let arguments = Arguments::from_arg_matches(&matches).unwrap_or_else(|e| e.exit());
    healthcheck::exit_if_requested(&matches, &arguments.service);
    let mut problems = Problems::default();
    let settings = ServiceSettings::check(&arguments.service, Role::Server, &mut problems);
    problems.or(settings)
}

async fn serve(settings: ServiceSettings, shutdown: Shutdown) -> anyhow::Result<()> {
    let service = Service::bind(settings, shutdown)?;
    let caller: SpiffeId = CALLER.parse()?;
    let authorize = AuthorizeLayer::new(Policy::allow(caller));
    let orders = get(async || Json(json!({ "orders": [] })));
    let routes = Router::new().route("/orders", orders).layer(authorize);
    service.serve_mutual_tls("orders", routes).await
}

const CALLER: &str = "spiffe://mtls-demo.local/ns/default/sa/client-service";
