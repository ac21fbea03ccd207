//! The authority's files: modes, the record, and recovery from an interrupted run.

use std::{fs, os::unix::fs::PermissionsExt, thread};

use authority::{AuthorityOutcome, Directory, DirectoryError, Fault, IdentityOutcome, LeafRequest};

use crate::{ensure, issue, name, prepared, remove};

#[test]
fn private_keys_and_the_authority_directory_are_readable_by_the_owner_only() {
    let (place, directory) = prepared();
    issue(&directory, "a");

    let mode = |path: &str| {
        let path = place.path().join(path);
        fs::metadata(path).unwrap().permissions().mode() & 0o777
    };

    assert_eq!(mode("ca"), 0o700);
    assert_eq!(mode("ca/ca.key"), 0o600);
    assert_eq!(mode("a/tls.key"), 0o600);
    assert_eq!(mode("a"), 0o755);
    for file in ["tls.crt", "ca.crt", "ca.crl"] {
        assert_eq!(mode(&format!("a/{file}")), 0o644);
    }
}

#[test]
fn without_an_authority_nothing_is_issued_or_created() {
    let place = tempfile::tempdir().unwrap();
    let missing = Directory::new(place.path().join("missing"));
    let empty = Directory::new(place.path());

    let from_missing = missing.lock().map(|_| ());
    let from_empty = empty.lock().unwrap().issue(&name("a"), &LeafRequest::new("a"));

    assert!(matches!(from_missing, Err(DirectoryError::NoAuthority(_))));
    assert!(matches!(from_empty, Err(DirectoryError::NoAuthority(_))));
    assert!(!missing.path().exists());
    assert!(!empty.path().join("a").exists());
}

#[test]
fn an_authority_without_its_key_is_not_replaced_silently() {
    let (place, directory) = prepared();
    let certificate = fs::read(place.path().join("ca/ca.crt")).unwrap();
    remove(&place.path().join("ca"), "ca.key");
    remove(&place.path().join("ca"), "issued.json");

    let refused = directory.lock().unwrap().ensure_authority(false);

    assert!(matches!(refused, Err(DirectoryError::Authority { .. })));
    assert_eq!(fs::read(place.path().join("ca/ca.crt")).unwrap(), certificate);
    let forced = directory.lock().unwrap().ensure_authority(true).unwrap();
    assert_eq!(forced, AuthorityOutcome::Made);
}

#[test]
fn a_new_authority_keeps_the_record_of_the_old_one() {
    let (_place, directory) = prepared();
    issue(&directory, "a");

    directory.lock().unwrap().ensure_authority(true).unwrap();

    let record = directory.record().unwrap();
    assert_eq!(record.authorities.len(), 2);
    assert_eq!(record.issued.len(), 1);
    assert_eq!(directory.lock().unwrap().strangers().unwrap(), ["a"]);
    let renewed = ensure(&directory, "a", &LeafRequest::new("a"));
    assert!(matches!(renewed, IdentityOutcome::Replaced(_, Some(Fault::OtherAuthority))));
}

#[test]
fn an_interrupted_replacement_of_the_authority_is_completed_or_removed() {
    let (place, directory) = prepared();
    let old = fs::read(place.path().join("ca/ca.crt")).unwrap();
    let (ca, next, aside) =
        (place.path().join("ca"), place.path().join(".next-ca"), place.path().join(".old-ca"));

    fs::create_dir(place.path().join(".unfinished-ca")).unwrap();
    fs::create_dir(&next).unwrap();
    drop(directory.lock().unwrap());
    assert_eq!(fs::read(ca.join("ca.crt")).unwrap(), old);
    assert!(!next.exists() && !place.path().join(".unfinished-ca").exists());

    fs::rename(&ca, &next).unwrap();
    fs::create_dir(&aside).unwrap();
    drop(directory.lock().unwrap());
    assert_eq!(fs::read(ca.join("ca.crt")).unwrap(), old);
    assert!(!next.exists() && !aside.exists());
}

#[test]
fn ten_concurrent_writers_lose_no_entry() {
    let (place, directory) = prepared();

    thread::scope(|scope| {
        for number in 0..10 {
            let directory = directory.clone();
            scope.spawn(move || issue(&directory, &format!("n{number}")));
        }
    });

    let record = directory.record().unwrap();
    let mut names: Vec<&str> = record.issued.iter().map(|entry| entry.name.as_str()).collect();
    names.sort_unstable();
    assert_eq!(names, ["n0", "n1", "n2", "n3", "n4", "n5", "n6", "n7", "n8", "n9"]);
    assert!((0..10).all(|number| place.path().join(format!("n{number}/tls.key")).exists()));
}
