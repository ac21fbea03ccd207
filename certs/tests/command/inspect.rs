//! `certs inspect PATH`: files, directories, and other input.

use std::fs;
use std::path::Path;

use authority::{Authority, AuthorityRequest, LeafRequest, Usage};
use time::{OffsetDateTime, format_description::well_known::Rfc3339};

use crate::{bad, good, openssl, unfit};

fn at(place: &tempfile::TempDir, name: &str) -> String {
    place.path().join(name).display().to_string()
}

fn field(place: &Path, file: &str, option: &str) -> String {
    let text = openssl(place, &["x509", "-noout", option, "-in", file]);
    text.trim().split_once('=').unwrap().1.to_owned()
}

#[test]
fn everything_in_a_certificate_is_shown_as_openssl_reads_it() {
    let place = tempfile::tempdir().unwrap();
    good(&place, &["init"]);
    good(
        &place,
        &["issue", "alice", "--email", "a@b.example", "--ip", "10.0.0.7", "--key", "rsa-2048"],
    );
    let record = fs::read_to_string(place.path().join("ca/issued.json")).unwrap();
    let record: serde_json::Value = serde_json::from_str(&record).unwrap();
    let entry = record["issued"].as_array().unwrap().last().unwrap();
    let authority = record["authorities"][0]["keyIdentifier"].as_str().unwrap();
    let issuer = format!("O=mtls-demo,CN=mtls-demo authority {}", &authority[..8]);
    let own = openssl(
        place.path(),
        &["x509", "-noout", "-ext", "subjectKeyIdentifier", "-in", "alice/tls.crt"],
    );
    let own = own.lines().last().unwrap().trim().replace(':', "").to_lowercase();

    let answer = good(&place, &["inspect", &at(&place, "alice/tls.crt")]);

    let serial = field(place.path(), "alice/tls.crt", "-serial").to_lowercase();
    let fingerprint = openssl(
        place.path(),
        &["x509", "-noout", "-sha256", "-fingerprint", "-in", "alice/tls.crt"],
    );
    let fingerprint = fingerprint.trim().split_once('=').unwrap().1.to_owned();
    let (from, to) = (entry["notBefore"].as_str().unwrap(), entry["notAfter"].as_str().unwrap());
    let expected = [
        format!("{}: certificate 1 of 1", at(&place, "alice/tls.crt")),
        "  subject                   CN=alice".to_owned(),
        format!("  issuer                    {issuer}"),
        format!("  serial number             {serial}"),
        format!("  valid from                {from}"),
        format!("  valid to                  {to} (29d left)"),
        "  key                       RSA, 2048 bits".to_owned(),
        "  signed with               ecdsa-with-SHA256".to_owned(),
        format!("  fingerprint (SHA-256)     {fingerprint}"),
        format!("  authorityKeyIdentifier    {authority}"),
        "  subjectAltName            IP 10.0.0.7, mail a@b.example".to_owned(),
        "  keyUsage                  digitalSignature (critical)".to_owned(),
        "  extendedKeyUsage          clientAuth".to_owned(),
        format!("  subjectKeyIdentifier      {own}"),
        "  basicConstraints          a leaf, no authority (critical)".to_owned(),
    ];
    assert_eq!(answer.lines().collect::<Vec<_>>(), expected);
}

#[test]
fn a_chain_is_shown_leaf_first_with_constraints_and_unknown_extensions() {
    let place = tempfile::tempdir().unwrap();
    let root = Authority::generate(&AuthorityRequest::default()).unwrap();
    let request =
        AuthorityRequest::intermediate().permit_dns("example.org").exclude_dns("x.example.org");
    let intermediate = root.issue_intermediate(&request).unwrap();
    let leaf = intermediate
        .issue(
            &LeafRequest::new("a")
                .usage(Usage::Unstated)
                .extension(&[1, 3, 6, 1, 4, 1, 99999, 1], true, &[5, 0])
                .not_before(OffsetDateTime::now_utc() - time::Duration::days(40))
                .not_after(OffsetDateTime::now_utc() - time::Duration::days(10))
                .outliving_its_issuer(),
        )
        .unwrap();
    fs::write(place.path().join("chain.pem"), leaf.chain_pem()).unwrap();

    let answer = good(&place, &["inspect", &at(&place, "chain.pem")]);

    let (first, second) = answer.split_once("\n\n").unwrap();
    assert!(first.starts_with(&format!("{}: certificate 1 of 2\n", at(&place, "chain.pem"))));
    assert!(first.contains("\n  1.3.6.1.4.1.99999.1       0500 (critical)"), "{first}");
    assert!(first.contains(" (ended 10d ago)\n"), "{first}");
    assert!(!first.contains("extendedKeyUsage"), "{first}");
    assert!(second.starts_with(&format!("{}: certificate 2 of 2\n", at(&place, "chain.pem"))));
    let constraints = "permits DNS example.org; excludes DNS x.example.org";
    assert!(second.contains(&format!("\n  nameConstraints           {constraints}")), "{second}");
    let basic = "an authority, path length 0 (critical)";
    assert!(second.contains(&format!("\n  basicConstraints          {basic}\n")), "{second}");
}

