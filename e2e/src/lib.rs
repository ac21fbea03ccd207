//! The whole of mtls-demo, with its real binaries, against programs that we did not write:
//! Chromium, curl and OpenSSL, and around the gateway nginx, Envoy, httpbin and others of Debian
//! and PyPI. The tests stand in `tests/`, a topic a file; what sets or speaks to foreign programs,
//! in their own languages, in `foreign/`.
//!
//! It owns how the programs are found, started, spoken to and ended. It links none of our
//! services: what it knows of them is what their users know, but for the crate `authority`, which
//! makes the certificates that our own command refuses to make.
//!
//! ```text
//!  TestPki ── certs init ──> Identity ──┬──> Launch ──> Service: api-service, client-service
//!                                     │                  ▲
//!                                     └──> Curl, openssl ┤  one deadline, one log,
//!                                          Browser ──────┘  one end each: Program
//!
//!  curl, Nginx, Envoy, python ──> Gateway ──> Httpbin, Nginx, Envoy, python, Reflector
//! ```
//!
//! What goes to a cluster is read as `kubectl kustomize` renders it: Manifests, and the Network that
//! their policies make. Where there is no cluster, a Cluster stands in for its API server. A Page is documentation that is followed to the letter.

pub mod balancer;
pub mod binaries;
pub mod browser;
pub mod clicks;
pub mod cluster;
pub mod curl;
pub mod deadline;
pub mod engine;
pub mod envoy;
pub mod expected;
pub mod fakes;
pub mod gateway;
pub mod httpbin;
pub mod identity;
pub mod manifests;
pub mod network;
pub mod nginx;
pub mod openssl;
pub mod page;
pub mod pki;
pub mod port;
pub mod program;
pub mod python;
pub mod reflector;
pub mod service;
pub mod stack;
pub mod template;
