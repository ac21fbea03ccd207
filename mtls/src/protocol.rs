//! Which TLS is spoken here: versions, suites, groups and application protocols. It is the only
//! place that chooses them.

use std::sync::{Arc, LazyLock};

use rustls::crypto::CryptoProvider;
use rustls::crypto::aws_lc_rs::{self, kx_group};
use rustls::{SupportedProtocolVersion, version};

/// TLS 1.3 first, and TLS 1.2, of which rustls has the AEAD suites only; nothing older.
pub(crate) static VERSIONS: [&SupportedProtocolVersion; 2] = [&version::TLS13, &version::TLS12];

/// aws-lc-rs with the hybrid group first: it holds against a recording that a quantum computer
/// reads later.
pub(crate) static PROVIDER: LazyLock<Arc<CryptoProvider>> = LazyLock::new(|| {
    Arc::new(CryptoProvider {
        kx_groups: vec![
            kx_group::X25519MLKEM768,
            kx_group::X25519,
            kx_group::SECP256R1,
            kx_group::SECP384R1,
        ],
        ..aws_lc_rs::default_provider()
    })
});

/// Does once what the first handshake would otherwise wait for: the first random number takes
/// aws-lc tens of milliseconds.
pub(crate) fn warm_up() {
    let _ = PROVIDER.secure_random.fill(&mut [0; 32]);
    let _ = kx_group::X25519MLKEM768.start();
}

/// HTTP/2, then HTTP/1.1, by ALPN (RFC 7301).
pub(crate) fn application_protocols() -> Vec<Vec<u8>> {
    vec![b"h2".to_vec(), b"http/1.1".to_vec()]
}
