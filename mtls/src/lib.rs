//! All that two ends need to trust each other by certificate.
//!
//! It owns who we are ([`identity`]), whom we believe ([`trust`]), who the other side proved to be
//! ([`peer`]), and why somebody was turned away ([`refusal`]). It knows no HTTP route, no setting
//! and no file but the four of an identity directory. Nothing outside of it builds a TLS
//! configuration.
//!
//! ```text
//!  tls.crt tls.key ca.crt ca.crl
//!             │
//!            live ──> identity + trust ──> verifier ──> trust::judge, the one judge
//!                                             │
//!  TCP ──> server::Acceptor ─┬─ good ──> stream + connection + peer ──> requests
//!          client::Client    └─ not ───> refusal ──> alert on the wire
//!                                             │
//!                           handshake: log, metrics, /handshakes
//! ```
//!
//! Beside them stands [`probe`], which only looks at a server and never talks to it.

pub mod alert;
#[cfg(feature = "axum")]
pub mod axum;
pub mod certificate;
pub mod client;
pub mod connections;
mod failure;
pub mod field_limits;
pub mod handshake;
pub mod identity;
pub mod limits;
pub mod live;
mod moment;
mod mtls;
pub mod patience;
pub mod peer;
pub mod pem;
pub mod policy;
#[cfg(feature = "probe")]
pub mod probe;
mod protocol;
pub mod refusal;
pub mod role;
pub mod server;
pub mod session;
pub mod spiffe;
pub mod stream;
mod task;
pub mod trust;
pub mod untrusted;
mod verifier;

pub use self::mtls::{Builder, ClientCertificates, Mtls, MtlsError};
pub use self::peer::Peer;
pub use self::policy::Policy;
pub use self::spiffe::SpiffeId;

#[cfg(all(doctest, feature = "axum"))]
#[doc = include_str!("../README.md")]
struct ReadmeExamples;
