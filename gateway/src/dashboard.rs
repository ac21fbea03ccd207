//! The dashboard.

use std::sync::Arc;

use axum::Router;

use crate::gateway::Gateway;

pub(crate) fn routes(_gateway: Arc<Gateway>) -> Router {
    Router::new()
}
