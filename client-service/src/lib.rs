//! The web front: a page whose button makes this service call the API with its own certificate.
//!
//! It owns the page (`page`), the call (`api`) and what becomes of it (`proxy`). The browser
//! is not authenticated, and can use the service's identity for nothing but that one call.

mod api;
mod page;
mod proxy;
mod settings;

use std::sync::Arc;

use axum::routing::get;
use axum::{Json, Router};
use mtls::ClientCertificates;
use mtls::server::Acceptor;
use serde_json::{Value, json};
use service_kit::host::AllowedHosts;
use service_kit::process::Shutdown;
use service_kit::service::Service;

use self::api::Api;
use self::page::Page;
pub use self::settings::Settings;

/// Serves until it is stopped.
///
/// # Errors
///
/// A port is taken, or a listener failed.
pub async fn serve(settings: Settings, shutdown: Shutdown) -> anyhow::Result<()> {
    let page = Page::new(&settings);
    let remedy = "name this host in ALLOWED_HOSTS";
    let hosts = AllowedHosts::new(settings.service.listen.ip(), settings.allowed_hosts, remedy);
    let service = Service::bind(settings.service, shutdown)?;
    let api = Arc::new(Api::new(
        settings.api_url,
        settings.api_resolve,
        settings.api_spiffe_id,
        &service,
    ));

    let limits = service.limits.connection.clone();
    let connections = service.connections.clone();
    let acceptor = match settings.web_identity {
        Some(identity) => Acceptor::new(identity, ClientCertificates::Off, limits, connections),
        None => Acceptor::plain(limits, connections),
    };
    service.serve("client-service", acceptor, routes(page, api, hosts)).await
}

fn routes(page: Page, api: Arc<Api>, hosts: AllowedHosts) -> Router {
    let routes = Router::new()
        .route("/", get(page::page).with_state(Arc::new(page)))
        .route("/proxy/data", get(proxy::data).with_state(api))
        .route("/health", get(health))
        .merge(page::assets());
    hosts.protect(routes)
}

async fn health() -> Json<Value> {
    Json(json!({ "status": "healthy" }))
}
