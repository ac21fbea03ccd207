//! Fuzz targets: for each parser of untrusted bytes, a body that takes any bytes and asserts
//! invariants, and seeds that the crate `authority` makes at run time.
//!
//! With a nightly toolchain, cargo-fuzz runs the bodies:
//! `cargo run --bin seeds && cargo +nightly fuzz run trust --features libfuzzer`. Without one,
//! `tests/bounded.rs` runs them on mutated seeds; `PROPTEST_CASES` sets how many.

pub mod certificate;
pub mod forwarded_headers;
pub mod gateway_file;
pub mod http_head;
pub mod identity;
pub mod pem;
pub mod policy;
pub mod request_path;
pub mod revocation_list;
mod seeds;
pub mod spiffe_id;
pub mod trust;

/// One target.
pub struct Target {
    /// Its name.
    pub name: &'static str,
    /// Takes any bytes, and panics if an invariant is broken.
    pub body: fn(&[u8]),
    /// The initial inputs.
    pub seeds: fn() -> Vec<Vec<u8>>,
}

/// All targets.
pub const TARGETS: [Target; 11] = [
    Target { name: "certificate", body: certificate::body, seeds: seeds::certificates },
    Target { name: "forwarded_headers", body: forwarded_headers::body, seeds: seeds::certificates },
    Target { name: "gateway_file", body: gateway_file::body, seeds: gateway_file::seeds },
    Target { name: "http_head", body: http_head::body, seeds: http_head::seeds },
    Target { name: "identity", body: identity::body, seeds: identity::seeds },
    Target { name: "pem", body: pem::body, seeds: pem::seeds },
    Target { name: "policy", body: policy::body, seeds: policy::seeds },
    Target { name: "request_path", body: request_path::body, seeds: request_path::seeds },
    Target { name: "revocation_list", body: revocation_list::body, seeds: revocation_list::seeds },
    Target { name: "spiffe_id", body: spiffe_id::body, seeds: spiffe_id::seeds },
    Target { name: "trust", body: trust::body, seeds: trust::seeds },
];

/// Splits an input into this many files, at a byte that no PEM file contains.
fn files<const N: usize>(data: &[u8]) -> [&[u8]; N] {
    let mut parts = data.splitn(N, |byte| *byte == SEPARATOR);
    std::array::from_fn(|_| parts.next().unwrap_or_default())
}

const SEPARATOR: u8 = 0;
