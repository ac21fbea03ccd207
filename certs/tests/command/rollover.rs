//! `certs rollover`: its steps as OpenSSL and the services see them, and its output.

use std::{
    fs,
    path::Path,
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::{Duration, Instant},
};

use mtls::credentials::Credentials;
use mtls::pki::role::Role;
use mtls::pki::trust::Revocation;
use time::OffsetDateTime;

use crate::{bad, good, openssl, start, verify};

#[test]
fn a_rollover_is_reported_step_by_step_and_openssl_accepts_every_leaf() {
    let place = tempfile::tempdir().unwrap();
    good(&place, &["init"]);
    assert!(good(&place, &["rollover", "status"]).contains("not under way: there was none"));

    for (step, status, next) in [
        ("begin", "begun: both roots are trusted, the old one issues", "\"certs rollover issue\""),
        (
            "issue",
            "issuing: both roots are trusted, the new one issues",
            "\"certs rollover finish\"",
        ),
        ("finish", "not under way: the last one is finished", "\"certs rollover begin\""),
    ] {
        good(&place, &["rollover", step]);

        let answer = good(&place, &["rollover", "status"]);
        assert!(answer.contains(status), "{answer}");
        assert!(answer.contains(&format!("next      {next}")), "{answer}");
        all_verify(place.path());
    }

    let list = good(&place, &["list"]);
    assert_eq!(list.matches("  good  ").count(), 3, "{list}");
    assert!(good(&place, &["init"]).starts_with("authority       unchanged: "));
}

#[test]
fn finish_refuses_and_names_what_still_has_a_leaf_of_the_old_root() {
    let place = tempfile::tempdir().unwrap();
    good(&place, &["init"]);
    good(&place, &["issue", "alice"]);
    good(&place, &["rollover", "begin"]);
    good(&place, &["revoke", "alice"]);
    let answer = good(&place, &["rollover", "issue"]);
    assert!(answer.contains("alice           left alone: its leaf is revoked"), "{answer}");

    let words = bad(&place, 1, &["rollover", "finish"]);

    assert!(words.contains(" while a leaf of it is in alice: "), "{words}");
    good(&place, &["renew", "alice"]);
    good(&place, &["rollover", "finish"]);
    assert_eq!(verify(place.path(), "alice", "sslclient"), "alice/tls.crt: OK\n");
}

#[test]
fn abort_goes_back_from_each_step_and_says_so() {
    for steps in [["begin"].as_slice(), &["begin", "issue"]] {
        let place = tempfile::tempdir().unwrap();
        good(&place, &["init"]);
        let root = fs::read(place.path().join("ca/ca.crt")).unwrap();
        for step in steps {
            good(&place, &["rollover", step]);
        }

        let answer = good(&place, &["rollover", "abort"]);

        assert!(answer.contains("one root is in every directory: "), "{answer}");
        for name in ["ca", "api-service", "client-service", "gateway"] {
            assert_eq!(fs::read(place.path().join(name).join("ca.crt")).unwrap(), root);
        }
        all_verify(place.path());
        assert!(good(&place, &["rollover", "status"]).contains("the last one was aborted"));
    }
}

#[test]
fn leaves_issued_during_the_steps_are_valid_in_the_end() {
    let place = tempfile::tempdir().unwrap();
    good(&place, &["init"]);
    let mut running = Vec::new();

    for (number, step) in ["begin", "issue", "issue", "finish"].iter().enumerate() {
        let before = format!("before-{number}");
        let beside = format!("beside-{number}");
        running.push(start(&place, &["issue", &before]));
        let step = start(&place, &["rollover", step]);
        running.push(start(&place, &["issue", &beside]));
        for child in running.drain(..) {
            assert!(child.wait_with_output().unwrap().status.success());
        }
        // A leaf issued just before finish may be of the old root: then finish refuses.
        let output = step.wait_with_output().unwrap();
        let words = String::from_utf8(output.stderr).unwrap();
        assert!(output.status.success() || words.contains("while a leaf of it stands"), "{words}");
    }
    if good(&place, &["rollover", "status"]).contains("issuing") {
        good(&place, &["rollover", "issue"]);
        good(&place, &["rollover", "finish"]);
    }

    all_verify(place.path());
    for number in 0..4 {
        for name in [format!("before-{number}"), format!("beside-{number}")] {
            let verdict = verify(place.path(), &name, "sslclient");
            assert_eq!(verdict, format!("{name}/tls.crt: OK\n"));
        }
    }
}

#[test]
fn a_service_that_reads_at_any_time_finds_a_consistent_set() {
    let place = tempfile::tempdir().unwrap();
    good(&place, &["init"]);
    let done = AtomicBool::new(false);

    let readings = thread::scope(|scope| {
        let readers = [("api-service", Role::Server), ("client-service", Role::Client)].map(
            |(name, role)| {
                let (path, done) = (place.path().join(name), &done);
                scope.spawn(move || follow(&path, role, done))
            },
        );
        for arguments in [
            ["rollover", "begin"].as_slice(),
            &["rollover", "issue"],
            &["revoke", "gateway"],
            &["rollover", "abort"],
            &["renew", "gateway"],
            &["rollover", "begin"],
            &["rollover", "issue"],
            &["renew", "--all"],
            &["rollover", "finish"],
        ] {
            if arguments == ["rollover", "abort"] {
                good(&place, &["renew", "gateway"]);
            }
            good(&place, arguments);
        }
        done.store(true, Ordering::Relaxed);
        readers.map(|reader| reader.join().unwrap())
    });

    for (sets, longest) in readings {
        assert!(sets > 5, "only {sets} sets were seen");
        assert!(longest < Duration::from_secs(2), "unfit for {longest:?}");
    }
}

/// Verifies every leaf of the three identities with the files beside it.
pub(crate) fn all_verify(place: &Path) {
    for (name, purpose) in
        [("api-service", "sslserver"), ("client-service", "sslclient"), ("gateway", "sslclient")]
    {
        assert_eq!(verify(place, name, purpose), format!("{name}/tls.crt: OK\n"));
        let list = openssl(
            place,
            &["crl", "-noout", "-in", &format!("{name}/ca.crl"), "-CAfile", "ca/ca.crt"],
        );
        assert_eq!(list, "verify OK\n");
    }
}

/// Reads the directory repeatedly as a service does: returns how many sets it loaded, and the
/// longest time for which the files did not fit.
fn follow(path: &Path, role: Role, done: &AtomicBool) -> (usize, Duration) {
    let load = || {
        let now = OffsetDateTime::now_utc();
        Credentials::load(path, &[role], Revocation::Required, now)
    };
    let mut good = load().unwrap();
    let (mut sets, mut longest, mut unfit_since) = (1, Duration::ZERO, None);
    while !done.load(Ordering::Relaxed) {
        let found = load().ok().filter(|new| new.trust.goes_back_behind(&good.trust).is_empty());
        let Some(new) = found else {
            let since: Instant = *unfit_since.get_or_insert_with(Instant::now);
            longest = longest.max(since.elapsed());
            continue;
        };
        unfit_since = None;
        let roots = |credentials: &Credentials| credentials.trust.roots().len();
        let changed = new.certificate.serial_number != good.certificate.serial_number
            || roots(&new) != roots(&good);
        sets += usize::from(changed);
        good = new;
    }
    (sets, longest)
}
