//! Who gets data from the API, and who gets nothing, and why. Each is tried by curl over
//! TLS 1.3 and 1.2 and by `openssl s_client`; what the API reports of each is compared with the
//! alert that the stranger received.

use std::fs;
use std::path::PathBuf;

use anyhow::Result;
use authority::{Authority, AuthorityRequest, KeyUsage, LeafRequest, RevocationListRequest, Usage};
use e2e::curl::Curl;
use e2e::deadline::eventually;
use e2e::expected::{Row, RunningApi};
use e2e::openssl::{Client, openssl};
use e2e::pki::TestPki;
use time::{Duration, OffsetDateTime};

#[test]
fn the_good_certificate_gets_the_data_with_every_kind_of_key() -> Result<()> {
    let pki = TestPki::new()?;
    let running = RunningApi::open(&pki, pki.api())?;

    running.accepts("client-service", &pki.identity("client-service"))?;
    running.accepts("gateway", &pki.identity("gateway"))?;
    for key in ["ecdsa-p384", "ed25519", "rsa-2048", "rsa-4096"] {
        running.accepts(key, &pki.issue(key, &["--key", key])?)?;
    }
    let intermediate = pki.authority()?.issue_intermediate(&AuthorityRequest::intermediate())?;
    let leaf = intermediate.issue(&LeafRequest::new("below"))?;
    running.accepts("below", &pki.save("below", &leaf)?)
}

#[test]
fn foreign_clients_are_refused_each_for_its_own_reason() -> Result<()> {
    let pki = TestPki::new()?;
    let running = RunningApi::open(&pki, pki.api())?;
    running.accepts("client-service", &pki.identity("client-service"))?;
    let other_pki = TestPki::new()?;
    let stranger = other_pki.identity("client-service");

    let past = ["--not-before", "2020-01-01T00:00:00Z", "--not-after", "2021-01-01T00:00:00Z"];
    let rows = [
        Row::without_certificate(),
        Row::of(pki.self_signed("authority", true)?, "self-signed", 48),
        Row::of(pki.self_signed("no-authority", false)?, "self-signed", 48),
        Row::of(stranger, "unknown-issuer", 48),
        Row::of(pki.issue("ended", &past)?, "expired", 45),
        Row::of(pki.issue("to-come", &["--not-before", &tomorrow()?])?, "not-yet-valid", 45),
        Row::of(pki.issue("server", &["--usage", "server", "--dns", "it"])?, "wrong-purpose", 43),
        Row::of(pki.identity("api-service"), "wrong-purpose", 43),
    ];

    rows.iter().try_for_each(|row| running.refuses(row))
}

#[test]
fn what_certs_refuses_to_issue_is_refused_too() -> Result<()> {
    let pki = TestPki::new()?;
    let root = pki.authority()?;
    let running = RunningApi::open(&pki, pki.api())?;
    running.accepts("client-service", &pki.identity("client-service"))?;

    let request = LeafRequest::new("client-service");
    let same_name = AuthorityRequest::default().subject_of(&root);
    let same_key = same_name.clone().key_identifier(&key_identifier(&pki)?);
    let unstated = request.clone().usage(Usage::Unstated);
    let lists_only = request.clone().key_usages(&[KeyUsage::CrlSign]);
    let unknown_extension = request.clone().extension(&[1, 3, 6, 1, 4, 1, 99999, 1], true, &[5, 0]);
    let issue = |authority: &Authority, request: &LeafRequest, code, alert| -> Result<Row> {
        Ok(Row::of(pki.save(code, &authority.issue(request)?)?, code, alert))
    };
    let rows = [
        issue(&Authority::generate(&same_name)?, &request, "unknown-issuer", 48)?,
        issue(&Authority::generate(&same_key)?, &request, "bad-signature", 51)?,
        issue(&root, &unstated, "wrong-purpose", 43)?,
        issue(&root, &lists_only, "wrong-purpose", 43)?,
        issue(&root, &unknown_extension, "unknown-extension", 42)?,
    ];

    rows.iter().try_for_each(|row| running.refuses(row))
}

