//! `certs list`: the states of a leaf.

use time::{OffsetDateTime, format_description::well_known::Rfc3339};

use crate::good;

#[test]
fn list_shows_the_state_of_each_leaf_without_colour_in_a_pipe() {
    let place = tempfile::tempdir().unwrap();
    good(&place, &["init"]);
    let long_ago = OffsetDateTime::now_utc() - time::Duration::days(21);
    let long_ago = long_ago.format(&Rfc3339).unwrap();
    let tomorrow = OffsetDateTime::now_utc() + time::Duration::days(1);
    let tomorrow = tomorrow.format(&Rfc3339).unwrap();
    good(&place, &["issue", "stolen"]);
    good(&place, &["issue", "old", "--not-before", "2020-01-01T00:00:00Z", "--lifetime", "30d"]);
    good(&place, &["issue", "brief", "--lifetime", "100s"]);
    good(&place, &["issue", "late", "--not-before", &long_ago]);
    good(&place, &["issue", "early", "--not-before", &tomorrow, "--lifetime", "1d"]);
    good(&place, &["revoke", "stolen", "--reason", "key-compromise"]);

    let answer = good(&place, &["list"]);

    let row = |name: &str| {
        let line = answer.lines().find(|line| line.starts_with(name)).unwrap();
        line.split("  ").map(str::trim).filter(|cell| !cell.is_empty()).collect::<Vec<_>>()
    };
    assert_eq!(row("NAME"), ["NAME", "SERIAL", "FOR", "LEFT", "STATE", "NAMES"]);
    assert_eq!(row("gateway")[2..5], ["both", "29d", "good"]);
    assert_eq!(row("gateway")[1].len(), 32);
    assert!(
        row("stolen")[4].starts_with("revoked 20")
            && row("stolen")[4].ends_with("(key-compromise)")
    );
    assert_eq!(row("old")[3..], ["ended", "expired", "-"]);
    assert_eq!(row("brief")[4], "good");
    assert_eq!(row("early")[4], "not valid yet");
    assert_eq!(row("late")[4], "expires soon");
    assert!(!answer.contains('\u{1b}'));
    assert!(answer.contains("; revocation list 2: 29d left\n"), "{answer}");
}
