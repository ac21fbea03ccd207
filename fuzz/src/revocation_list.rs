//! Revocation lists: whatever is read as the root's list, who was revoked stays so.

use mtls::refusal::Code;
use mtls::role::Role;
use mtls::trust::{Revocation, Trust};
use time::OffsetDateTime;

use crate::seeds::HOUSE;

pub fn body(data: &[u8]) {
    let (house, now) = (&*HOUSE, OffsetDateTime::now_utc());
    let roots = vec![house.authority.root().der().to_vec().into()];
    // It demands a list of the root, so a trust comes of one only that the root has signed.
    let Ok(trust) = Trust::new(roots, &[data.to_vec().into()], Revocation::Required, now) else {
        return;
    };
    let revoked = house.revoked.certificate().der().to_vec().into();
    let verdict = trust.judge(&[revoked], Role::Client, now);
    assert_eq!(verdict.expect_err("it was revoked").code, Code::Revoked);
}

pub fn seeds() -> Vec<Vec<u8>> {
    vec![HOUSE.list.der().to_vec()]
}
