//! `certs rollover`, killed at many points of each step, and run again.

use std::{fs, path::Path, time::Instant};

use tempfile::TempDir;

use crate::rollover::all_verify;
use crate::{good, start};

#[test]
fn begin_killed_at_any_point_is_completed_by_the_same_command() {
    let roots = killed(&[], "begin");

    assert_eq!(roots, 2);
}

#[test]
fn issue_killed_at_any_point_is_completed_by_the_same_command() {
    let roots = killed(&["begin"], "issue");

    assert_eq!(roots, 2);
}

#[test]
fn finish_killed_at_any_point_is_completed_by_the_same_command() {
    let roots = killed(&["begin", "issue"], "finish");

    assert_eq!(roots, 1);
}

#[test]
fn abort_killed_at_any_point_is_completed_by_the_same_command() {
    let roots = killed(&["begin", "issue"], "abort");

    assert_eq!(roots, 1);
}

#[test]
fn a_finish_that_was_killed_before_its_end_can_still_be_aborted() {
    let prepared = prepare(&["begin", "issue"]);
    let whole = whole_run(&prepared, "finish");

    for moment in 0..MOMENTS {
        let place = copy(&prepared);
        kill(&place, "finish", whole * moment / MOMENTS);

        let over = good(&place, &["rollover", "status"]).contains("the last one is finished");
        good(&place, &["rollover", if over { "finish" } else { "abort" }]);

        assert_eq!(check(place.path()), 1);
    }
}

/// Kills the step at points spread over one whole run, and returns the number of roots that
/// the directories trust after the second run.
fn killed(before: &[&str], step: &str) -> usize {
    let prepared = prepare(before);
    let whole = whole_run(&prepared, step);
    let mut roots = Vec::new();
    for moment in 0..MOMENTS {
        let place = copy(&prepared);
        kill(&place, step, whole * moment / MOMENTS);

        good(&place, &["rollover", step]);

        roots.push(check(place.path()));
        good(&place, &["issue", "late"]);
    }
    roots.dedup();
    assert_eq!(roots.len(), 1, "{roots:?}");
    roots[0]
}

/// All leaves are valid, all directories trust the same, and no temporary file is left.
fn check(place: &Path) -> usize {
    all_verify(place);
    let read = |path: &str| fs::read_to_string(place.join(path)).unwrap();
    for name in ["api-service", "client-service", "gateway"] {
        for file in ["ca.crt", "ca.crl"] {
            assert_eq!(read(&format!("{name}/{file}")), read(&format!("ca/{file}")));
        }
    }
    let roots = read("ca/ca.crt").matches("BEGIN CERTIFICATE").count();
    assert_eq!(read("ca/ca.crl").matches("BEGIN X509 CRL").count(), roots);
    assert_eq!(place.join("ca/next.key").exists(), roots == 2);
    for directory in ["", "ca", "api-service", "client-service", "gateway"] {
        for entry in fs::read_dir(place.join(directory)).unwrap() {
            let name = entry.unwrap().file_name().into_string().unwrap();
            assert!(name == ".lock" || !name.starts_with('.'), "{directory}/{name}");
        }
    }
    roots
}

fn prepare(steps: &[&str]) -> TempDir {
    let place = tempfile::tempdir().unwrap();
    good(&place, &["init"]);
    for step in steps {
        good(&place, &["rollover", step]);
    }
    place
}

fn whole_run(prepared: &TempDir, step: &str) -> std::time::Duration {
    let place = copy(prepared);
    let started = Instant::now();
    good(&place, &["rollover", step]);
    started.elapsed()
}

fn kill(place: &TempDir, step: &str, after: std::time::Duration) {
    let mut child = start(place, &["rollover", step]);
    std::thread::sleep(after);
    child.kill().unwrap();
    child.wait().unwrap();
}

fn copy(prepared: &TempDir) -> TempDir {
    let place = tempfile::tempdir().unwrap();
    for entry in fs::read_dir(prepared.path()).unwrap() {
        let entry = entry.unwrap();
        if entry.path().is_dir() {
            let to = place.path().join(entry.file_name());
            fs::create_dir(&to).unwrap();
            for file in fs::read_dir(entry.path()).unwrap() {
                let file = file.unwrap();
                fs::copy(file.path(), to.join(file.file_name())).unwrap();
            }
        }
    }
    place
}

const MOMENTS: u32 = 20;
