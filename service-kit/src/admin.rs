//! The admin listener: plain HTTP for the operator and the orchestrator, never for the world.

mod dates;
mod identity;

use std::sync::Arc;

use ::metrics::gauge;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use http::{StatusCode, header};
use metrics_exporter_prometheus::PrometheusHandle;
use mtls::connections::Connections;
use mtls::handshake::Handshakes;
use mtls::live::Live;
use serde_json::json;
use time::OffsetDateTime;

use self::dates::Dates;
use self::identity::IdentityView;
use crate::problem::Problem;
use crate::process::Shutdown;
use crate::readiness::Readiness;

/// What the admin listener looks at.
#[derive(Clone)]
pub struct Admin {
    /// Who is connected.
    pub connections: Arc<Connections>,
    /// What happened at the doors.
    pub handshakes: Arc<Handshakes>,
    /// Who we are.
    pub live: Arc<Live>,
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
            .route("/handshakes", get(handshakes))
            .fallback(Problem::not_found)
            .method_not_allowed_fallback(Problem::method_not_allowed)
            .with_state(self)
    }
}

async fn readyz(State(admin): State<Admin>) -> Response {
    let readiness = Readiness::of(&admin.live, &admin.shutdown, OffsetDateTime::now_utc());
    let status = if readiness.ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, Json(readiness)).into_response()
}

async fn metrics(State(admin): State<Admin>) -> Response {
    gauge!("mtls_connections_open").set(admin.connections.admitted() as f64);
    let kind = [(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")];
    let text = format!("{}{}", admin.recorder.render(), Dates::of(&admin.live, &admin.connections));
    (kind, text).into_response()
}

async fn identity(State(admin): State<Admin>) -> Json<serde_json::Value> {
    Json(json!(IdentityView::of(&admin.live, OffsetDateTime::now_utc())))
}

async fn handshakes(State(admin): State<Admin>) -> Json<serde_json::Value> {
    Json(json!({ "handshakes": admin.handshakes.newest() }))
}
