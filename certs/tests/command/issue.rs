//! `certs issue`: the requested names, and the refusals.

use std::fs;
use std::process::Child;

use crate::{bad, good, openssl, start};

#[test]
fn issue_adds_the_requested_names_and_nothing_else() {
    let place = tempfile::tempdir().unwrap();
    good(&place, &["init"]);

    good(&place, &["issue", "bare"]);
    good(
        &place,
        &[
            "issue",
            "db",
            "--usage",
            "server",
            "--dns",
            "db",
            "--dns",
            "db.local",
            "--ip",
            "10.0.0.7",
            "--spiffe",
            "spiffe://a/db",
            "--email",
            "a@b",
            "--organizational-unit",
            "data",
            "--key",
            "ecdsa-p384",
            "--not-after",
            "2021-01-01T00:00:00+02:00",
            "--not-before",
            "2020-01-01T00:00:00Z",
        ],
    );

    let bare = openssl(place.path(), &["x509", "-noout", "-text", "-in", "bare/tls.crt"]);
    let db = openssl(place.path(), &["x509", "-noout", "-text", "-in", "db/tls.crt"]);
    assert!(bare.contains("Subject: CN = bare\n"), "{bare}");
    assert!(!bare.contains("Alternative Name"), "{bare}");
    assert!(bare.contains("TLS Web Client Authentication\n"), "{bare}");
    for expected in [
        "Subject: CN = db, OU = data\n",
        "DNS:db, DNS:db.local, IP Address:10.0.0.7, URI:spiffe://a/db, email:a@b\n",
        "TLS Web Server Authentication\n",
        "Not Before: Jan  1 00:00:00 2020 GMT",
        "Not After : Dec 31 22:00:00 2020 GMT",
        "NIST CURVE: P-384",
    ] {
        assert!(db.contains(expected), "{expected} in {db}");
    }
}

#[test]
fn issue_refuses_a_name_that_exists() {
    let place = tempfile::tempdir().unwrap();
    good(&place, &["init"]);

    let words = bad(&place, 1, &["issue", "gateway"]);

    let path = place.path().join("gateway");
    assert_eq!(
        words,
        format!(
            "error: {} exists already: renew it with \"certs renew gateway\", or choose another \
             name\n",
            path.display()
        )
    );
}

#[test]
fn issue_reports_all_invalid_arguments_together() {
    let place = tempfile::tempdir().unwrap();
    good(&place, &["init"]);

    let words = bad(
        &place,
        1,
        &[
            "issue",
            "../a",
            "--usage",
            "serve",
            "--key",
            "dsa",
            "--lifetime",
            "30",
            "--dns",
            "a b",
            "--ip",
            "localhost",
            "--spiffe",
            "spiffe://A/b",
            "--email",
            "a",
            "--not-before",
            "today",
        ],
    );

    let starts: Vec<&str> = words.lines().map(|line| line.split(':').nth(1).unwrap()).collect();
    assert_eq!(
        starts,
        [
            " \"../a\" is not a name for an identity",
            " \"serve\" is not a usage",
            " \"dsa\" is not a key algorithm",
            " \"30\" is not a lifetime",
            " --not-before \"today\" is not a date",
            " \"a b\" is not a DNS name",
            " \"localhost\" is not an IP address",
            " \"spiffe",
            " \"a\" is not a mail address",
        ]
    );
    assert!(words.lines().all(|line| line.starts_with("error: ")));
}

#[test]
fn ten_issued_at_once_are_all_in_the_record() {
    let place = tempfile::tempdir().unwrap();
    good(&place, &["init"]);

    let children: Vec<Child> =
        (0..10).map(|number| start(&place, &["issue", &format!("n{number}")])).collect();
    for child in children {
        assert!(child.wait_with_output().unwrap().status.success());
    }

    let record = fs::read_to_string(place.path().join("ca/issued.json")).unwrap();
    let record: serde_json::Value = serde_json::from_str(&record).unwrap();
    let issued = record["issued"].as_array().unwrap();
    assert_eq!(issued.len(), 13);
    for number in 0..10 {
        let name = format!("n{number}");
        let entry = issued.iter().find(|entry| entry["name"] == name.as_str()).unwrap();
        let serial = openssl(
            place.path(),
            &["x509", "-noout", "-serial", "-in", &format!("{name}/tls.crt")],
        );
        let recorded = entry["serial"].as_str().unwrap().to_uppercase();
        assert_eq!(serial, format!("serial={recorded}\n"));
    }
}
