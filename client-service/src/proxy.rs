//! `GET /proxy/data`: what the button asks for.

use std::sync::Arc;

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use http::{StatusCode, header};
use mtls::connection::session::Session;
use mtls::pki::certificate::Certificate;
use serde::Serialize;
use serde_json::Value;
use service_kit::problem::Problem;
use service_kit::trace::Trace;
use time::OffsetDateTime;

use crate::api::{Api, ApiError};

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Proxied {
    api_response: Value,
    client_info: ClientInfo,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ClientInfo {
    service: &'static str,
    #[serde(with = "time::serde::rfc3339")]
    timestamp: OffsetDateTime,
    tls: Option<Session>,
    server_cert: Option<Arc<Certificate>>,
}

pub(super) async fn data(
    State(api): State<Arc<Api>>,
    Extension(trace): Extension<Trace>,
) -> Response {
    let fresh = [(header::CACHE_CONTROL, "no-store")];
    match api.data(&trace).await {
        Ok(answer) => {
            let client_info = ClientInfo {
                service: "client-service",
                timestamp: OffsetDateTime::now_utc(),
                tls: answer.tls,
                server_cert: answer.server_cert,
            };
            (fresh, Json(Proxied { api_response: answer.body, client_info })).into_response()
        }
        Err(error) => (fresh, error).into_response(),
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let details = self.to_string();
        let (error, refusal) = match self {
            Self::BadAnswer { .. } => ("api-bad-answer", Value::Null),
            Self::Failed { .. } => ("api-failed", Value::Null),
            Self::Refused { refusal, .. } => ("api-refused", refusal),
            Self::Timeout { .. } => ("api-timeout", Value::Null),
            Self::Unreachable { .. } => ("api-unreachable", Value::Null),
        };
        Problem::new(StatusCode::BAD_GATEWAY)
            .with_detail(details.clone())
            .with("error", error)
            .with("details", details)
            .with("refusal", refusal)
            .into_response()
    }
}
