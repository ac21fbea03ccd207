//! The page and its assets: all of it is served from here, as its Content-Security-Policy says.

use std::sync::Arc;

use askama::Template;
use axum::Router;
use axum::extract::State;
use axum::response::{Html, IntoResponse, Response};
use axum::routing::get;
use http::{HeaderMap, HeaderName, StatusCode, Uri, header};
use service_kit::host;
use service_kit::page::protection;
use service_kit::problem::Problem;
use tracing::error;

use crate::settings::Settings;

/// What the page shows before the first click, wherever it is opened.
pub(super) struct Page {
    api_url: String,
    spiffe_id: Option<String>,
    web_tls: bool,
}

/// The page as one browser gets it.
#[derive(Template)]
#[template(path = "page.html")]
struct View<'a> {
    address: Address,
    page: &'a Page,
    version: &'static str,
}

/// How a browser reaches the page.
struct Address {
    /// Host and port, as the browser has them.
    authority: String,
    transport: Transport,
}

enum Transport {
    /// HTTPS up to this service.
    Https,
    /// HTTPS up to a proxy in front of it, which says so in `X-Forwarded-Proto`.
    HttpsToProxy,
    /// Plain HTTP that does not leave the browser's machine, as far as the name shows.
    Loopback,
    /// Plain HTTP.
    Open,
}

impl Page {
    pub(super) fn new(settings: &Settings) -> Self {
        Self {
            api_url: settings.api_url.to_string(),
            spiffe_id: settings.api_spiffe_id.as_ref().map(ToString::to_string),
            web_tls: settings.web_identity.is_some(),
        }
    }
}

impl Address {
    fn of(uri: &Uri, headers: &HeaderMap, web_tls: bool) -> Self {
        let authority = host::authority(uri, headers);
        let forwarded = headers.get("x-forwarded-proto").is_some_and(|value| value == "https");
        let loopback = authority.as_ref().is_some_and(|name| host::is_loopback(name.host()));
        let transport = match (web_tls, forwarded, loopback) {
            (true, _, _) => Transport::Https,
            (false, true, _) => Transport::HttpsToProxy,
            (false, false, true) => Transport::Loopback,
            (false, false, false) => Transport::Open,
        };
        Self { authority: authority.map_or_else(String::new, |name| name.to_string()), transport }
    }

    fn scheme(&self) -> &'static str {
        match self.transport {
            Transport::Https | Transport::HttpsToProxy => "https",
            Transport::Loopback | Transport::Open => "http",
        }
    }

    /// Browsers ignore this header at an address that they do not trust, and log an error there
    /// (HTML, "Cross-origin opener policies").
    fn opener_policy(&self) -> Option<[(HeaderName, &'static str); 1]> {
        let name = HeaderName::from_static("cross-origin-opener-policy");
        (!matches!(self.transport, Transport::Open)).then_some([(name, "same-origin")])
    }
}

pub(super) async fn page(State(page): State<Arc<Page>>, uri: Uri, headers: HeaderMap) -> Response {
    let address = Address::of(&uri, &headers, page.web_tls);
    let opener_policy = address.opener_policy();
    let view = View { address, page: &page, version: env!("CARGO_PKG_VERSION") };
    match view.render() {
        Ok(html) => (PROTECTION, opener_policy, Html(html)).into_response(),
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

const STYLE: &str = concat!(
    include_str!("../../service-kit/assets/palette.css"),
    include_str!("../assets/page.css")
);

const ASSETS: [(&str, &str, &str); 3] = [
    ("/assets/favicon.svg", "image/svg+xml", include_str!("../assets/favicon.svg")),
    ("/assets/page.css", "text/css; charset=utf-8", STYLE),
    ("/assets/page.js", "text/javascript; charset=utf-8", include_str!("../assets/page.js")),
];

const PROTECTION: [(HeaderName, &str); 4] = protection(
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; \
     img-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
);
