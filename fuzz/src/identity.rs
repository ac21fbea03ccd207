//! The loader of an identity directory: `tls.crt`, `tls.key`, `ca.crt` and `ca.crl`.

use std::fs;

use mtls::credentials::{load_identity, load_trust};
use mtls::pki::trust::Revocation;
use time::OffsetDateTime;

use crate::seeds::SEEDS;
use crate::{SEPARATOR, files};

pub fn body(data: &[u8]) {
    let place = tempfile::tempdir().expect("there must be a directory");
    let files = files::<4>(data);
    for (name, content) in ["tls.crt", "tls.key", "ca.crt", "ca.crl"].iter().zip(files) {
        if !content.is_empty() {
            fs::write(place.path().join(name), content).expect("it must be written");
        }
    }
    let blocks = |file: &[u8], label: &str| String::from_utf8_lossy(file).matches(label).count();
    if let Ok(identity) = load_identity(place.path()) {
        assert_eq!(identity.chain().len(), blocks(files[0], "-----BEGIN CERTIFICATE-----"));
    }
    for revocation in [Revocation::Checked, Revocation::Required] {
        if let Ok(trust) = load_trust(place.path(), revocation, OffsetDateTime::now_utc()) {
            assert!(trust.roots().len() <= blocks(files[2], "-----BEGIN CERTIFICATE-----"));
            assert!(!trust.roots().is_empty());
            // Everything that begins like a list must be read: a skipped list would accept revoked
            // peers.
            let lists = blocks(files[3], "BEGIN X509 CRL");
            assert!(trust.lists().is_empty() == (lists == 0), "{lists} lists");
        }
    }
}

pub fn seeds() -> Vec<Vec<u8>> {
    let seeds = &*SEEDS;
    let (root, list) = (seeds.authority.root().pem(), seeds.list.pem());
    [&seeds.client, &seeds.below, &seeds.server]
        .map(|leaf| {
            let parts = [&leaf.chain_pem(), &leaf.key_pem(), root, list];
            parts.map(str::as_bytes).join(&SEPARATOR)
        })
        .to_vec()
}
