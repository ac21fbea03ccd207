//! A rollover: which root issues, which roots are trusted, and what is refused, at each step.

use std::fs;

use authority::{
    Authority, AuthorityOutcome, AuthorityRequest, Certificate, Directory, IdentityOutcome,
    LeafRequest, RevocationListRequest, RevocationReason, RolloverStep,
};

use crate::{ensure, issue, name, prepared, put};

#[test]
fn begin_puts_both_roots_and_both_lists_everywhere_and_the_old_root_still_issues() {
    let (_place, directory) = prepared();
    issue(&directory, "a");

    let rollover = directory.lock().unwrap().begin_rollover().unwrap();
    issue(&directory, "late");

    assert_eq!(rollover.step, RolloverStep::Begun);
    for identity in ["a", "late", "ca"] {
        assert_eq!(roots(&directory, identity).len(), 2, "{identity}");
        assert_eq!(lists(&directory, identity), 2, "{identity}");
    }
    assert_eq!(issuer(&directory, "a"), rollover.old.key_identifier);
    assert_eq!(issuer(&directory, "late"), rollover.old.key_identifier);
    let shown = roots(&directory, "a").iter().map(Certificate::fingerprint256).collect::<Vec<_>>();
    assert_eq!(shown, [rollover.old.fingerprint256, rollover.new.fingerprint256]);
}

#[test]
fn issue_renews_every_leaf_under_the_new_root_once() {
    let (_place, directory) = prepared();
    let request = LeafRequest::new("a").dns("a").organization("o");
    directory.lock().unwrap().issue(&name("a"), &request).unwrap();
    let rollover = directory.lock().unwrap().begin_rollover().unwrap();

    let (_, first) = directory.lock().unwrap().issue_rollover().unwrap();
    let (_, again) = directory.lock().unwrap().issue_rollover().unwrap();
    issue(&directory, "late");

    assert_eq!(first, again);
    let record = directory.record().unwrap();
    assert_eq!(record.issued.len(), 3);
    assert_eq!(record.issued[0].subject, record.issued[1].subject);
    assert_eq!(issuer(&directory, "a"), rollover.new.key_identifier);
    assert_eq!(issuer(&directory, "late"), rollover.new.key_identifier);
    assert_eq!(roots(&directory, "late").len(), 2);
}

#[test]
fn finish_leaves_the_new_root_as_the_only_one() {
    let (place, directory) = prepared();
    issue(&directory, "a");
    let rollover = to(&directory, RolloverStep::Issuing);
    let new_key = fs::read(place.path().join("ca/next.key")).unwrap();

    let finished = directory.lock().unwrap().finish_rollover().unwrap();
    let again = directory.lock().unwrap().finish_rollover().unwrap();
    issue(&directory, "late");

    assert_eq!(finished, again);
    assert_eq!(finished.step, RolloverStep::Finished);
    for identity in ["a", "late", "ca"] {
        let shown = roots(&directory, identity);
        assert_eq!(shown.len(), 1, "{identity}");
        assert_eq!(shown[0].fingerprint256(), rollover.new.fingerprint256);
        assert_eq!(lists(&directory, identity), 1, "{identity}");
    }
    assert_eq!(issuer(&directory, "late"), rollover.new.key_identifier);
    assert_eq!(fs::read(place.path().join("ca/ca.key")).unwrap(), new_key);
    assert!(!place.path().join("ca/next.key").exists());
    assert!(!place.path().join("ca/next.crt").exists());
    let last = directory.record().unwrap().authorities.pop().unwrap();
    assert_eq!(last.key_identifier, rollover.new.key_identifier);
}

