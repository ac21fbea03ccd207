//! Mutual TLS for any HTTP service: it verifies callers in front of the service, tells the service
//! who they are, and presents a certificate of its own to what stands behind.
//!
//! All that it knows of trust comes from [`mtls`]; HTTP is hyper's. It refuses to know what a
//! request means: it routes by host and path, decides by the peer's certificate, and passes on.
//!
//! ```text
//!  gateway.toml ─> config ─> plan ──> identities, routes, upstreams, and a listener's terms
//!                    ^         └────────────────────────────────┐
//!                  reload                                       v
//!  caller ══> door ─> proxy ─> target ─> routes ─> policy ─> headers
//!                       │ └──> question ─> upstream ══> service
//!                       │  └── body, tunnel: streamed both ways
//!                       └───── turned_away: 4xx, 502, 504 as problems; record: log and metrics
//!  operator ─> dashboard: looks at the plan, its registries and what happened at them, on the admin port
//! ```

mod access_record;
mod body;
pub mod config;
mod dashboard;
mod gateway;
pub mod headers;
mod identity;
mod listener;
mod plan;
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

pub use self::gateway::serve;
pub use self::settings::{Command, Settings, check, healthcheck};
