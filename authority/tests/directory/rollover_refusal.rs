//! What a rollover refuses or skips, and what it then names.

use std::fs;

use authority::{
    Directory, DirectoryError, LeafRequest, NotReissued, RevocationReason, RolloverError,
    RolloverStep,
};

use crate::rollover::{read, roots, to};
use crate::{issue, name, prepared, put};

#[test]
fn finish_names_every_directory_with_a_leaf_of_the_old_root() {
    let (place, directory) = prepared();
    for text in ["a", "b", "c", "revoked"] {
        issue(&directory, text);
    }
    copy_identity(&directory, "b", "by-hand");
    directory.lock().unwrap().revoke("revoked", RevocationReason::default()).unwrap();
    let before = fs::read(place.path().join("c/tls.crt")).unwrap();
    to(&directory, RolloverStep::Issuing);
    fs::write(place.path().join("c/tls.crt"), before).unwrap();

    let refused = directory.lock().unwrap().finish_rollover().unwrap_err();

    let RolloverError::LeavesStand { names, .. } = refused else {
        panic!("{refused}");
    };
    assert_eq!(names, ["by-hand", "c", "revoked"]);
    assert_eq!(roots(&directory, "a").len(), 2);
    fs::remove_dir_all(place.path().join("by-hand")).unwrap();
    directory.lock().unwrap().issue_rollover().unwrap();
    directory.lock().unwrap().renew(&name("revoked")).unwrap();
    directory.lock().unwrap().finish_rollover().unwrap();
}

#[test]
fn a_leaf_that_this_authority_did_not_issue_is_skipped_and_named() {
    let (place, directory) = prepared();
    let (other_place, other) = prepared();
    issue(&other, "foreign");
    issue(&directory, "revoked");
    directory.lock().unwrap().revoke("revoked", RevocationReason::default()).unwrap();
    fs::create_dir(place.path().join("foreign")).unwrap();
    for file in ["tls.crt", "tls.key", "ca.crt", "ca.crl"] {
        let path = format!("foreign/{file}");
        fs::copy(other_place.path().join(&path), place.path().join(&path)).unwrap();
    }

    directory.lock().unwrap().begin_rollover().unwrap();
    let (_, reissued) = directory.lock().unwrap().issue_rollover().unwrap();

    let whys: Vec<_> =
        reissued.iter().map(|one| (one.name.as_str(), one.leaf.clone().err())).collect();
    let (foreign, revoked) = (Some(NotReissued::NotOurs), Some(NotReissued::Revoked));
    assert_eq!(whys, [("foreign", foreign), ("revoked", revoked)]);
    for file in ["tls.crt", "tls.key", "ca.crt", "ca.crl"] {
        let path = format!("foreign/{file}");
        let own = fs::read(place.path().join(&path)).unwrap();
        assert_eq!(own, fs::read(other_place.path().join(&path)).unwrap());
    }
}

#[test]
fn a_step_out_of_order_is_refused() {
    let (_place, directory) = prepared();
    let lock = || directory.lock().unwrap();
    assert!(matches!(lock().issue_rollover(), Err(RolloverError::NotUnderWay)));
    assert!(matches!(lock().finish_rollover(), Err(RolloverError::NotUnderWay)));
    assert!(matches!(lock().begin_abort(), Err(RolloverError::NotUnderWay)));

    to(&directory, RolloverStep::Begun);
    let refused = lock().finish_rollover().unwrap_err();
    assert_eq!(
        refused.to_string(),
        "\"certs rollover finish\" is not possible in the rollover, which has only \
         begun: go on with \"certs rollover issue\""
    );
    to(&directory, RolloverStep::Issuing);
    assert!(matches!(lock().begin_rollover(), Err(RolloverError::OutOfOrder { .. })));
    lock().finish_rollover().unwrap();
    assert!(matches!(lock().begin_abort(), Err(RolloverError::OutOfOrder { .. })));
    assert!(matches!(lock().issue_rollover(), Err(RolloverError::OutOfOrder { .. })));
}

#[test]
fn an_unrecorded_next_root_is_removed_and_a_lost_one_is_reported() {
    let (place, directory) = prepared();
    put(&place.path().join("ca"), "next.key", "left by a killed run");
    drop(directory.lock().unwrap());
    assert!(!place.path().join("ca/next.key").exists());

    to(&directory, RolloverStep::Begun);
    fs::remove_file(place.path().join("ca/next.key")).unwrap();
    let refused = directory.lock().unwrap().issue(&name("a"), &LeafRequest::new("a"));
    let Err(DirectoryError::Authority { key, .. }) = refused else {
        panic!("{refused:?}");
    };
    assert_eq!(key, "next.key");
}

fn copy_identity(directory: &Directory, from: &str, to: &str) {
    fs::create_dir(directory.path().join(to)).unwrap();
    for file in ["tls.crt", "tls.key", "ca.crt", "ca.crl"] {
        put(&directory.path().join(to), file, &read(directory, &format!("{from}/{file}")));
    }
}
