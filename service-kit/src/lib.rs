//! What every service of mtls-demo does alike, so that a service is its routes and little more.
//!
//! It owns how a service is set up and checked ([`settings`]), how it speaks to its operator
//! ([`logs`], [`admin`], [`metrics`], [`healthcheck`]), by which names ([`host`]), how it answers
//! when it fails ([`problem`]), and how it starts and ends ([`process`], [`server`]). It refuses to
//! know what a service is for.
//!
//! ```text
//! main ─> process::run ─> settings: every problem at once, exit 78
//!                 └─────> server::bind ─> server::serve ─> requests::observed ─> routes
//!                                  └────> admin: /livez /readyz /metrics /identity /handshakes
//! ```

pub mod admin;
pub mod capacity;
pub mod healthcheck;
pub mod host;
pub mod identities;
pub mod logs;
pub mod metrics;
pub mod problem;
pub mod process;
pub mod readiness;
pub mod requests;
pub mod server;
pub mod service;
pub mod settings;
pub mod trace;
