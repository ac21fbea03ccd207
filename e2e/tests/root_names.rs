//! A server with so many roots that it sends its clients none of their names.

use std::fs::OpenOptions;
use std::io::Write;

use anyhow::Result;
use authority::{Authority, AuthorityRequest};
use e2e::curl::Curl;
use e2e::pki::TestPki;

#[test]
fn a_server_with_1200_roots_warns_at_its_start_and_serves() -> Result<()> {
    let pki = TestPki::new()?;
    let identity = pki.identity("api-service");
    let mut roots = OpenOptions::new().append(true).open(identity.roots())?;
    for _ in 1..1200 {
        let other = Authority::generate(&AuthorityRequest::default())?;
        roots.write_all(other.root().pem().as_bytes())?;
    }
    let api = pki.api().start()?;
    let client = pki.client(&api).start()?;

    let line = api.logged("the names that are left out", |line| {
        let message = line["message"].as_str().unwrap_or_default();
        message.starts_with("the names of the roots take more than 16384 bytes")
    })?;
    let answer = Curl::get(&client.url("/proxy/data")).run()?;

    assert_eq!((&line["level"], &line["roots"]), (&"WARN".into(), &1200.into()), "{line}");
    assert_eq!(answer.status, 200);
    Ok(())
}
