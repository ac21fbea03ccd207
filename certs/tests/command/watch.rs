//! `certs watch`: renews in time, continues after failures, and stops on a signal.

use std::{
    fs,
    io::{BufRead, BufReader},
    process::{Child, Command},
    sync::mpsc::{Receiver, channel},
    thread,
    time::{Duration, Instant},
};

use tempfile::TempDir;
use time::OffsetDateTime;

use crate::{bad, files, good, openssl, start, verify};

#[test]
fn a_leaf_of_a_few_seconds_is_renewed_before_it_expires_repeatedly() {
    let place = tempfile::tempdir().unwrap();
    good(&place, &["init"]);
    let issue = ["issue", "brief", "--dns", "brief", "--usage", "both", "--lifetime", "6s"];
    good(&place, &[&issue[..], &["--key", "ecdsa-p384"]].concat());
    let before = files(place.path());
    let watch = Watching::start(&place, &[]);

    for _ in 0..3 {
        let line = watch.line();

        assert!(line.starts_with("brief           renewed: serial "), "{line}");
        assert_eq!(verify(place.path(), "brief", "sslserver"), "brief/tls.crt: OK\n");
    }

    assert_eq!(watch.end("TERM"), (Some(0), String::new()));
    let text = openssl(place.path(), &["x509", "-noout", "-text", "-in", "brief/tls.crt"]);
    for kept in ["DNS:brief\n", "NIST CURVE: P-384", "TLS Web Server Authentication, TLS Web Cl"] {
        assert!(text.contains(kept), "{kept} in {text}");
    }
    let after = files(place.path());
    for (path, _) in before.iter().filter(|file| !after.contains(file)) {
        assert!(["brief/tls.crt", "brief/tls.key", "ca/issued.json"].contains(&path.as_str()));
    }
}

#[test]
fn a_list_about_to_expire_is_renewed_with_its_entries_and_distributed() {
    let place = tempfile::tempdir().unwrap();
    good(&place, &["init"]);
    good(&place, &["revoke", "gateway"]);
    let path = place.path().join("ca/issued.json");
    let mut record: serde_json::Value =
        serde_json::from_str(&fs::read_to_string(&path).unwrap()).unwrap();
    record["authorities"][0]["listThisUpdate"] = "2020-01-01T00:00:00Z".into();
    record["authorities"][0]["listNextUpdate"] = "2020-02-01T00:00:00Z".into();
    fs::write(&path, record.to_string()).unwrap();

    let watch = Watching::start(&place, &[]);
    let line = watch.line();

    assert!(
        line.starts_with("revocation list renewed: number 3 of mtls-demo authority "),
        "{line}"
    );
    assert_eq!(watch.end("INT"), (Some(0), String::new()));
    for name in ["api-service", "gateway"] {
        let list = format!("{name}/ca.crl");
        let text = openssl(place.path(), &["crl", "-noout", "-text", "-in", &list]);
        assert!(text.contains("Serial Number: "), "{text}");
        assert!(text.contains("X509v3 CRL Number: \n                3\n"), "{text}");
    }
}

#[test]
fn a_failure_is_reported_and_retried_and_revoked_leaves_stay_revoked() {
    let place = tempfile::tempdir().unwrap();
    good(&place, &["init"]);
    good(&place, &["issue", "revoked", "--lifetime", "3s"]);
    good(&place, &["revoke", "revoked"]);
    good(&place, &["issue", "brief", "--lifetime", "3s"]);
    let key = place.path().join("ca/ca.key");
    let aside = place.path().join("aside");
    fs::rename(&key, &aside).unwrap();

    let watch = Watching::start(&place, &["--every", "1s"]);
    let failure = watch.failure();
    fs::rename(&aside, &key).unwrap();
    let line = watch.line();

    assert!(failure.contains("restore its ca.crt and ca.key"), "{failure}");
    assert!(failure.ends_with("; trying again in 1s"), "{failure}");
    assert!(line.starts_with("brief           renewed: serial "), "{line}");
    let (code, _) = watch.end("TERM");
    assert_eq!(code, Some(0));
    let list = good(&place, &["list", "--all"]);
    assert_eq!(list.lines().filter(|line| line.starts_with("revoked")).count(), 1, "{list}");
}

