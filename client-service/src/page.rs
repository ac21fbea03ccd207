//! The page and its assets: nothing comes from elsewhere, and the browser is told so.

use std::sync::Arc;

use askama::Template;
use axum::Router;
use axum::extract::State;
use axum::response::{Html, IntoResponse, Response};
use axum::routing::get;
use http::{HeaderName, StatusCode, header};
use service_kit::problem::Problem;
use tracing::error;

use crate::settings::Settings;

/// What the page shows before the first click.
#[derive(Template)]
#[template(path = "page.html")]
pub(super) struct Page {
    api_url: String,
    spiffe_id: Option<String>,
    web_tls: bool,
    version: &'static str,
}

impl Page {
    pub(super) fn new(settings: &Settings) -> Self {
        Self {
            api_url: settings.api_url.to_string(),
            spiffe_id: settings.api_spiffe_id.as_ref().map(ToString::to_string),
            web_tls: settings.web_identity.is_some(),
            version: env!("CARGO_PKG_VERSION"),
        }
    }
}

pub(super) async fn page(State(page): State<Arc<Page>>) -> Response {
    match page.render() {
        Ok(html) => (PROTECTION, Html(html)).into_response(),
        Err(error) => {
            error!(%error, "the page could not be rendered");
            Problem::new(StatusCode::INTERNAL_SERVER_ERROR).into_response()
        }
    }
}

/// Style, script and icon.
pub(super) fn assets<S: Clone + Send + Sync + 'static>() -> Router<S> {
    ASSETS.iter().fold(Router::new(), |router, (path, kind, content)| {
        let headers = [(header::CONTENT_TYPE, *kind), (header::CACHE_CONTROL, "no-cache")];
        router.route(path, get(move || async move { (headers, PROTECTION, *content) }))
    })
}

const ASSETS: [(&str, &str, &str); 3] = [
    ("/assets/favicon.svg", "image/svg+xml", include_str!("../assets/favicon.svg")),
    ("/assets/page.css", "text/css; charset=utf-8", include_str!("../assets/page.css")),
    ("/assets/page.js", "text/javascript; charset=utf-8", include_str!("../assets/page.js")),
];

const PROTECTION: [(HeaderName, &str); 5] = [
    (
        header::CONTENT_SECURITY_POLICY,
        "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; \
         img-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    ),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::REFERRER_POLICY, "no-referrer"),
    (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
    (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
];
