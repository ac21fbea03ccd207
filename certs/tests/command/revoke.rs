//! `certs revoke`, as OpenSSL sees it.

use crate::{good, verify};

#[test]
fn a_revoked_identity_is_refused_by_openssl_and_made_anew_by_init() {
    let place = tempfile::tempdir().unwrap();
    good(&place, &["init"]);

    let answer = good(&place, &["revoke", "gateway", "--reason", "superseded"]);

    assert!(answer.ends_with("revocation list 2 is in every ca.crl\n"), "{answer}");
    assert!(verify(place.path(), "gateway", "sslclient").contains("certificate revoked"));
    assert_eq!(verify(place.path(), "api-service", "sslserver"), "api-service/tls.crt: OK\n");
    let answer = good(&place, &["init"]);
    assert!(answer.contains("gateway         made anew, because it was revoked: both"), "{answer}");
    assert_eq!(verify(place.path(), "gateway", "sslclient"), "gateway/tls.crt: OK\n");
}
