//! `certs init`: the first run, a second run, `--force`, and interrupted runs.

use std::fs;
use std::time::Instant;

use crate::{bad, files, good, openssl, start, verify};

#[test]
fn init_makes_an_authority_and_three_identities_that_openssl_accepts() {
    let place = tempfile::tempdir().unwrap();

    let answer = good(&place, &["init"]);

    assert!(answer.starts_with("authority       made: mtls-demo authority "), "{answer}");
    for (name, usage, purposes) in [
        ("api-service", "server", ["sslserver"].as_slice()),
        ("client-service", "client", &["sslclient"]),
        ("gateway", "both", &["sslserver", "sslclient"]),
    ] {
        assert!(answer.contains(&format!("{name:<16}made: {usage}, serial ")), "{answer}");
        for purpose in purposes {
            assert_eq!(verify(place.path(), name, purpose), format!("{name}/tls.crt: OK\n"));
        }
        let text =
            openssl(place.path(), &["x509", "-noout", "-text", "-in", &format!("{name}/tls.crt")]);
        let names = format!(
            "DNS:{name}, DNS:{name}.default, DNS:{name}.default.svc, \
             DNS:{name}.default.svc.cluster.local, DNS:localhost, IP Address:127.0.0.1, \
             IP Address:0:0:0:0:0:0:0:1, URI:spiffe://mtls-demo.local/ns/default/sa/{name}"
        );
        assert!(text.contains(&format!("Subject: CN = {name}, O = mtls-demo\n")), "{text}");
        assert!(text.contains(&names), "{text}");
    }
    let list = openssl(place.path(), &["crl", "-noout", "-text", "-in", "gateway/ca.crl"]);
    assert!(list.contains("No Revoked Certificates."), "{list}");
}

#[test]
fn init_again_changes_no_byte_and_says_so() {
    let place = tempfile::tempdir().unwrap();
    good(&place, &["init"]);
    let before = files(place.path());

    let answer = good(&place, &["init"]);

    assert_eq!(files(place.path()), before);
    let lines: Vec<&str> = answer.lines().collect();
    assert!(lines[0].starts_with("authority       unchanged: "), "{answer}");
    assert_eq!(lines[1], "api-service     unchanged: server, 29d left");
    assert_eq!(lines[2], "client-service  unchanged: client, 29d left");
    assert_eq!(lines[3], "gateway         unchanged: both, 29d left");
}

#[test]
fn init_with_force_replaces_everything() {
    let place = tempfile::tempdir().unwrap();
    good(&place, &["init"]);
    good(&place, &["issue", "alice"]);
    let before = files(place.path());

    let answer = good(&place, &["init", "--force"]);

    let after = files(place.path());
    for (path, content) in &before {
        let same = after.iter().any(|(other, now)| other == path && now == content);
        assert_eq!(same, path.contains("alice") || path.contains(".lock"), "{path}");
    }
    assert!(answer.contains("renew it with \"certs renew alice\""), "{answer}");
    good(&place, &["renew", "alice"]);
    assert_eq!(verify(place.path(), "alice", "sslclient"), "alice/tls.crt: OK\n");
}

#[test]
fn init_for_another_namespace_or_trust_domain_is_refused() {
    let place = tempfile::tempdir().unwrap();
    good(&place, &["init", "--namespace", "shop", "--trust-domain", "example.org"]);
    good(&place, &["issue", "alice", "--spiffe", "spiffe://mtls-demo.local/ns/default/sa/alice"]);
    good(&place, &["init", "--namespace", "shop", "--trust-domain", "example.org"]);
    let before = files(place.path());

    for (arguments, other) in [
        (["--namespace", "demo"].as_slice(), "namespace demo, trust domain example.org"),
        (&["--trust-domain", "demo.local"], "namespace shop, trust domain demo.local"),
        (
            &["--namespace", "default", "--trust-domain", "mtls-demo.local"],
            "namespace default, trust domain mtls-demo.local",
        ),
        (&["--namespace", "demo", "--force"], "namespace demo, trust domain example.org"),
    ] {
        let words = bad(&place, 1, &[&["init"], arguments].concat());

        let here = place.path().display();
        let of = format!("{here} is of namespace shop, trust domain example.org, and {other} was");
        assert!(words.contains(&of), "{words}");
        assert!(words.contains(&format!("\"--dir {here}-")), "{words}");
        assert_eq!(files(place.path()), before, "{arguments:?}");
    }
}

#[test]
fn init_without_a_namespace_keeps_that_of_the_directory() {
    let place = tempfile::tempdir().unwrap();
    good(&place, &["init", "--namespace", "demo", "--trust-domain", "example.org"]);
    good(&place, &["revoke", "gateway"]);

    let answer = good(&place, &["init"]);

    assert!(answer.contains("gateway         replaced, because it was revoked: both"), "{answer}");
    let text = openssl(place.path(), &["x509", "-noout", "-text", "-in", "gateway/tls.crt"]);
    assert!(text.contains("URI:spiffe://example.org/ns/demo/sa/gateway"), "{text}");
}

#[test]
fn init_says_by_when_the_first_identity_must_be_renewed() {
    let place = tempfile::tempdir().unwrap();

    let answer = good(&place, &["init"]);

    let date = openssl(
        place.path(),
        &["x509", "-noout", "-enddate", "-dateopt", "iso_8601", "-in", "api-service/tls.crt"],
    );
    let date = date.trim().trim_start_matches("notAfter=").replace(' ', "T");
    assert!(answer.contains(&format!("renew them by {date}: \"certs renew --all\"")), "{answer}");
}

#[test]
fn init_killed_at_any_moment_is_completed_by_the_next_run() {
    for force in [false, true] {
        let arguments: &[&str] = if force { &["init", "--force"] } else { &["init"] };
        let place = tempfile::tempdir().unwrap();
        let started = Instant::now();
        good(&place, arguments);
        let whole = started.elapsed();

        // The kills are spread over one whole run.
        for moment in 0..40 {
            let place = if force { &place } else { &tempfile::tempdir().unwrap() };
            let mut child = start(place, arguments);
            std::thread::sleep(whole * moment / 40);
            child.kill().unwrap();
            child.wait().unwrap();

            good(place, &["init"]);

            for (name, purpose) in [
                ("api-service", "sslserver"),
                ("client-service", "sslclient"),
                ("gateway", "sslclient"),
            ] {
                let verdict = verify(place.path(), name, purpose);
                assert_eq!(verdict, format!("{name}/tls.crt: OK\n"));
            }
            let mut left =
                fs::read_dir(place.path()).unwrap().map(|entry| entry.unwrap().file_name());
            assert!(!left.any(|name| name.to_string_lossy().starts_with(".unfinished")));
        }
    }
}
