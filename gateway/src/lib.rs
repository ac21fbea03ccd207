//! Mutual TLS for any HTTP service: it verifies callers in front of the service, forwards their
//! identity in headers, and presents a certificate of its own to upstreams.
//!
//! Certificate verification comes from [`mtls`]; HTTP is hyper's. The gateway does not interpret
//! requests: it routes by host and path, authorizes by the peer's certificate, and forwards.
//!
//! ```text
//!  gateway.toml ─> config ─> plan ──> identities, routes, upstreams, listener configurations
//!                    ^         └────────────────────────────────────┐
//!                  reload                                           v
//!  caller ══> listener ─> accept_loop ─> proxy ─> target ─> routes ─> policy ─> headers
//!                                          │ └──> upstream_request ─> upstream ══> service
//!                                          │  └── body, tunnel: streamed in both directions
//!                                          └───── proxy_error: 4xx, 502, 504;
//!                                                 access_record: log and metrics
//!  operator ─> dashboard: shows the plan, connections and events on the admin listener
//! ```

mod accept_loop;
mod access_record;
mod body;
pub mod config;
mod dashboard;
mod gateway;
pub mod headers;
mod identity;
mod listener;
mod plan;
mod process;
mod proxy;
mod proxy_error;
mod redirect;
mod reload;
mod request_limits;
mod route_metrics;
mod routes;
mod settings;
mod target;
mod tunnel;
mod upstream;
mod upstream_request;

pub use self::process::serve;
pub use self::settings::{Command, Settings, check, healthcheck};
