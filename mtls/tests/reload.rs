//! Files that change while they are in use: whoever writes them, and however badly.

#![allow(clippy::unwrap_used, reason = "what fails in a helper fails the test")]

mod house;

use std::fs;
use std::sync::Arc;

use authority::{AuthorityRequest, RevocationListRequest, RevocationReason};
use mtls::live::Live;
use mtls::role::Role;

use self::house::{Papers, Place, empty_list, eventually, files, list};

#[tokio::test]
async fn a_new_identity_is_published_however_its_files_are_written() {
    let house = Papers::new();
    let list = empty_list(&house, 1);
    let place = Place::with(&files(&house, &house.server(), &list));
    let live = place.live(Role::Server);

    for write in [Place::overwrite, Place::rename, Place::swap, Place::swap] {
        let renewed = house.server();
        write(&place, &files(&house, &renewed, &list));

        serves(&live, &renewed.serial().to_string()).await;
    }
}

#[tokio::test]
async fn a_directory_that_is_replaced_is_followed() {
    let house = Papers::new();
    let list = empty_list(&house, 1);
    let place = Place::with(&files(&house, &house.server(), &list));
    let live = place.live(Role::Server);
    let renewed = house.server();
    let beside = Place::with(&files(&house, &renewed, &list));

    let old = tempfile::tempdir().unwrap();
    fs::rename(place.path(), old.path().join("old")).unwrap();
    fs::rename(beside.path(), place.path()).unwrap();

    serves(&live, &renewed.serial().to_string()).await;
}

#[tokio::test]
async fn a_set_that_is_written_file_by_file_is_taken_once_it_fits() {
    let house = Papers::new();
    let list = empty_list(&house, 1);
    let place = Place::with(&files(&house, &house.server(), &list));
    let live = place.live(Role::Server);
    let renewed = house.server();
    let set = files(&house, &renewed, &list);

    let mut pace = tokio::time::interval(std::time::Duration::from_millis(200));
    for file in set {
        pace.tick().await;
        place.rename(&vec![file]);
    }

    serves(&live, &renewed.serial().to_string()).await;
    assert!(live.last_reload().problems.is_empty());
}

#[tokio::test]
async fn a_bad_set_leaves_the_last_good_one_and_is_told_with_its_file() {
    let house = Papers::new();
    let other = Papers::of(&AuthorityRequest::default().common_name("another authority"));
    let list = empty_list(&house, 5);
    let leaf = house.server();
    let good = files(&house, &leaf, &list);
    let cases = [
        (vec![("tls.crt", b"rubbish".to_vec())], "no certificate in"),
        (vec![("tls.key", house.server().key_pem().into_bytes())], "does not belong"),
        (vec![("ca.crt", other.roots().as_bytes().to_vec())], "not trusted here"),
        (vec![("ca.crl", empty_list(&house, 4).pem().as_bytes().to_vec())], "is older than"),
        (vec![("ca.crl", Vec::new())], "no revocation list in"),
        (vec![("ca.crl", future(&house).pem().as_bytes().to_vec())], "is from the future"),
        (vec![("ca.crl", empty_list(&other, 6).pem().as_bytes().to_vec())], "has vanished"),
    ];
    let checks = cases.iter().map(async |(bad, told)| {
        let place = Place::with(&good);
        let live = place.live(Role::Server);

        place.rename(bad);

        let problems = eventually("the bad set to be told", || {
            let problems = live.last_reload().problems;
            (!problems.is_empty()).then_some(problems)
        })
        .await;
        assert!(problems.iter().any(|problem| problem.contains(told)), "{told}: {problems:?}");
        assert!(problems.iter().any(|problem| problem.contains(bad[0].0)), "{problems:?}");
        let in_force = live.current().certificate.serial_number.clone();
        assert_eq!(in_force, leaf.serial().to_string());

        let renewed = house.server();
        place.rename(&files(&house, &renewed, &list));
        serves(&live, &renewed.serial().to_string()).await;
        assert!(live.last_reload().problems.is_empty());
    });
    futures_util::future::join_all(checks).await;
}

#[tokio::test]
async fn a_list_that_vanishes_does_not_take_its_revocations_along() {
    let house = Papers::new();
    let revoked = house.client();
    let request = RevocationListRequest::new(2);
    let request = request.revoke(revoked.serial(), RevocationReason::KeyCompromise);
    let place = Place::with(&files(&house, &house.server(), &list(&house.authority, &request)));
    let live = place.live(Role::Server);

    fs::remove_file(place.path().join("ca.crl")).unwrap();

    eventually("the vanished list to be told", || {
        live.last_reload().problems.iter().find(|told| told.contains("has vanished")).cloned()
    })
    .await;
    let now = time::OffsetDateTime::now_utc();
    let verdict = live.current().trust.judge(&house::chain(&revoked), Role::Client, now);
    assert_eq!(verdict.unwrap_err().code, mtls::refusal::Code::Revoked);
}

async fn serves(live: &Arc<Live>, serial: &str) {
    eventually("the new identity to be in force", || {
        (live.current().certificate.serial_number == serial).then_some(())
    })
    .await;
}

fn future(house: &Papers) -> authority::RevocationList {
    let tomorrow = time::OffsetDateTime::now_utc() + time::Duration::DAY;
    list(&house.authority, &RevocationListRequest::new(6).this_update(tomorrow))
}
