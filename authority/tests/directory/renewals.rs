//! What is due for renewal, and what is not.

use std::fs;

use authority::{Directory, LeafRequest, Lifetime, Renewals, RevocationReason};
use time::{Duration, OffsetDateTime};

use crate::{issue, name, prepared};

#[test]
fn a_leaf_is_due_in_its_last_third_and_the_next_time_is_reported() {
    let (_place, directory) = prepared();
    issue(&directory, "long");
    let brief = LeafRequest::new("brief").lifetime(Lifetime::seconds(30));
    directory.lock().unwrap().issue(&name("brief"), &brief).unwrap();
    let ends = directory.record().unwrap().newest("brief").unwrap().not_after;

    let now = look(&directory, ends - Duration::seconds(10), None);
    let later = look(&directory, ends - Duration::seconds(9), None);
    let within = look(&directory, ends - Duration::days(20), Some(Lifetime::days(25)));

    assert_eq!(now.identities, []);
    assert_eq!(now.next, Some(ends - Duration::seconds(10)));
    assert_eq!(later.identities, [name("brief")]);
    assert!(later.next.unwrap() > ends);
    assert_eq!(within.identities, []);
    let long = directory.record().unwrap().newest("long").unwrap().not_after;
    let within = look(&directory, long - Duration::days(20), Some(Lifetime::days(25)));
    assert_eq!(within.identities, [name("brief"), name("long")]);
}

#[test]
fn revoked_capped_or_foreign_leaves_are_not_due() {
    let (place, directory) = prepared();
    for text in ["revoked", "gone"] {
        issue(&directory, text);
    }
    directory.lock().unwrap().revoke("revoked", RevocationReason::default()).unwrap();
    let capped = LeafRequest::new("capped").lifetime(Lifetime::days(1000));
    directory.lock().unwrap().issue(&name("capped"), &capped).unwrap();
    fs::write(place.path().join("gone/tls.crt"), "").unwrap();
    let ends = directory.record().unwrap().newest("capped").unwrap().not_after;

    let due = look(&directory, ends - Duration::days(1), None);

    assert_eq!(due.identities, []);
    assert_eq!(due.capped, [name("capped")]);
}

#[test]
fn a_leaf_that_an_interrupted_run_left_with_another_key_is_due() {
    let (place, directory) = prepared();
    issue(&directory, "a");
    issue(&directory, "b");
    fs::copy(place.path().join("b/tls.key"), place.path().join("a/tls.key")).unwrap();

    assert_eq!(look(&directory, OffsetDateTime::now_utc(), None).identities, [name("a")]);
}

#[test]
fn the_lists_of_both_roots_are_due_during_a_rollover_and_keep_their_entries() {
    let (place, directory) = prepared();
    issue(&directory, "a");
    directory.lock().unwrap().revoke("a", RevocationReason::default()).unwrap();
    directory.lock().unwrap().begin_rollover().unwrap();
    let now = OffsetDateTime::now_utc();
    assert!(!look(&directory, now, None).lists);
    assert!(look(&directory, now + Duration::days(21), None).lists);
    age_lists(&directory);

    let signed = directory.lock().unwrap().renew_lists().unwrap();

    let numbers: Vec<u64> = signed.iter().map(|entry| entry.list_number).collect();
    assert_eq!(numbers, [3, 2]);
    assert!(!look(&directory, now, None).lists);
    let spread = fs::read(place.path().join("a/ca.crl")).unwrap();
    assert_eq!(spread, fs::read(place.path().join("ca/ca.crl")).unwrap());
    assert_eq!(directory.lock().unwrap().renew_lists().unwrap(), []);
}

fn look(directory: &Directory, now: OffsetDateTime, within: Option<Lifetime>) -> Renewals {
    directory.renewals(now, within).unwrap()
}

/// Backdates all lists in the record, so that they are due for renewal.
fn age_lists(directory: &Directory) {
    let path = directory.path().join("ca/issued.json");
    let mut record: serde_json::Value =
        serde_json::from_str(&fs::read_to_string(&path).unwrap()).unwrap();
    for entry in record["authorities"].as_array_mut().unwrap() {
        entry["listThisUpdate"] = "2020-01-01T00:00:00Z".into();
        entry["listNextUpdate"] = "2020-02-01T00:00:00Z".into();
    }
    fs::write(path, record.to_string()).unwrap();
}