#[test]
fn intermediates_are_verified_too() -> Result<()> {
    let pki = TestPki::new()?;
    let root = pki.authority()?;
    let running = RunningApi::open(&pki, pki.api())?;
    let request = LeafRequest::new("client-service").dns("client-service");
    let below = |request: &AuthorityRequest| root.issue_intermediate(request);
    let plain = AuthorityRequest::intermediate();
    running.accepts("client-service", &pki.save("good", &below(&plain)?.issue(&request)?)?)?;

    let leaf = below(&plain)?.issue(&request)?;
    let alone = pki.save_pem("alone", leaf.certificate().pem(), &leaf.key_pem())?;
    let intermediate = below(&plain)?;
    let chain = intermediate.intermediates_pem();
    let authority = pki.save_pem("authority", &chain, &intermediate.key_pem())?;
    let signs_lists = plain.clone().key_usages(&[KeyUsage::CrlSign]);
    let elsewhere = plain.clone().permit_dns("elsewhere.example");
    let long = below(&plain)?.issue_intermediate(&plain)?;
    let rows = [
        Row::of(alone, "unknown-issuer", 48),
        Row::of(authority, "not-a-leaf", 46),
        Row::of(
            pki.save("lists", &below(&signs_lists)?.issue(&request)?)?,
            "issuer-not-authority",
            46,
        ),
        Row::of(pki.save("names", &below(&elsewhere)?.issue(&request)?)?, "name-constraint", 46),
        Row::of(pki.save("long", &long.issue(&request)?)?, "path-too-long", 46),
    ];

    rows.iter().try_for_each(|row| running.refuses(row))
}

#[test]
fn revoked_clients_and_issuers_without_a_fresh_list_are_refused() -> Result<()> {
    let pki = TestPki::new()?;
    let good = pki.identity("client-service");
    let revoked = pki.issue("revoked", &[])?;
    pki.certs(&["revoke", "revoked", "--reason", "key-compromise"])?;
    let root = pki.authority()?;
    let soon = OffsetDateTime::now_utc() + Duration::seconds(4);
    let list = root.revocation_list(&RevocationListRequest::new(99).next_update(soon))?;
    let hasty = pki.path().join("hasty");
    copy(&pki, "api-service", &hasty)?;
    fs::write(hasty.join("ca.crl"), list.pem())?;
    let below = root.issue_intermediate(&AuthorityRequest::intermediate())?;
    let below = pki.save("below", &below.issue(&LeafRequest::new("below"))?)?;
    let running = RunningApi::open(&pki, pki.api().set("REVOCATION", "required"))?;
    let strict = pki.api().set("REVOCATION", "required").set("CERT_PATH", hasty.display());
    let strict = RunningApi::open(&pki, strict)?;

    running.accepts("client-service", &good)?;
    running.refuses(&Row::of(revoked, "revoked", 44))?;
    running.refuses(&Row::of(below, "revocation-unknown", 48))?;
    strict.accepts("client-service", &good)?;
    eventually("the list to be stale", || {
        let answer = Curl::get(&strict.api.url("/api/data")).presenting(&good).run()?;
        Ok((answer.status == 0).then_some(()))
    })?;
    strict.refuses(&Row::of(good, "revocation-list-stale", 48))
}

#[test]
fn a_key_that_is_too_short_is_refused() -> Result<()> {
    let pki = TestPki::new()?;
    let running = RunningApi::open(&pki, pki.api())?;
    running.accepts("client-service", &pki.identity("client-service"))?;
    let weak = pki.save_pem("weak", "", "")?;
    let key = weak.key().display().to_string();
    openssl(&["genrsa", "-out", &key, "1024"])?;
    let public = openssl(&["pkey", "-in", &key, "-pubout"])?.stdout;
    let leaf = pki.authority()?.issue_for(&public, &LeafRequest::new("weak"))?;
    fs::write(weak.chain(), leaf.pem())?;

    // OpenSSL itself must be talked into it; curl cannot be.
    let client = Client::to(running.api.address, &weak).with(&["-cipher", "DEFAULT@SECLEVEL=0"]);
    let answer = client.presenting(&weak)?.request()?;

    assert!(!answer.stdout.contains("HTTP/1.1"), "{}", answer.stdout);
    assert_eq!(answer.alert, Some(46));
    running.reports("s_client", "unsupported-algorithm", answer.alert)
}

