//! Mutual TLS for any HTTP service: it verifies callers in front of the service, tells the service
//! who they are, and presents a certificate of its own to what stands behind.
//!
//! All that it knows of trust comes from [`mtls`]; HTTP is hyper's. It refuses to know what a
//! request means: it routes by host and path, decides by the peer's certificate, and passes on.

pub mod config;
pub mod headers;
