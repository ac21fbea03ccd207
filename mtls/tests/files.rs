//! Problems of an identity directory: all are reported at once, each line with the file and the
//! remedy.

#![allow(clippy::unwrap_used, reason = "what fails in a helper fails the test")]

mod support;

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use authority::{AuthorityRequest, LeafRequest, RevocationListRequest, Usage};
use mtls::credentials::{BadFile, Credentials};
use mtls::pki::role::Role;
use mtls::pki::trust::Revocation;
use tempfile::TempDir;
use time::{Duration, OffsetDateTime};

use self::support::{TestPki, list};

#[test]
fn a_good_directory_loads_for_every_role_of_its_leaf() {
    let pki = TestPki::new();
    let leaf = pki.issue(&LeafRequest::new("a").dns("a").usage(Usage::Both));
    let directory = written(&pki, &leaf.chain_pem(), &leaf.key_pem());

    let roles = [Role::Client, Role::Server];
    let now = OffsetDateTime::now_utc();
    let loaded = Credentials::load(directory.path(), &roles, Revocation::Checked, now).unwrap();

    assert_eq!(loaded.identity.certificate().name(), "a");
    assert_eq!(loaded.identity.chain(), support::chain(&leaf));
    assert_eq!(loaded.trust.roots().len(), 1);
}

#[test]
fn an_intermediate_may_stand_between_the_leaf_and_its_root() {
    let pki = TestPki::new();
    let below = pki.authority.issue_intermediate(&AuthorityRequest::intermediate()).unwrap();
    let leaf = below.issue(&TestPki::for_server()).unwrap();
    let directory = written(&pki, &leaf.chain_pem(), &leaf.key_pem());

    assert_eq!(problems(directory.path()), Vec::<String>::new());
}

#[test]
fn a_missing_directory_is_reported() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("nowhere");

    let remedy = "name the one that is meant";
    assert_eq!(problems(&path), [format!("no identity directory {}: {remedy}", path.display())]);
}

#[test]
fn every_missing_file_is_reported_at_once_and_a_list_may_be_missing() {
    let directory = tempfile::tempdir().unwrap();

    let remedy = "put it there";
    let missing = |name| format!("no file {}: {remedy}", at(&directory, name));
    assert_eq!(problems(directory.path()), ["tls.crt", "tls.key", "ca.crt"].map(missing));
}

#[test]
fn every_empty_file_is_reported_at_once() {
    let directory = tempfile::tempdir().unwrap();
    for name in ["tls.crt", "tls.key", "ca.crt", "ca.crl"] {
        fs::write(directory.path().join(name), "# nothing\n").unwrap();
    }

    let remedy = "put one there in PEM";
    let absent = |(what, name)| format!("no {what} in {}: {remedy}", at(&directory, name));
    assert_eq!(
        problems(directory.path()),
        [
            ("certificate", "tls.crt"),
            ("private key", "tls.key"),
            ("certificate", "ca.crt"),
            ("revocation list", "ca.crl"),
        ]
        .map(absent)
    );
}

#[test]
fn garbage_is_reported_with_its_file_and_the_expected_content() {
    let directory = tempfile::tempdir().unwrap();
    let block = |label| format!("-----BEGIN {label}-----\n%%%%\n-----END {label}-----\n");
    for (name, label) in [
        ("tls.crt", "CERTIFICATE"),
        ("tls.key", "PRIVATE KEY"),
        ("ca.crt", "CERTIFICATE"),
        ("ca.crl", "X509 CRL"),
    ] {
        fs::write(directory.path().join(name), block(label)).unwrap();
    }

    let problems = problems(directory.path());

    assert_eq!(problems.len(), 4, "{problems:#?}");
    for (problem, (what, name)) in problems.iter().zip([
        ("certificate", "tls.crt"),
        ("private key", "tls.key"),
        ("certificate", "ca.crt"),
        ("revocation list", "ca.crl"),
    ]) {
        let begins = format!("garbage in {} (", at(&directory, name));
        assert!(problem.starts_with(&begins), "{problem}");
        assert!(problem.ends_with(&format!("): put a {what} in PEM there")), "{problem}");
    }
}

#[test]
fn pem_without_a_certificate_in_it_is_reported() {
    let pki = TestPki::new();
    let leaf = pki.server();
    let nonsense = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    let directory = written(&pki, nonsense, &leaf.key_pem());
    fs::write(directory.path().join("ca.crt"), nonsense).unwrap();

    let problems = problems(directory.path());

    assert_eq!(problems.len(), 2, "{problems:#?}");
    assert!(problems[0].contains(&at(&directory, "tls.crt")), "{problems:#?}");
    assert!(problems[0].contains("not an X.509 certificate"), "{problems:#?}");
    assert!(problems[0].ends_with("; put a certificate and its own key there"));
    assert!(problems[1].starts_with(&format!("bad trust in {}: ", at(&directory, "ca.crt"))));
    assert!(problems[1].ends_with("; put the authority's own files there"));
}

#[test]
fn a_key_of_another_certificate_is_reported_with_both_files() {
    let pki = TestPki::new();
    let directory = written(&pki, &pki.server().chain_pem(), &pki.server().key_pem());

    let said = format!(
        "{} does not match {}: the private key does not belong to the certificate; \
         put a certificate and its own key there",
        at(&directory, "tls.key"),
        at(&directory, "tls.crt"),
    );
    assert_eq!(problems(directory.path()), [said]);
}