#[test]
fn a_file_with_an_unreadable_block_is_not_rewritten() {
    let (place, directory) = prepared();
    for identity in ["a", "b", "c"] {
        issue(&directory, identity);
    }
    let foreign = Authority::generate(&AuthorityRequest::default()).unwrap();
    let list = foreign.revocation_list(&RevocationListRequest::new(7)).unwrap();
    let damaged = list.pem().replace("-----BEGIN", "----BEGIN");
    let damaged = [&read(&directory, "b/ca.crl"), damaged.as_str()].concat();
    put(&place.path().join("b"), "ca.crl", &damaged);
    let entries = || directory.record().unwrap().issued.len();
    let before = entries();

    let renewed = directory.lock().unwrap().renew(&name("b")).unwrap_err();
    let revoked = directory.lock().unwrap().revoke("a", RevocationReason::default());

    let said =
        format!("{} contains data that cannot be read", place.path().join("b/ca.crl").display());
    for message in [renewed.to_string(), revoked.unwrap_err().to_string()] {
        assert!(message.starts_with(&said), "{message}");
    }
    assert_eq!(entries(), before, "nothing is issued that cannot be put in place");
    assert_eq!(read(&directory, "b/ca.crl"), damaged);
    for identity in ["a", "c"] {
        let list = format!("{identity}/ca.crl");
        assert_eq!(read(&directory, &list), read(&directory, "ca/ca.crl"), "the others follow");
    }
}

#[test]
fn a_root_added_by_others_stays_throughout() {
    let (place, directory) = prepared();
    issue(&directory, "a");
    let foreign = Authority::generate(&AuthorityRequest::default()).unwrap();
    let list = foreign.revocation_list(&RevocationListRequest::new(7)).unwrap();
    let path = place.path().join("a");
    put(&path, "ca.crt", &[&read(&directory, "a/ca.crt"), foreign.root().pem()].concat());
    put(&path, "ca.crl", &[list.pem(), &read(&directory, "a/ca.crl")].concat());

    directory.lock().unwrap().revoke("a", RevocationReason::default()).unwrap();
    assert!(read(&directory, "a/ca.crl").starts_with(&read(&directory, "ca/ca.crl")));
    directory.lock().unwrap().renew(&name("a")).unwrap();
    to(&directory, RolloverStep::Issuing);
    assert_eq!((roots(&directory, "a").len(), lists(&directory, "a")), (3, 3));
    directory.lock().unwrap().finish_rollover().unwrap();

    let shown = [&read(&directory, "ca/ca.crt"), foreign.root().pem()].concat();
    assert_eq!(read(&directory, "a/ca.crt"), shown);
    assert_eq!(read(&directory, "a/ca.crl"), [&read(&directory, "ca/ca.crl"), list.pem()].concat());
}

#[test]
fn a_revocation_reaches_leaves_of_both_roots() {
    let (_place, directory) = prepared();
    issue(&directory, "a");
    let old = directory.record().unwrap().newest("a").unwrap().serial.to_string();
    to(&directory, RolloverStep::Issuing);

    let of_old = directory.lock().unwrap().revoke(&old, RevocationReason::Superseded).unwrap();
    let of_new = directory.lock().unwrap().revoke("a", RevocationReason::Superseded).unwrap();

    assert_eq!((of_old.len(), of_new.len()), (1, 1));
    let numbers: Vec<u64> =
        directory.record().unwrap().signers().map(|signer| signer.list_number).collect();
    assert_eq!(numbers, [2, 2]);
    assert_eq!(read(&directory, "a/ca.crl"), read(&directory, "ca/ca.crl"));
}

#[test]
fn abort_goes_back_to_the_old_root_from_every_step() {
    for step in [
        RolloverStep::Beginning,
        RolloverStep::Begun,
        RolloverStep::Issuing,
        RolloverStep::Finishing,
        RolloverStep::Aborting,
        RolloverStep::Withdrawing,
    ] {
        let (place, directory) = prepared();
        issue(&directory, "a");
        let rollover = to(&directory, step);

        abort(&directory);
        abort(&directory);
        issue(&directory, "late");

        for identity in ["a", "late", "ca"] {
            let shown = roots(&directory, identity);
            assert_eq!(shown.len(), 1, "{identity} after {step:?}");
            assert_eq!(shown[0].fingerprint256(), rollover.old.fingerprint256);
            assert_eq!(lists(&directory, identity), 1, "{identity} after {step:?}");
        }
        assert_eq!(issuer(&directory, "a"), rollover.old.key_identifier);
        assert_eq!(issuer(&directory, "late"), rollover.old.key_identifier);
        assert!(!place.path().join("ca/next.key").exists());
        let last = directory.record().unwrap().authorities.pop().unwrap();
        assert_eq!(last.key_identifier, rollover.old.key_identifier);
        let another = to(&directory, RolloverStep::Begun);
        assert_ne!(another.new, rollover.new);
    }
}

