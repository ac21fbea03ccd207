//! The backend: it answers only clients that authenticate by certificate, with what it saw of them.
//!
//! It owns two routes and their responses. `mtls` verifies clients, and `service-kit` runs the
//! service.

mod data;
mod settings;

use axum::routing::get;
use axum::{Json, Router};
use serde::Serialize;
use service_kit::process::Shutdown;
use service_kit::service::Service;

pub use self::settings::Settings;

/// Serves until it is stopped.
///
/// # Errors
///
/// A port is taken, or a listener failed.
pub async fn serve(settings: Settings, shutdown: Shutdown) -> anyhow::Result<()> {
    let service = Service::bind(settings.service, shutdown)?;
    service.serve_mutual_tls("api-service", routes()).await
}

/// Every route of this port; each stands behind mutual TLS.
fn routes() -> Router {
    Router::new().route("/api/health", get(health)).route("/api/data", get(data::data))
}

#[derive(Serialize)]
struct Health {
    status: &'static str,
}

async fn health() -> Json<Health> {
    Json(Health { status: "healthy" })
}
