//! Revocation lists: whatever is read as the root's list, a revoked certificate stays revoked.

use mtls::event::refusal::Code;
use mtls::pki::role::Role;
use mtls::pki::trust::{Revocation, Trust};
use time::OffsetDateTime;

use crate::seeds::SEEDS;

pub fn body(data: &[u8]) {
    let (seeds, now) = (&*SEEDS, OffsetDateTime::now_utc());
    let roots = vec![seeds.authority.root().der().to_vec().into()];
    // Lists are required, so trust can only be built with a list that the root has signed.
    let Ok(trust) = Trust::new(roots, &[data.to_vec().into()], Revocation::Required, now) else {
        return;
    };
    let revoked = seeds.revoked.certificate().der().to_vec().into();
    let verdict = trust.verify(&[revoked], Role::Client, now);
    assert_eq!(verdict.expect_err("it was revoked").code, Code::Revoked);
}

pub fn seeds() -> Vec<Vec<u8>> {
    vec![SEEDS.list.der().to_vec()]
}
