//! The admin listener: plain HTTP for the operator and the orchestrator, never for the world.

mod dates;
mod events;
mod identity;

use std::net::TcpListener;
use std::sync::Arc;

use ::metrics::gauge;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use http::{StatusCode, header};
use metrics_exporter_prometheus::PrometheusHandle;
use mtls::connection::Connections;
use mtls::server::Acceptor;
use serde_json::json;
use time::OffsetDateTime;

use self::dates::Dates;
use self::identity::IdentityView;
use crate::capacity::Capacity;
use crate::host::AllowedHosts;
use crate::identities::Identities;
use crate::problem::Problem;
use crate::process::Shutdown;
use crate::readiness::{Check, Readiness};
use crate::server::Server;
use crate::settings::ServiceLimits;

/// What the admin listener looks at.
#[derive(Clone)]
pub struct Admin {
    /// Who is connected, and what happened on connections.
    pub connections: Arc<Connections>,
    /// Who we are.
    pub identities: Identities,
    /// What `/readyz` looks at besides the identities.
    pub more_checks: Arc<dyn Fn() -> Vec<Check> + Send + Sync>,
    /// What was counted.
    pub recorder: PrometheusHandle,
    /// Whether we are to stop.
    pub shutdown: Shutdown,
}

impl Admin {
    /// `/livez`, `/readyz`, `/metrics`, `/identity` and `/handshakes`.
    pub fn routes(self) -> Router {
        Router::new()
            .route("/livez", get(async || "the process serves\n"))
            .route("/readyz", get(readyz))
            .route("/metrics", get(metrics))
            .route("/identity", get(identity))
            .route("/handshakes", get(events))
            .fallback(Problem::not_found)
            .method_not_allowed_fallback(Problem::method_not_allowed)
            .with_state(self)
    }

    /// Serves `routes` on the admin listener, for as long as it is polled.
    ///
    /// It has connections of its own: a flood on the public listener must not lock the operator out. On
    /// loopback it answers to loopback names only.
    pub async fn serve(self, listener: TcpListener, routes: Router, limits: ServiceLimits) {
        let routes = match listener.local_addr() {
            Ok(address) => AllowedHosts::new(address.ip(), Vec::new(), REMEDY).protect(routes),
            Err(error) => return tracing::error!(%error, "the admin listener failed"),
        };
        let few = Capacity::of_process().admin_connections();
        let mut admin = limits.connection.clone();
        admin.max_connections = few;
        let connections = Connections::new(Arc::clone(self.connections.events()));
        let acceptor = Acceptor::admin(admin, connections);
        let (_sender, shutdown) = Shutdown::channel();
        let server = Server { acceptor, limits, listener, name: "admin", shutdown };
        if let Err(error) = server.serve(routes).await {
            tracing::error!(%error, "the admin listener failed");
        }
    }
}

async fn readyz(State(admin): State<Admin>) -> Response {
    let now = OffsetDateTime::now_utc();
    let more = (admin.more_checks)();
    let readiness = Readiness::of(&admin.identities.current(), more, &admin.shutdown, now);
    let status = if readiness.ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, Json(readiness)).into_response()
}

async fn metrics(State(admin): State<Admin>) -> Response {
    gauge!("mtls_connections_open").set(admin.connections.admitted() as f64);
    let kind = [(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")];
    let text = format!(
        "{}{}",
        admin.recorder.render(),
        Dates::of(&admin.identities.current(), &admin.connections)
    );
    (kind, text).into_response()
}

/// One identity is shown by itself; with several, the first, and all of them in `identities`.
async fn identity(State(admin): State<Admin>) -> Response {
    let now = OffsetDateTime::now_utc();
    let identities = admin.identities.current();
    let views: Vec<_> =
        identities.iter().map(|store| json!(IdentityView::of(store, now))).collect();
    match views.as_slice() {
        [] => Problem::new(StatusCode::NOT_FOUND)
            .with_detail("this service has no identity: none of its listeners speaks TLS")
            .into_response(),
        [only] => Json(only).into_response(),
        [first, ..] => {
            let mut view = first.clone();
            view["identities"] = json!(views);
            Json(view).into_response()
        }
    }
}

async fn events(State(admin): State<Admin>) -> Response {
    events::stream(Arc::clone(admin.connections.events()))
}

const REMEDY: &str = "bind the admin listener to another address than loopback";
