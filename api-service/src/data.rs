//! `GET /api/data`: the secured data, and who asked for it over what.

use std::sync::Arc;

use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use mtls::connection::Connection;
use mtls::connection::session::Session;
use mtls::peer::Peer;
use serde::Serialize;
use serde_json::value::RawValue;
use time::OffsetDateTime;

/// The answer.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Data<'a> {
    message: &'static str,
    #[serde(with = "time::serde::rfc3339")]
    timestamp: OffsetDateTime,
    client_cert: &'a RawValue,
    tls: Option<&'a Session>,
}

/// Without a proven peer there is no `Extension`, and so no answer.
pub(super) async fn data(
    Extension(peer): Extension<Peer>,
    Extension(connection): Extension<Arc<Connection>>,
) -> Response {
    Json(Data {
        message: "This data is secured with mTLS!",
        timestamp: OffsetDateTime::now_utc(),
        client_cert: peer.certificate_json(),
        tls: connection.session(),
    })
    .into_response()
}