#[test]
fn the_lock_is_free_while_it_sleeps_and_a_signal_stops_it_on_the_lock() {
    let place = tempfile::tempdir().unwrap();
    good(&place, &["init"]);
    let watch = Watching::start(&place, &["--every", "1s"]);
    good(&place, &["issue", "alice"]);
    good(&place, &["issue", "brief", "--lifetime", "2s"]);
    assert!(watch.line().starts_with("brief "));

    let locked = authority::Directory::new(place.path()).lock().unwrap();
    let ends = OffsetDateTime::now_utc() + time::Duration::seconds(3);
    while OffsetDateTime::now_utc() < ends {
        thread::yield_now();
    }
    let (code, _) = watch.end("TERM");

    assert_eq!(code, Some(0));
    drop(locked);
}

#[test]
fn a_leaf_that_expires_within_the_span_is_renewed_and_invalid_spans_are_refused() {
    let place = tempfile::tempdir().unwrap();
    good(&place, &["init"]);
    good(&place, &["issue", "brief", "--lifetime", "100s"]);

    // Its last third begins long after the deadline of this test.
    let watch = Watching::start(&place, &["--within", "99s"]);
    let line = watch.line();

    assert!(line.starts_with("brief           renewed: serial "), "{line}");
    assert_eq!(watch.end("TERM"), (Some(0), String::new()));
    let words = bad(&place, 1, &["watch", "--every", "often", "--within", "5"]);
    assert_eq!(words.lines().count(), 2, "{words}");
}

#[test]
fn one_failed_renewal_does_not_delay_the_others() {
    let place = tempfile::tempdir().unwrap();
    good(&place, &["init"]);
    good(&place, &["issue", "bad", "--lifetime", "2s"]);
    good(&place, &["issue", "good", "--lifetime", "6s"]);
    // A directory that is not empty is where the key should be written.
    let key = place.path().join("bad/tls.key");
    fs::remove_file(&key).unwrap();
    fs::create_dir_all(key.join("in-the-way")).unwrap();

    let watch = Watching::start(&place, &[]);
    let failure = watch.failure();

    assert!(
        failure.starts_with("error: bad could not be renewed: cannot write into "),
        "{failure}"
    );
    for _ in 0..3 {
        assert!(watch.line().starts_with("good            renewed: serial "));
        assert_eq!(verify(place.path(), "good", "sslclient"), "good/tls.crt: OK\n");
    }
}

struct Watching {
    child: Child,
    failures: Receiver<String>,
    lines: Receiver<String>,
}

impl Watching {
    fn start(place: &TempDir, arguments: &[&str]) -> Self {
        let mut child = start(place, &[&["watch"], arguments].concat());
        let lines = lines_of(child.stdout.take().unwrap());
        let failures = lines_of(child.stderr.take().unwrap());
        let watching = Self { child, failures, lines };
        assert!(watching.line().starts_with("watching "));
        watching
    }

    fn line(&self) -> String {
        self.lines.recv_timeout(DEADLINE).unwrap()
    }

    fn failure(&self) -> String {
        self.failures.recv_timeout(DEADLINE).unwrap()
    }

    /// Its exit code, and its standard error.
    fn end(mut self, signal: &str) -> (Option<i32>, String) {
        let process = self.child.id().to_string();
        assert!(Command::new("kill").args(["-s", signal, &process]).status().unwrap().success());
        let deadline = Instant::now() + DEADLINE;
        while self.child.try_wait().unwrap().is_none() {
            assert!(Instant::now() < deadline, "it goes on after SIG{signal}");
            thread::yield_now();
        }
        let code = self.child.wait().unwrap().code();
        (code, self.failures.iter().collect::<Vec<_>>().join("\n"))
    }
}

impl Drop for Watching {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn lines_of(stream: impl std::io::Read + Send + 'static) -> Receiver<String> {
    let (sender, receiver) = channel();
    thread::spawn(move || {
        for line in BufReader::new(stream).lines() {
            if sender.send(line.unwrap()).is_err() {
                return;
            }
        }
    });
    receiver
}

const DEADLINE: Duration = Duration::from_secs(30);