#[test]
fn who_speaks_another_language_is_refused() -> Result<()> {
    let pki = TestPki::new()?;
    let good = pki.identity("client-service");
    let running = RunningApi::open(&pki, pki.api())?;
    running.accepts("client-service", &good)?;

    let client = || Client::to(running.api.address, &good).presenting(&good);
    let answer = client()?.with(&["-alpn", "gopher"]).request()?;
    assert_eq!(answer.alert, Some(120));
    running.reports("gopher", "no-common-protocol", answer.alert)?;

    let answer = client()?.with(&["-tls1_2", "-cipher", "AES128-SHA"]).request()?;
    assert_eq!(answer.alert, Some(40));
    running.reports("old cipher", "unsupported-algorithm", answer.alert)?;

    let plain = running.api.url("/api/data").replace("https", "http");
    let answer = Curl::get(&plain).with(&["--http0.9"]).run()?;
    // RFC 8446, section 6: type alert, version, length 2, fatal, and the alert.
    let alert = answer.body.strip_prefix("\u{15}\u{3}\u{3}\u{0}\u{2}\u{2}");
    let alert = alert.and_then(|rest| rest.bytes().next());
    assert!(alert.is_some(), "{answer:?}");
    running.reports("plain HTTP", "not-tls", alert)
}

#[test]
fn what_is_no_hello_is_refused_and_the_sent_alert_is_reported() -> Result<()> {
    let pki = TestPki::new()?;
    let running = RunningApi::open(&pki, pki.api())?;
    running.accepts("client-service", &pki.identity("client-service"))?;

    // A record of TLS, and in it a handshake message of no known type.
    let alert = running.send(&[0x16, 3, 1, 0, 4, 0xff, 0, 0, 0])?;

    running.reports("no hello", "protocol-error", alert)
}

#[test]
fn a_hostile_name_reaches_the_log_escaped_and_cut() -> Result<()> {
    let pki = TestPki::new()?;
    let running = RunningApi::open(&pki, pki.api())?;
    let good = pki.identity("client-service");
    running.accepts("client-service", &good)?;
    let hostile = pki.self_signed("hostile", false)?;
    let (chain, key) = (hostile.chain().display().to_string(), hostile.key().display().to_string());
    let name = format!("/CN=evil\r\nclient authenticated\u{1b}[31m/OU={}", "x".repeat(60));
    openssl(&["req", "-x509", "-key", &key, "-out", &chain, "-utf8", "-subj", &name])?;

    running.refuses(&Row::of(hostile, "self-signed", 48))?;

    let line = running.api.logged_refusal(&running.api.refusals(1)?[0])?;
    let shown = line["cn"].as_str().unwrap_or_default();
    assert!(shown.starts_with("evil") && shown.len() <= 256, "{shown:?}");
    assert!(!shown.contains(char::is_control), "{shown:?}");
    Ok(())
}

fn tomorrow() -> Result<String> {
    let moment = OffsetDateTime::now_utc() + Duration::days(1);
    Ok(format!("{}T00:00:00Z", moment.date()))
}

/// The subject key identifier of the pki's root.
fn key_identifier(pki: &TestPki) -> Result<Vec<u8>> {
    let root = pki.identity("api-service").roots().display().to_string();
    let said = openssl(&["x509", "-in", &root, "-noout", "-ext", "subjectKeyIdentifier"])?.stdout;
    let digits = said.lines().nth(1).unwrap_or_default().trim();
    Ok(digits.split(':').map(|digits| u8::from_str_radix(digits, 16)).collect::<Result<_, _>>()?)
}

fn copy(pki: &TestPki, name: &str, to: &PathBuf) -> Result<()> {
    fs::create_dir_all(to)?;
    for file in ["tls.crt", "tls.key", "ca.crt"] {
        fs::copy(pki.identity(name).directory().join(file), to.join(file))?;
    }
    Ok(())
}
