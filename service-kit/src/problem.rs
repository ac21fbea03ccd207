//! An answer that says what went wrong: RFC 9457.

use axum::body::{Body, Bytes};
use axum::response::{IntoResponse, Response};
use http::header::{CONTENT_TYPE, HeaderValue};
use http::{Method, StatusCode, Uri};
use serde::Serialize;
use serde_json::{Map, Value};

/// A problem, as `application/problem+json`.
#[derive(Clone, Debug, Serialize)]
pub struct Problem {
    #[serde(rename = "type")]
    kind: &'static str,
    title: &'static str,
    #[serde(serialize_with = "as_number")]
    status: StatusCode,
    #[serde(skip_serializing_if = "Option::is_none")]
    detail: Option<String>,
    #[serde(flatten)]
    more: Map<String, Value>,
}

impl Problem {
    /// A problem that its status explains.
    pub fn new(status: StatusCode) -> Self {
        let title = status.canonical_reason().unwrap_or("Error");
        Self { kind: "about:blank", title, status, detail: None, more: Map::new() }
    }

    /// Adds what is particular to this case: what to change, where the caller can change it.
    pub fn with_detail(self, detail: impl Into<String>) -> Self {
        Self { detail: Some(detail.into()), ..self }
    }

    /// Adds a member of our own (section 3.2).
    pub fn with(mut self, member: &str, value: impl Serialize) -> Self {
        let value = serde_json::to_value(value).unwrap_or(Value::Null);
        self.more.insert(member.to_owned(), value);
        self
    }

    /// There is no such path.
    pub async fn not_found(url: Uri) -> Self {
        Self::new(StatusCode::NOT_FOUND).with_detail(format!("there is nothing at {}", url.path()))
    }

    /// There is such a path, but not for this method.
    pub async fn method_not_allowed(method: Method, url: Uri) -> Self {
        Self::new(StatusCode::METHOD_NOT_ALLOWED)
            .with_detail(format!("{} cannot be asked for by {method}", url.path()))
    }
}

impl Problem {
    /// The whole answer, for who serves without a framework.
    pub fn into_http(self) -> http::Response<Bytes> {
        let body = serde_json::to_vec(&self).unwrap_or_default();
        let mut response = http::Response::new(Bytes::from(body));
        *response.status_mut() = self.status;
        let kind = HeaderValue::from_static("application/problem+json");
        response.headers_mut().insert(CONTENT_TYPE, kind);
        response
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        self.into_http().map(Body::from)
    }
}

fn as_number<S: serde::Serializer>(status: &StatusCode, to: S) -> Result<S::Ok, S::Error> {
    to.serialize_u16(status.as_u16())
}
