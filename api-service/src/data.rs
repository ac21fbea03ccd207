//! `GET /api/data`: the secured data, and who asked for it over what.

use std::sync::Arc;

use axum::{Extension, Json};
use mtls::connection::Connection;
use mtls::connection::session::Session;
use mtls::peer::Peer;
use mtls::pki::certificate::Certificate;
use serde::Serialize;
use time::OffsetDateTime;

/// The answer.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Data {
    message: &'static str,
    #[serde(with = "time::serde::rfc3339")]
    timestamp: OffsetDateTime,
    client_cert: Arc<Certificate>,
    tls: Option<Session>,
}

/// Without a proven peer there is no `Extension`, and so no answer.
pub(super) async fn data(
    Extension(peer): Extension<Peer>,
    Extension(connection): Extension<Arc<Connection>>,
) -> Json<Data> {
    Json(Data {
        message: "This data is secured with mTLS!",
        timestamp: OffsetDateTime::now_utc(),
        client_cert: Arc::clone(peer.certificate()),
        tls: connection.session().cloned(),
    })
}
