//! The dashboard: the state of the gateway as an HTML page and as JSON.
//!
//! It is read-only. Page and JSON are made from the same [`View`], so they agree. Access control is
//! up to the admin listener.

mod identity;
mod listener;
mod moment;
mod refusal;
mod reload;
mod route;
mod shown;
mod upstream;
mod validity;
mod view;

use std::sync::Arc;

use askama::Template;
use axum::extract::State;
use axum::response::{Html, IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use http::{HeaderName, HeaderValue, StatusCode, Uri, header};
use service_kit::page::protection;
use service_kit::problem::Problem;
use tracing::error;

use self::view::View;
use crate::reload::Reloader;

/// `/`, `/state` and the page's assets.
pub(crate) fn routes(reloader: Arc<Reloader>) -> Router {
    let routes = Router::new().route("/", get(page)).route("/state", get(state));
    ASSETS.iter().fold(routes.with_state(reloader), |routes, (path, kind, content)| {
        let kind = [(header::CONTENT_TYPE, *kind)];
        routes.route(path, get(move || async move { (PROTECTION, PRIVATE, kind, *content) }))
    })
}

#[derive(Template)]
#[template(path = "dashboard.html")]
struct Page {
    /// Whether automatic refresh is off.
    still: bool,
    version: &'static str,
    view: View,
}

/// The page, which browsers refresh automatically; not with `?still`.
async fn page(State(reloader): State<Arc<Reloader>>, url: Uri) -> Response {
    let still = url.query().is_some_and(|query| query.split('&').any(|part| part == "still"));
    let page = Page { still, version: env!("CARGO_PKG_VERSION"), view: View::of(&reloader) };
    match page.render() {
        Ok(html) => {
            let mut response = (PROTECTION, PRIVATE, Html(html)).into_response();
            if !still {
                response.headers_mut().insert(header::REFRESH, HeaderValue::from_static(SECONDS));
            }
            response
        }
        Err(error) => {
            error!(%error, "the dashboard could not be rendered");
            Problem::new(StatusCode::INTERNAL_SERVER_ERROR).into_response()
        }
    }
}

async fn state(State(reloader): State<Arc<Reloader>>) -> Response {
    (PROTECTION, PRIVATE, Json(View::of(&reloader))).into_response()
}

/// The refresh interval.
const SECONDS: &str = "5";

const STYLE: &str = concat!(
    include_str!("../../service-kit/assets/palette.css"),
    include_str!("../assets/dashboard.css")
);

const ASSETS: [(&str, &str, &str); 2] = [
    ("/assets/dashboard.css", "text/css; charset=utf-8", STYLE),
    ("/assets/favicon.svg", "image/svg+xml", include_str!("../assets/favicon.svg")),
];

/// There are no scripts, so text from an untrusted certificate can never run as one.
const PROTECTION: [(HeaderName, &str); 4] = protection(
    "default-src 'none'; style-src 'self'; img-src 'self'; base-uri 'none'; form-action 'none'; \
     frame-ancestors 'none'",
);

const PRIVATE: [(HeaderName, &str); 2] = [
    (header::CACHE_CONTROL, "no-store"),
    (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
];
