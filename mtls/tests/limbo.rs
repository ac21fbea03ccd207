//! Each case of x509-limbo has the expected result, or is listed in `limbo/differences.txt`
//! with the reason. `X509_LIMBO` names the suite's file; `limbo/fetch.sh` fetches it.

#![allow(clippy::unwrap_used, reason = "what fails in a helper fails the test")]

use std::collections::BTreeMap;
use std::fmt::Write;

use mtls::pki::pem::{Item, blocks};
use mtls::pki::role::Role;
use mtls::pki::trust::{Revocation, Trust};
use rustls::pki_types::{CertificateDer, CertificateRevocationListDer, ServerName};
use serde_json::Value;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// The number of cases in the suite at the commit in `limbo/fetch.sh`.
const CASES: usize = 208;

#[test]
fn each_case_of_x509_limbo_agrees_or_is_a_known_difference() {
    let Some(path) = std::env::var_os("X509_LIMBO") else {
        println!("SKIPPED: x509-limbo was NOT run: X509_LIMBO names no file");
        return;
    };
    let suite: Value = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
    let mut known = differences();
    let (mut agree, mut stricter, mut laxer, mut wrong) = (0, 0, 0, String::new());

    let cases = suite["testcases"].as_array().unwrap();
    for case in cases {
        let id = case["id"].as_str().unwrap();
        let is_good = case["expected_result"] == "SUCCESS";
        let outcome = verify(case);
        let found = match (&outcome, is_good) {
            (Ok(()), true) => None,
            (Ok(()), false) => Some("accepted"),
            (Err((code, _)), true) => Some(code.as_str()),
            (Err(_), false) => None,
        };
        let expected = known.remove(id);
        match found {
            None => agree += 1,
            Some("accepted") => laxer += 1,
            Some(_) => stricter += 1,
        }
        if expected.as_deref() != found {
            let description = case["description"].as_str().unwrap();
            let why = outcome.as_ref().map_or_else(|(_, why)| why.as_str(), |()| "it verifies");
            writeln!(wrong, "{id}: expected {expected:?}, found {found:?}: {why}\n{description}\n")
                .unwrap();
        }
    }

    let executed = cases.len();
    println!(
        "x509-limbo: {executed} executed, 0 skipped: {agree} agree, {stricter} stricter, {laxer} laxer"
    );
    assert_eq!(wrong, "");
    assert_eq!(known.into_keys().collect::<Vec<_>>(), Vec::<String>::new(), "rows without a case");
    assert_eq!(executed, CASES);
}

/// Our result for a case: accepted, or the refusal code and the whole reason; `bad-trust`
/// if its roots and lists make no trust.
fn verify(case: &Value) -> Result<(), (String, String)> {
    let bad_file = |why: String| ("bad-file".to_owned(), why);
    let now = case["validation_time"].as_str().map_or_else(OffsetDateTime::now_utc, |time| {
        OffsetDateTime::parse(time, &Rfc3339).unwrap()
    });
    let roots = certificates(&case["trusted_certs"]).map_err(bad_file)?;
    let lists = lists(&case["crls"]).map_err(bad_file)?;
    let mut chain =
        certificates(&Value::Array(vec![case["peer_certificate"].clone()])).map_err(bad_file)?;
    chain.extend(certificates(&case["untrusted_intermediates"]).map_err(bad_file)?);
    let trust = Trust::new(roots, &lists, Revocation::Checked, now).map_err(|problems| {
        let problems: Vec<String> = problems.iter().map(ToString::to_string).collect();
        ("bad-trust".to_owned(), problems.join("; "))
    })?;

    let role = if case["validation_kind"] == "SERVER" { Role::Server } else { Role::Client };
    let refused =
        |reason: mtls::event::refusal::Reason| (reason.code.to_string(), reason.sentence());
    let verified = trust.verify(&chain, role, now).map_err(refused)?;
    match case["expected_peer_name"]["value"].as_str() {
        Some(name) => {
            let name = ServerName::try_from(name).map_err(|error| bad_file(error.to_string()))?;
            verified.fits_name(&name).map_err(refused)
        }
        None => Ok(()),
    }
}

fn certificates(pems: &Value) -> Result<Vec<CertificateDer<'static>>, String> {
    items(pems, |item| match item {
        Item::Certificate(certificate) => certificate,
        other => unreachable!("a {} among certificates", other.kind()),
    })
}

fn lists(pems: &Value) -> Result<Vec<CertificateRevocationListDer<'static>>, String> {
    items(pems, |item| match item {
        Item::RevocationList(list) => list,
        other => unreachable!("a {} among lists", other.kind()),
    })
}

fn items<T>(pems: &Value, take: fn(Item) -> T) -> Result<Vec<T>, String> {
    let texts = pems.as_array().unwrap().iter().map(|pem| pem.as_str().unwrap());
    let items = texts.flat_map(|text| blocks(text.as_bytes()).collect::<Vec<_>>());
    items.map(|block| block.map(|block| take(block.item)).map_err(|bad| bad.to_string())).collect()
}

/// The cases in which the results differ: the refusal code, or `accepted` where it should be
/// refused.
fn differences() -> BTreeMap<String, String> {
    let table = include_str!("limbo/differences.txt").lines();
    let rows = table.filter(|line| !line.is_empty() && !line.starts_with('#'));
    let row = |line: &str| {
        let (id, rest) = line.split_once(' ').unwrap();
        let (found, reason) = rest.trim_start().split_once(' ').unwrap();
        assert!(!reason.trim().is_empty(), "{id} stands there without a reason");
        (id.to_owned(), found.to_owned())
    };
    rows.map(row).collect()
}
