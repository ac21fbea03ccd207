//! The faults of an identity, and how they are fixed.

use std::{fs, path::Path};

use authority::{
    Directory, DirectoryError, Fault, IdentityOutcome, LeafRequest, Lifetime, RevocationReason,
    Usage,
};

use crate::{copy, ensure, issue, name, prepared, put, remove};

#[test]
fn an_identity_that_exists_is_not_issued_again() {
    let (place, directory) = prepared();
    issue(&directory, "a");
    let before = fs::read(place.path().join("a/tls.crt")).unwrap();

    let refused = directory.lock().unwrap().issue(&name("a"), &LeafRequest::new("a"));

    assert!(matches!(refused, Err(DirectoryError::Exists { .. })));
    assert_eq!(fs::read(place.path().join("a/tls.crt")).unwrap(), before);
    assert_eq!(directory.record().unwrap().issued.len(), 1);
}

#[test]
fn an_identity_is_issued_into_an_empty_directory_but_not_beside_a_file() {
    let (place, directory) = prepared();
    for name in ["volume", "taken"] {
        fs::create_dir(place.path().join(name)).unwrap();
    }
    fs::write(place.path().join("taken/notes"), "").unwrap();

    issue(&directory, "volume");
    let refused = directory.lock().unwrap().issue(&name("taken"), &LeafRequest::new("taken"));

    assert!(matches!(refused, Err(DirectoryError::Exists { .. })));
    for file in ["tls.crt", "tls.key", "ca.crt", "ca.crl"] {
        assert!(place.path().join("volume").join(file).exists(), "{file}");
    }
    assert!(!place.path().join("taken/tls.crt").exists());
}

#[test]
fn each_fault_of_an_identity_is_found_and_fixed() {
    let (place, directory) = prepared();
    let other = tempfile::tempdir().unwrap();
    let stranger = Directory::new(other.path());
    stranger.create_and_lock().unwrap().ensure_authority(false).unwrap();
    issue(&stranger, "a");
    let faults: [(Spoil<'_>, Fault); 8] = [
        (&|path| remove(path, "tls.crt"), Fault::Missing("tls.crt")),
        (&|path| remove(path, "tls.key"), Fault::Missing("tls.key")),
        (&|path| put(path, "tls.crt", ""), Fault::Unreadable("tls.crt")),
        (&|path| put(path, "tls.key", "?"), Fault::Unreadable("tls.key")),
        (&|path| copy(other.path(), path, "tls.key"), Fault::KeyMismatch),
        (&|path| copy(other.path(), path, "tls.crt"), Fault::KeyMismatch),
        (
            &|path| {
                copy(other.path(), path, "tls.key");
                copy(other.path(), path, "tls.crt");
            },
            Fault::Unrecorded,
        ),
        (
            &|_| {
                let mut locked = directory.lock().unwrap();
                locked.revoke("a", RevocationReason::Superseded).unwrap();
            },
            Fault::Revoked,
        ),
    ];
    issue(&directory, "a");

    for (spoil, expected) in faults {
        let path = place.path().join("a");
        spoil(&path);

        let repaired = ensure(&directory, "a", &LeafRequest::new("a"));
        let again = ensure(&directory, "a", &LeafRequest::new("a"));

        let IdentityOutcome::Replaced(_, Some(found)) = repaired else {
            panic!("{expected} was not found: {repaired:?}");
        };
        assert_eq!(found, expected);
        assert!(matches!(again, IdentityOutcome::Unchanged(_)), "{again:?}");
    }
}

#[test]
fn a_leaf_in_the_last_third_of_its_lifetime_is_replaced() {
    let (_place, directory) = prepared();
    let now = time::OffsetDateTime::now_utc();
    let started = now - time::Duration::days(21);
    let old = LeafRequest::new("a").not_before(started);
    directory.lock().unwrap().issue(&name("a"), &old).unwrap();

    let renewed = ensure(&directory, "a", &LeafRequest::new("a"));

    assert!(matches!(renewed, IdentityOutcome::Replaced(_, Some(Fault::ExpiresSoon))));
}

#[test]
fn a_leaf_with_other_names_is_replaced() {
    let (_place, directory) = prepared();
    issue(&directory, "a");

    let renamed = ensure(&directory, "a", &LeafRequest::new("a").dns("b"));

    assert!(matches!(renamed, IdentityOutcome::Replaced(_, Some(Fault::OtherNames))));
}

#[test]
fn the_files_of_the_authority_are_restored_beside_an_unchanged_leaf() {
    let (place, directory) = prepared();
    issue(&directory, "a");
    let leaf = fs::read(place.path().join("a/tls.crt")).unwrap();
    remove(&place.path().join("a"), "ca.crl");
    put(&place.path().join("a"), "ca.crt", "rubbish");

    let outcome = ensure(&directory, "a", &LeafRequest::new("a"));

    let IdentityOutcome::Repaired(files) = outcome else {
        panic!("{outcome:?}");
    };
    assert_eq!(files, ["ca.crt", "ca.crl"]);
    assert_eq!(fs::read(place.path().join("a/tls.crt")).unwrap(), leaf);
    for file in ["ca.crt", "ca.crl"] {
        let own = fs::read(place.path().join("a").join(file)).unwrap();
        assert_eq!(own, fs::read(place.path().join("ca").join(file)).unwrap());
    }
}

#[test]
fn a_renewed_leaf_has_another_key_and_serial_and_the_same_names() {
    let (place, directory) = prepared();
    let request = LeafRequest::new("a").dns("a").usage(Usage::Server).lifetime(Lifetime::days(3));
    let old = directory.lock().unwrap().issue(&name("a"), &request).unwrap();

    let new = directory.lock().unwrap().renew(&name("a")).unwrap();

    let record = directory.record().unwrap();
    assert_ne!(new.serial(), old.serial());
    assert_ne!(new.certificate().public_key(), old.certificate().public_key());
    assert_eq!(record.issued[0].subject, record.issued[1].subject);
    let written = fs::read_to_string(place.path().join("a/tls.crt")).unwrap();
    assert_eq!(written, new.chain_pem());
}

type Spoil<'a> = &'a dyn Fn(&Path);
