//! Revoked leaves and their list.

use std::fs;

use authority::{AuthorityOutcome, DirectoryError, RevocationReason};

use crate::{issue, prepared, remove};

#[test]
fn a_lost_list_is_restored_with_a_greater_number() {
    let (place, directory) = prepared();
    issue(&directory, "a");
    remove(&place.path().join("ca"), "ca.crl");

    let outcome = directory.lock().unwrap().ensure_authority(false).unwrap();

    assert_eq!(outcome, AuthorityOutcome::ListRenewed);
    assert_eq!(directory.record().unwrap().authorities[0].list_number, 2);
    assert_eq!(
        fs::read(place.path().join("a/ca.crl")).unwrap(),
        fs::read(place.path().join("ca/ca.crl")).unwrap()
    );
}

#[test]
fn a_revocation_reaches_every_directory_and_is_reported_once() {
    let (place, directory) = prepared();
    issue(&directory, "a");
    issue(&directory, "b");
    let serial = directory.record().unwrap().newest("a").unwrap().serial.to_string();

    let revoked = directory.lock().unwrap().revoke("a", RevocationReason::KeyCompromise).unwrap();
    let again = directory.lock().unwrap().revoke(&serial, RevocationReason::KeyCompromise);
    let unknown = directory.lock().unwrap().revoke("c", RevocationReason::KeyCompromise);

    assert_eq!(revoked.len(), 1);
    assert_eq!(revoked[0].serial.to_string(), serial);
    assert!(matches!(again, Err(DirectoryError::AlreadyRevoked(_))));
    assert!(matches!(unknown, Err(DirectoryError::NothingToRevoke(_))));
    assert_eq!(directory.record().unwrap().authorities[0].list_number, 2);
    let list = fs::read(place.path().join("ca/ca.crl")).unwrap();
    for name in ["a", "b"] {
        assert_eq!(fs::read(place.path().join(name).join("ca.crl")).unwrap(), list);
    }
}

#[test]
fn a_revocation_interrupted_before_its_list_is_completed_by_the_next_run() {
    let (place, directory) = prepared();
    issue(&directory, "a");
    let before = fs::read(place.path().join("ca/ca.crl")).unwrap();
    directory.lock().unwrap().revoke("a", RevocationReason::default()).unwrap();
    for path in ["ca/ca.crl", "a/ca.crl"] {
        fs::write(place.path().join(path), &before).unwrap();
    }

    directory.lock().unwrap().revoke("a", RevocationReason::default()).unwrap();

    let list = fs::read(place.path().join("ca/ca.crl")).unwrap();
    assert_ne!(list, before);
    assert_eq!(fs::read(place.path().join("a/ca.crl")).unwrap(), list);
    assert_eq!(directory.record().unwrap().authorities[0].list_number, 3);
}
