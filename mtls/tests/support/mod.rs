//! What the tests share: an authority with its leaves, servers, and clients.

#![allow(dead_code, unused_imports, reason = "each test crate uses its own part of the PKI")]

mod deadline;
pub(crate) mod draft;
mod foreign_client;
pub(crate) mod forge;
mod frame;
mod http2;
mod identity_directory;
mod openssl;
mod pki;
mod server;
mod test_client;

pub(crate) use self::deadline::{eventually, within};
pub(crate) use self::foreign_client::{ForeignClient, received_alert};
pub(crate) use self::http2::Http2;
pub(crate) use self::identity_directory::{Files, IdentityDirectory, empty_list, files};
pub(crate) use self::openssl::{openssl, openssl_bytes, s_client};
pub(crate) use self::pki::{ID, TestPki, chain, list, store, trust, trust_with, verify};
pub(crate) use self::server::{Server, hello, quick};
pub(crate) use self::test_client::TestClient;
