//! Files that change while they are in use, written correctly or not.

#![allow(clippy::unwrap_used, reason = "what fails in a helper fails the test")]

mod support;

use std::fs;
use std::sync::Arc;

use authority::{AuthorityRequest, RevocationListRequest, RevocationReason};
use mtls::credentials::CredentialStore;
use mtls::pki::role::Role;

use self::support::{IdentityDirectory, TestPki, empty_list, eventually, files, list};

#[tokio::test]
async fn a_new_identity_is_published_however_its_files_are_written() {
    let pki = TestPki::new();
    let list = empty_list(&pki, 1);
    let directory = IdentityDirectory::with(&files(&pki, &pki.server(), &list));
    let store = directory.store(Role::Server);

    for write in [
        IdentityDirectory::overwrite,
        IdentityDirectory::rename,
        IdentityDirectory::swap,
        IdentityDirectory::swap,
    ] {
        let renewed = pki.server();
        write(&directory, &files(&pki, &renewed, &list));

        serves(&store, &renewed.serial().to_string()).await;
    }
}

#[tokio::test]
async fn a_replaced_directory_is_followed() {
    let pki = TestPki::new();
    let list = empty_list(&pki, 1);
    let directory = IdentityDirectory::with(&files(&pki, &pki.server(), &list));
    let store = directory.store(Role::Server);
    let renewed = pki.server();
    let beside = IdentityDirectory::with(&files(&pki, &renewed, &list));

    let old = tempfile::tempdir().unwrap();
    fs::rename(directory.path(), old.path().join("old")).unwrap();
    fs::rename(beside.path(), directory.path()).unwrap();

    serves(&store, &renewed.serial().to_string()).await;
}

#[tokio::test]
async fn a_set_written_file_by_file_is_loaded_once_it_fits() {
    let pki = TestPki::new();
    let list = empty_list(&pki, 1);
    let directory = IdentityDirectory::with(&files(&pki, &pki.server(), &list));
    let store = directory.store(Role::Server);
    let renewed = pki.server();
    let set = files(&pki, &renewed, &list);

    let mut pace = tokio::time::interval(std::time::Duration::from_millis(200));
    for file in set {
        pace.tick().await;
        directory.rename(&vec![file]);
    }

    serves(&store, &renewed.serial().to_string()).await;
    assert!(store.last_reload().problems.is_empty());
}

#[tokio::test]
async fn a_bad_set_keeps_the_last_good_one_and_is_reported_with_its_file() {
    let pki = TestPki::new();
    let other = TestPki::of(&AuthorityRequest::default().common_name("another authority"));
    let list = empty_list(&pki, 5);
    let leaf = pki.server();
    let good = files(&pki, &leaf, &list);
    let cases = [
        (vec![("tls.crt", b"rubbish".to_vec())], "no certificate in"),
        (vec![("tls.key", pki.server().key_pem().into_bytes())], "does not belong"),
        (vec![("ca.crt", other.roots().as_bytes().to_vec())], "not trusted here"),
        (vec![("ca.crl", empty_list(&pki, 4).pem().as_bytes().to_vec())], "is older than"),
        (vec![("ca.crl", Vec::new())], "no revocation list in"),
        (vec![("ca.crl", future(&pki).pem().as_bytes().to_vec())], "is from the future"),
        (vec![("ca.crl", empty_list(&other, 6).pem().as_bytes().to_vec())], "has vanished"),
    ];
    let checks = cases.iter().map(async |(bad, expected)| {
        let directory = IdentityDirectory::with(&good);
        let store = directory.store(Role::Server);

        directory.rename(bad);

        let problems = eventually("the bad set to be reported", || {
            let problems = store.last_reload().problems;
            (!problems.is_empty()).then_some(problems)
        })
        .await;
        assert!(
            problems.iter().any(|problem| problem.contains(expected)),
            "{expected}: {problems:?}"
        );
        assert!(problems.iter().any(|problem| problem.contains(bad[0].0)), "{problems:?}");
        let serial_number = store.current().certificate.serial_number.clone();
        assert_eq!(serial_number, leaf.serial().to_string());

        let renewed = pki.server();
        directory.rename(&files(&pki, &renewed, &list));
        serves(&store, &renewed.serial().to_string()).await;
        assert!(store.last_reload().problems.is_empty());
    });
    futures_util::future::join_all(checks).await;
}

#[tokio::test]
async fn a_deleted_list_keeps_its_revocations_in_force() {
    let pki = TestPki::new();
    let revoked = pki.client();
    let request = RevocationListRequest::new(2);
    let request = request.revoke(revoked.serial(), RevocationReason::KeyCompromise);
    let directory =
        IdentityDirectory::with(&files(&pki, &pki.server(), &list(&pki.authority, &request)));
    let store = directory.store(Role::Server);

    fs::remove_file(directory.path().join("ca.crl")).unwrap();

    eventually("the vanished list to be reported", || {
        store
            .last_reload()
            .problems
            .iter()
            .find(|problem| problem.contains("has vanished"))
            .cloned()
    })
    .await;
    let now = time::OffsetDateTime::now_utc();
    let verdict = store.current().trust.verify(&support::chain(&revoked), Role::Client, now);
    assert_eq!(verdict.unwrap_err().code, mtls::event::refusal::Code::Revoked);
}

async fn serves(store: &Arc<CredentialStore>, serial: &str) {
    eventually("the new identity to be in force", || {
        (store.current().certificate.serial_number == serial).then_some(())
    })
    .await;
}

fn future(pki: &TestPki) -> authority::RevocationList {
    let tomorrow = time::OffsetDateTime::now_utc() + time::Duration::DAY;
    list(&pki.authority, &RevocationListRequest::new(6).this_update(tomorrow))
}
