//! Many reloads do not increase the memory of a service.

#![allow(clippy::unwrap_used, reason = "what fails in a helper fails the test")]

mod support;

use std::fs;
use std::sync::Arc;

use mtls::credentials::CredentialStore;
use mtls::limits::Limits;
use mtls::pki::role::Role;

use self::support::{
    IdentityDirectory, Server, TestClient, TestPki, empty_list, eventually, files,
};

#[tokio::test]
async fn a_thousand_reloads_leak_no_memory_and_no_open_files() {
    let pki = TestPki::new();
    let list = empty_list(&pki, 1);
    let server_place = IdentityDirectory::with(&files(&pki, &pki.server(), &list));
    let client_place = IdentityDirectory::with(&files(&pki, &pki.client(), &list));
    let (served, shown) = (server_place.store(Role::Server), client_place.store(Role::Client));
    let server = Server::of_store(Arc::clone(&served), Limits::default(), support::hello());
    let test_client =
        TestClient::of_store(Arc::clone(&shown), Default::default(), &Limits::default());
    // Two identities alternate: the reload is measured, not the making of identities.
    let of_server = [pki.server(), pki.server()];
    let of_client = [pki.client(), pki.client()];

    let mut after_ten = (0, 0);
    for number in 1..=1000 {
        let (server_leaf, client_leaf) = (&of_server[number % 2], &of_client[number % 2]);
        server_place.rename(&files(&pki, server_leaf, &list));
        client_place.rename(&files(&pki, client_leaf, &list));
        in_force(&served, &server_leaf.serial().to_string()).await;
        in_force(&shown, &client_leaf.serial().to_string()).await;
        assert_eq!(test_client.fetch(&server.url("/")).await.unwrap().0, "hello");
        if number == 10 {
            after_ten = (open_files(), resident_kibibytes());
        }
    }

    eventually("the connections of old identities to be closed", || {
        (open_files() <= after_ten.0 + 4).then_some(())
    })
    .await;
    let grown = resident_kibibytes().saturating_sub(after_ten.1);
    // Meanwhile the ring buffer of handshakes fills up: 256 with their certificates.
    assert!(grown < 8 * 1024, "{grown} KiB more than after ten reloads");
}

async fn in_force(store: &CredentialStore, serial: &str) {
    eventually("the new identity to be in force", || {
        (store.current().certificate.serial_number == serial).then_some(())
    })
    .await;
}

fn open_files() -> usize {
    fs::read_dir("/proc/self/fd").unwrap().count()
}

fn resident_kibibytes() -> usize {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}
