//! Chains that peers present: only what the authority issued is trusted, byte for byte.

use std::sync::LazyLock;

use mtls::pki::role::Role;
use mtls::pki::trust::{Revocation, Trust};
use time::OffsetDateTime;

use crate::seeds::SEEDS;

static TRUST: LazyLock<Trust> = LazyLock::new(|| {
    let seeds = &*SEEDS;
    let roots = vec![seeds.authority.root().der().to_vec().into()];
    let lists = [seeds.list.der().to_vec().into()];
    Trust::new(roots, &lists, Revocation::Checked, OffsetDateTime::now_utc())
        .expect("it must be a trust")
});

pub fn body(data: &[u8]) {
    let presented: Vec<_> = certificates(data).map(|der| der.to_vec().into()).collect();
    for role in [Role::Client, Role::Server] {
        let Ok(chain) = TRUST.verify(&presented, role, OffsetDateTime::now_utc()) else { continue };
        let good = match role {
            Role::Client => [&SEEDS.client, &SEEDS.below],
            Role::Server => [&SEEDS.server, &SEEDS.server],
        };
        let leaf = presented.first().expect("a chain must have a leaf");
        assert!(good.iter().any(|good| good.certificate().der() == &**leaf), "{chain:?}");
    }
}

pub fn seeds() -> Vec<Vec<u8>> {
    let seeds = &*SEEDS;
    let leaves = [&seeds.client, &seeds.below, &seeds.revoked, &seeds.server, &seeds.stranger];
    leaves.map(|leaf| join(&leaf.chain_der())).to_vec()
}

/// Each certificate after its length in two octets.
fn join(chain: &[Vec<u8>]) -> Vec<u8> {
    let length = |der: &[u8]| u16::try_from(der.len()).expect("it must be short").to_be_bytes();
    chain.iter().flat_map(|der| [&length(der)[..], der].concat()).collect()
}

fn certificates(mut data: &[u8]) -> impl Iterator<Item = &[u8]> {
    std::iter::from_fn(move || {
        let (length, rest) = data.split_first_chunk::<2>()?;
        let length = usize::from(u16::from_be_bytes(*length)).min(rest.len());
        let (der, rest) = rest.split_at(length);
        data = rest;
        Some(der)
    })
}