#[test]
fn a_rollover_keeps_the_authority_and_the_identities_unchanged() {
    let (_place, directory) = prepared();
    issue(&directory, "a");
    for step in [RolloverStep::Begun, RolloverStep::Issuing] {
        to(&directory, step);

        let authority = directory.lock().unwrap().ensure_authority(false).unwrap();
        let identity = ensure(&directory, "a", &LeafRequest::new("a"));

        assert_eq!(authority, AuthorityOutcome::Unchanged);
        assert!(matches!(identity, IdentityOutcome::Unchanged(_)), "{identity:?}");
        assert_eq!(directory.lock().unwrap().strangers().unwrap(), [""; 0]);
    }
    directory.lock().unwrap().ensure_authority(true).unwrap();
    assert_eq!(directory.record().unwrap().rollover, None);
    assert_eq!(roots(&directory, "ca").len(), 1);
}

/// Proceeds to this step; a step that only an interrupted run leaves is written to the record.
pub(crate) fn to(directory: &Directory, step: RolloverStep) -> authority::Rollover {
    let lock = || directory.lock().unwrap();
    let begun = || lock().begin_rollover();
    match step {
        RolloverStep::Begun => begun().unwrap(),
        RolloverStep::Beginning => killed_in(directory, "beginning"),
        _ => {
            let _ = begun();
            let (rollover, _) = lock().issue_rollover().unwrap();
            match step {
                RolloverStep::Aborting => lock().begin_abort().unwrap(),
                RolloverStep::Finishing => killed_in(directory, "finishing"),
                RolloverStep::Withdrawing => {
                    lock().begin_abort().unwrap();
                    lock().issue_abort().unwrap();
                    killed_in(directory, "withdrawing")
                }
                _ => rollover,
            }
        }
    }
}

fn killed_in(directory: &Directory, step: &str) -> authority::Rollover {
    let _ = directory.lock().unwrap().begin_rollover();
    let path = directory.path().join("ca/issued.json");
    let text = fs::read_to_string(&path).unwrap();
    let at = text.find("\"step\": \"").unwrap() + 9;
    let end = at + text[at..].find('"').unwrap();
    fs::write(&path, [&text[..at], step, &text[end..]].concat()).unwrap();
    directory.lock().unwrap().spread_trust().unwrap();
    directory.record().unwrap().rollover.unwrap()
}

fn abort(directory: &Directory) {
    directory.lock().unwrap().begin_abort().unwrap();
    directory.lock().unwrap().issue_abort().unwrap();
    directory.lock().unwrap().finish_abort().unwrap();
}

fn issuer(directory: &Directory, identity: &str) -> String {
    let leaves = directory.leaves().unwrap();
    let (_, entry) = leaves.into_iter().find(|(name, _)| name == identity).unwrap();
    entry.unwrap().authority
}

pub(crate) fn roots(directory: &Directory, identity: &str) -> Vec<Certificate> {
    Certificate::read_all(&read(directory, &format!("{identity}/ca.crt"))).unwrap()
}

fn lists(directory: &Directory, identity: &str) -> usize {
    read(directory, &format!("{identity}/ca.crl")).matches("BEGIN X509 CRL").count()
}

pub(crate) fn read(directory: &Directory, path: &str) -> String {
    fs::read_to_string(directory.path().join(path)).unwrap()
}