#[test]
fn only_the_kind_and_the_certificate_of_a_private_key_are_shown() {
    let place = tempfile::tempdir().unwrap();
    good(&place, &["init"]);
    good(&place, &["issue", "alice", "--key", "ed25519"]);
    fs::copy(place.path().join("gateway/tls.key"), place.path().join("lone.key")).unwrap();
    let key = |name: &str| {
        let answer = good(&place, &["inspect", &at(&place, name)]);
        let secret = fs::read_to_string(place.path().join(name)).unwrap();
        let secret = secret.lines().nth(1).unwrap();
        assert!(!answer.contains(secret));
        answer
    };

    let certificate = at(&place, "alice/tls.crt");
    let expected = |file: &str, kind: &str, fits: &str| {
        format!(
            "{}: private key\n  key                       {kind}\n  fits                      \
             {fits}\n",
            at(&place, file)
        )
    };
    let fits = format!("the certificate in {certificate}");
    let kind = "Ed25519, 256 bits";
    assert_eq!(key("alice/tls.key"), expected("alice/tls.key", kind, &fits));

    fs::copy(place.path().join("gateway/tls.key"), place.path().join("alice/tls.key")).unwrap();
    let kind = "EC P-256, 256 bits";
    let fits = format!("NOT the certificate in {certificate}");
    assert_eq!(key("alice/tls.key"), expected("alice/tls.key", kind, &fits));
    let fits = "unknown: there is no certificate beside it";
    assert_eq!(key("lone.key"), expected("lone.key", kind, fits));
}

#[test]
fn a_revocation_list_is_shown_with_its_entries_and_whether_it_is_stale() {
    let place = tempfile::tempdir().unwrap();
    let root = Authority::generate(&AuthorityRequest::default()).unwrap();
    let leaf = root.issue(&LeafRequest::new("a")).unwrap();
    let made = OffsetDateTime::from_unix_timestamp(1_600_000_000).unwrap();
    let request = authority::RevocationListRequest::new(300)
        .this_update(made)
        .next_update(made + time::Duration::days(30))
        .revoke(leaf.serial(), authority::RevocationReason::Superseded);
    let list = root.revocation_list(&request).unwrap();
    fs::write(place.path().join("old.crl"), list.pem()).unwrap();

    let answer = good(&place, &["inspect", &at(&place, "old.crl")]);
    let json = good(&place, &["inspect", &at(&place, "old.crl"), "--json"]);

    let rows: Vec<&str> = answer.lines().collect();
    assert_eq!(
        rows[2..4],
        ["  number                    012c", "  made                      2020-09-13T12:26:40Z",]
    );
    assert!(
        rows[4].starts_with("  next one due              2020-10-13T12:26:40Z (STALE since then, ")
    );
    assert_eq!(rows[5], "  revoked                   1");
    assert!(rows[6].starts_with(&format!("  {}  ", leaf.serial())), "{answer}");
    assert!(rows[6].ends_with("Z, superseded"), "{answer}");
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    let list = &json["revocationLists"][0];
    assert_eq!(list["stale"], true);
    assert_eq!(list["number"], "012c");
    assert_eq!(list["revoked"][0]["reason"], "superseded");
    let at = list["revoked"][0]["at"].as_str().unwrap();
    OffsetDateTime::parse(at, &Rfc3339).unwrap();
}

#[test]
fn a_directory_is_shown_whole_and_missing_files_are_reported() {
    let place = tempfile::tempdir().unwrap();
    good(&place, &["init"]);
    let heads = |answer: &str| {
        let heads = answer.lines().filter(|line| !line.starts_with(' ') && !line.is_empty());
        heads.map(|line| line.replace(&at(&place, ""), "")).collect::<Vec<_>>()
    };

    let whole = good(&place, &["inspect", &at(&place, "gateway")]);
    let authority = good(&place, &["inspect", &at(&place, "ca")]);
    fs::remove_file(place.path().join("gateway/tls.key")).unwrap();
    fs::remove_file(place.path().join("gateway/ca.crl")).unwrap();
    fs::write(place.path().join("gateway/ca.crt"), "garbage").unwrap();
    let broken = unfit(&place, &["inspect", &at(&place, "gateway")]);

    assert_eq!(
        heads(&whole),
        [
            "gateway/tls.crt: certificate 1 of 1",
            "gateway/tls.key: private key",
            "gateway/ca.crt: certificate 1 of 1",
            "gateway/ca.crl: revocation list",
        ]
    );
    assert_eq!(
        heads(&authority),
        ["ca/ca.crt: certificate 1 of 1", "ca/ca.key: private key", "ca/ca.crl: revocation list",]
    );
    assert_eq!(
        heads(&broken),
        [
            "gateway/tls.crt: certificate 1 of 1",
            "no file gateway/ca.crl: nothing is known of revocations",
            "no file gateway/tls.key",
            "no certificate, private key or revocation list in gateway/ca.crt: give a file in PEM",
        ]
    );
}

