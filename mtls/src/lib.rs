//! Mutual TLS for Rust services: both sides authenticate each other by certificate.
//!
//! It owns identities ([`pki::identity`]), the trust that chains are verified by ([`pki::trust`]),
//! the authenticated other side ([`peer`]), what it may do ([`policy`]), and why a handshake or a
//! request was refused ([`event::refusal`]). It knows no HTTP route, no setting, and only the four
//! files of an identity directory. Nothing outside of it builds a TLS configuration. [`Mtls`] is
//! the handle to all of it; the crate's README has examples.
//!
//! ```text
//!  tls.crt tls.key ca.crt ca.crl
//!             │
//!        credentials ──> identity + trust ──> verifier ──> the one verification of every chain
//!                                                │
//!  TCP ──> server::Acceptor ─┬─ accepted ──> connection + peer ──> requests
//!          client::Client    └─ refused ───> refusal ──> alert on the wire
//!                                                │
//!                                              event ──> log, metrics, /handshakes
//! ```
//!
//! With the feature `probe`, the module of that name reads a server's handshake without sending a
//! request.

#![cfg_attr(
    not(all(feature = "client", feature = "server")),
    allow(dead_code, unused_imports, reason = "the shared modules serve both ends")
)]

#[cfg(feature = "axum")]
pub mod axum;
#[cfg(feature = "client")]
pub mod client;
pub mod connection;
pub mod credentials;
pub mod event;
pub mod field_limits;
pub mod limits;
mod moment;
mod mtls;
pub mod peer;
pub mod pki;
pub mod policy;
#[cfg(feature = "probe")]
pub mod probe;
mod protocol;
#[cfg(feature = "server")]
pub mod server;
mod task;
pub mod untrusted;

pub use self::mtls::{Builder, ClientCertificates, Mtls, MtlsError};
pub use self::peer::Peer;
pub use self::pki::spiffe::SpiffeId;
pub use self::policy::Policy;

#[cfg(all(doctest, feature = "axum"))]
#[doc = include_str!("../README.md")]
struct ReadmeExamples;
