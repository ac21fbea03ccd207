//! What every service of mtls-demo does alike, so that a service is its routes and little more.
//!
//! It owns how a service is configured ([`settings`]), what its operator sees (the log, [`admin`],
//! [`metrics`], [`healthcheck`]), by which host names it is reached ([`host`]), its error responses
//! ([`problem`]) and the headers of its pages ([`page`]), and how it starts and stops ([`process`], [`server`]). It does not know what a
//! service is for.
//!
//! ```text
//! main ─> process::run ─> settings: every problem at once, exit 78
//!                 └─────> server::bind ─> Server::serve ─> requests::observed ─> routes
//!                                  └────> admin: /livez /readyz /metrics /identity /handshakes
//! ```

pub mod admin;
pub mod capacity;
pub mod healthcheck;
pub mod host;
pub mod identities;
mod logs;
pub mod metrics;
pub mod page;
pub mod problem;
pub mod process;
pub mod readiness;
pub mod requests;
pub mod server;
pub mod service;
pub mod settings;
pub mod trace;
