//! `certs renew`: the option `--within`.

use crate::{files, good};

#[test]
fn renew_renews_only_leaves_that_expire_within_the_span() {
    let place = tempfile::tempdir().unwrap();
    good(&place, &["init"]);
    good(&place, &["issue", "brief", "--lifetime", "5d"]);
    let before = files(place.path());

    let answer = good(&place, &["renew", "--all", "--within", "10d"]);

    assert_eq!(answer.matches("unchanged: it does not end that soon").count(), 3, "{answer}");
    assert!(answer.contains("brief           renewed: serial "), "{answer}");
    let after = files(place.path());
    let changed: Vec<&str> =
        before.iter().filter(|file| !after.contains(file)).map(|(path, _)| path.as_str()).collect();
    assert_eq!(changed, ["brief/tls.crt", "brief/tls.key", "ca/issued.json"]);
}
