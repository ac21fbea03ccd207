//! `certs revoke`, as OpenSSL sees it.

use crate::{good, verify};

#[test]
fn a_revoked_identity_is_refused_by_openssl_and_replaced_by_init() {
    let place = tempfile::tempdir().unwrap();
    good(&place, &["init"]);

    let answer = good(&place, &["revoke", "gateway", "--reason", "superseded"]);

    assert!(answer.ends_with("revocation list 2 is in every ca.crl\n"), "{answer}");
    assert!(verify(place.path(), "gateway", "sslclient").contains("certificate revoked"));
    assert_eq!(verify(place.path(), "api-service", "sslserver"), "api-service/tls.crt: OK\n");
    let answer = good(&place, &["init"]);
    assert!(answer.contains("gateway         replaced, because it was revoked: both"), "{answer}");
    assert_eq!(verify(place.path(), "gateway", "sslclient"), "gateway/tls.crt: OK\n");
}

#[test]
fn a_revocation_by_name_prints_each_serial_and_its_namespace() {
    let place = tempfile::tempdir().unwrap();
    good(&place, &["init", "--namespace", "demo"]);
    good(&place, &["issue", "alice"]);
    good(&place, &["renew", "gateway"]);
    let listed = good(&place, &["list", "--all"]);
    let serials = |name: &str| -> Vec<String> {
        let rows = listed.lines().filter(|row| row.starts_with(name));
        rows.map(|row| row.split_whitespace().nth(1).unwrap().to_owned()).collect()
    };

    let of_gateway = good(&place, &["revoke", "gateway"]);
    let of_alice = good(&place, &["revoke", "alice"]);

    assert_eq!(serials("gateway").len(), 2);
    for serial in serials("gateway") {
        let line =
            format!("revoked: serial {serial}, of namespace demo, trust domain mtls-demo.local");
        assert!(of_gateway.contains(&line), "{line}: {of_gateway}");
    }
    let line = format!("revoked: serial {}, of no namespace", serials("alice")[0]);
    assert!(of_alice.contains(&line), "{of_alice}");
}