#[test]
fn a_certificate_has_the_common_json_form() {
    let place = tempfile::tempdir().unwrap();
    good(&place, &["init"]);

    let answer = good(&place, &["inspect", &at(&place, "api-service"), "--json"]);

    let json: serde_json::Value = serde_json::from_str(&answer).unwrap();
    let certificate = json["files"][0]["certificates"][0].as_object().unwrap();
    let names: Vec<&str> = certificate.keys().map(String::as_str).collect();
    assert_eq!(
        names,
        [
            "subject",
            "issuer",
            "serialNumber",
            "fingerprint256",
            "validFrom",
            "validTo",
            "subjectAltNames",
            "spiffeId",
            "keyUsage",
            "extendedKeyUsage",
            "publicKey",
            "signatureAlgorithm",
            "chain",
            "daysLeft",
            "extensions",
        ]
    );
    assert_eq!(certificate["daysLeft"], 29);
    assert_eq!(
        certificate["extensions"][2],
        serde_json::json!({
            "oid": "2.5.29.15", "name": "keyUsage", "critical": true, "value": "digitalSignature",
        })
    );
    let key = &json["files"][1]["privateKeys"][0];
    assert_eq!(key["fits"], true);
    assert_eq!(key["kind"]["curve"], "P-256");
}

#[test]
fn input_that_cannot_be_shown_gets_one_clear_line() {
    let place = tempfile::tempdir().unwrap();
    good(&place, &["init"]);
    fs::write(place.path().join("garbage"), "none of it").unwrap();
    fs::create_dir(place.path().join("empty")).unwrap();
    let pem = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    fs::write(place.path().join("bad.pem"), pem).unwrap();
    openssl(
        place.path(),
        &["x509", "-in", "gateway/tls.crt", "-outform", "DER", "-out", "gateway.der"],
    );
    openssl(
        place.path(),
        &["pkey", "-in", "gateway/tls.key", "-aes256", "-passout", "pass:x", "-out", "closed.key"],
    );

    for (name, words) in [
        ("missing", "cannot read {}: No such file or directory (os error 2)"),
        ("garbage", "no certificate, private key or revocation list in {}: give a file in PEM"),
        (
            "empty",
            "no identity in {}: give a directory with tls.crt, tls.key, ca.crt, ca.crl, or a PEM \
             file",
        ),
        (
            "gateway.der",
            "{} is not PEM, but perhaps DER: try \"openssl x509 -inform DER -in {} -out FILE.pem\"",
        ),
        (
            "closed.key",
            "garbage in {}: line 1: the private key is encrypted: decrypt it with \
             \"openssl pkey -in {} -out {}\"",
        ),
    ] {
        let path = at(&place, name);
        let expected = format!("error: {}\n", words.replace("{}", &path));
        assert_eq!(bad(&place, 1, &["inspect", &path]), expected);
    }
    let words = bad(&place, 1, &["inspect", &at(&place, "bad.pem")]);
    let start = format!(
        "error: garbage in {}: certificate 1 is not an X.509 certificate: ",
        at(&place, "bad.pem")
    );
    assert!(words.starts_with(&start), "{words}");
    assert_eq!(
        bad(&place, 1, &["inspect", "localhost:3000"]),
        "error: cannot read localhost:3000: No such file or directory (os error 2); a server is \
         https://localhost:3000\n"
    );
}

#[test]
fn control_characters_in_a_name_do_not_reach_the_terminal() {
    let place = tempfile::tempdir().unwrap();
    let root =
        Authority::generate(&AuthorityRequest::default().common_name("e\u{1b}[2Jve")).unwrap();
    fs::write(place.path().join("eve.pem"), root.root().pem()).unwrap();

    let answer = good(&place, &["inspect", &at(&place, "eve.pem")]);

    assert!(!answer.contains('\u{1b}'), "{answer}");
    assert!(answer.contains("CN=e\\1B[2Jve"), "{answer}");
}