#[test]
fn a_key_in_every_pem_form_is_accepted() {
    let pki = TestPki::new();
    let leaf = pki.server();
    let sec1 = support::openssl(&["pkey", "-traditional"], leaf.key_pem().as_bytes());
    assert!(sec1.contains("BEGIN EC PRIVATE KEY"));

    let directory = written(&pki, &leaf.chain_pem(), &sec1);

    assert_eq!(problems(directory.path()), Vec::<String>::new());
}

#[test]
fn a_leaf_that_its_own_root_did_not_sign_is_unfit() {
    let leaf = TestPki::new().server();
    let directory = written(&TestPki::new(), &leaf.chain_pem(), &leaf.key_pem());

    let message = only(&directory);

    let begins = format!(
        "{} is not fit for a server: the certificate was issued by an authority that is not trusted here",
        at(&directory, "tls.crt")
    );
    assert!(message.starts_with(&begins), "{message}");
    assert!(message.ends_with("; use a certificate of a trusted authority, or add that authority to ca.crt; send the intermediates too"), "{message}");
}

#[test]
fn an_expired_leaf_is_unfit() {
    let pki = TestPki::new();
    let ends = OffsetDateTime::from_unix_timestamp(1_700_000_000).unwrap();
    let expired = TestPki::for_server().not_before(ends - Duration::HOUR).not_after(ends);
    let leaf = pki.issue(&expired);
    let directory = written(&pki, &leaf.chain_pem(), &leaf.key_pem());

    let said = format!(
        "{} is not fit for a server: the certificate has expired: \
         api-service ended at 2023-11-14T22:13:20Z; \
         renew the certificate, and check the clocks of both machines",
        at(&directory, "tls.crt")
    );
    assert_eq!(only(&directory), said);
}

#[test]
fn a_leaf_for_another_role_is_unfit() {
    let pki = TestPki::new();
    let leaf = pki.client();
    let directory = written(&pki, &leaf.chain_pem(), &leaf.key_pem());

    let message = only(&directory);

    assert!(message.contains("it is for clientAuth, and serverAuth is needed"), "{message}");
}

#[test]
fn a_missing_list_is_reported_where_lists_are_required() {
    let pki = TestPki::new();
    let leaf = pki.server();
    let directory = written(&pki, &leaf.chain_pem(), &leaf.key_pem());
    let required = || load_problems(directory.path(), Revocation::Required);

    let without = required();
    let list = list(&pki.authority, &RevocationListRequest::new(1));
    fs::write(directory.path().join("ca.crl"), list.pem()).unwrap();
    let with = required();

    let root = pki.authority.certificate().common_name();
    let said = format!(
        "bad trust in {}: no revocation list of O=mtls-demo,CN={root}, and one is \
         required; put the authority's own files there",
        at(&directory, "ca.crl")
    );
    assert_eq!(without, [said]);
    assert_eq!(with, Vec::<String>::new());
}

#[test]
fn where_revocation_is_off_even_a_broken_list_does_not_matter() {
    let pki = TestPki::new();
    let leaf = pki.server();
    let directory = written(&pki, &leaf.chain_pem(), &leaf.key_pem());
    fs::write(directory.path().join("ca.crl"), "garbage").unwrap();

    assert_eq!(load_problems(directory.path(), Revocation::Off), Vec::<String>::new());
    assert_eq!(load_problems(directory.path(), Revocation::Checked).len(), 1);
}

#[test]
fn an_unreadable_file_is_reported_with_its_mode_and_the_user() {
    let pki = TestPki::new();
    let leaf = pki.server();
    let directory = written(&pki, &leaf.chain_pem(), &leaf.key_pem());
    let key = directory.path().join("tls.key");
    // Root can read a file of any mode, but not a directory as a file.
    fs::remove_file(&key).unwrap();
    fs::create_dir(&key).unwrap();
    fs::set_permissions(&key, Permissions::from_mode(0o750)).unwrap();

    let message = only(&directory);

    let begins = format!("cannot read {} (mode 0750, owner user ", key.display());
    assert!(message.starts_with(&begins), "{message}");
    assert!(message.contains(") as user "), "{message}");
    assert!(message.ends_with("; make it readable to that user"), "{message}");
}

/// An identity directory of these files, with the root of the test authority.
fn written(pki: &TestPki, chain: &str, key: &str) -> TempDir {
    let directory = tempfile::tempdir().unwrap();
    for (name, content) in [("tls.crt", chain), ("tls.key", key), ("ca.crt", pki.roots())] {
        fs::write(directory.path().join(name), content).unwrap();
    }
    directory
}

fn at(directory: &TempDir, name: &str) -> String {
    directory.path().join(name).display().to_string()
}

/// The problems of the directory of a server.
fn problems(directory: &Path) -> Vec<String> {
    load_problems(directory, Revocation::Checked)
}

fn only(directory: &TempDir) -> String {
    let mut problems = problems(directory.path());
    assert_eq!(problems.len(), 1, "{problems:#?}");
    problems.remove(0)
}

fn load_problems(directory: &Path, revocation: Revocation) -> Vec<String> {
    let now = OffsetDateTime::now_utc();
    let loaded = Credentials::load(directory, &[Role::Server], revocation, now);
    loaded.err().unwrap_or_default().iter().map(BadFile::to_string).collect()
}
