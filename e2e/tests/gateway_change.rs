//! Changes under load: another file, another certificate, and a revocation. Clients that are still
//! trusted loses no request; the revoked one is cut.

use anyhow::{Context, Result};
use e2e::curl::Curl;
use e2e::deadline::eventually;
use e2e::gateway::{Gateway, secure};
use e2e::identity::Identity;
use e2e::nginx::Nginx;
use e2e::pki::TestPki;
use e2e::program::Program;
use e2e::python;
use e2e::reflector::Reflector;
use serde_json::Value;

#[test]
fn no_change_costs_a_request_of_those_who_are_still_trusted() -> Result<()> {
    let pki = TestPki::new()?;
    let leaver = pki.issue("leaver", &[])?;
    let shown = pki.identity("api-service");
    let nginx = Nginx::requiring_client_certificates(&shown.roots(), &shown, "")?;
    let route = |prefix: &str| {
        format!(
            "[[route]]\npath_prefix = \"{prefix}\"\nupstreams = [\"https://{}\"]\n\
             [route.upstream_tls]\nidentity = \"certs/pki/gateway\"\nserver_name = \"api-service\"\n",
            nginx.port.address()
        )
    };
    let gateway = Gateway::start(&pki, &format!("{}{}", secure("required"), route("/")))?;
    let stays = Load::start(&gateway, &pki.identity("client-service"))?;
    let leaves = Load::start(&gateway, &leaver)?;
    stays.goes_on()?;
    leaves.goes_on()?;

    gateway.change_to(&format!("{}{}", gateway.config()?, route("/more")))?;
    stays.goes_on()?;
    // Another configuration for all: every connection is to be another one.
    let other_config = format!("{}[limits]\nheader_timeout = \"11s\"\n", gateway.config()?);
    gateway.change_to(&other_config)?;
    stays.goes_on()?;
    let own =
        || -> Result<Value> { Ok(serde_json::from_str(&gateway.service.admin("/identity")?)?) };
    let before = own()?;
    pki.certs(&["renew", "gateway"])?;
    eventually("the new certificate", || Ok((own()? != before).then_some(())))?;
    stays.goes_on()?;
    leaves.goes_on()?;
    pki.certs(&["revoke", "leaver"])?;
    leaves.is_cut()?;
    stays.goes_on()?;

    let left = leaves.end()?;
    let stayed = stays.end()?;
    assert_eq!(stayed["failed"], serde_json::json!({}), "{stayed}");
    for caller in ["kept", "new", "http2"] {
        assert!(stayed["good"][caller].as_u64() > Some(100), "{stayed}");
        let shown = left["failed"].as_object().context("failures must be reported")?;
        assert!(shown.keys().any(|key| key.starts_with(caller)), "{left}");
    }
    let refusals = gateway.service.refusals(1)?;
    assert!(refusals.iter().all(|refusal| refusal["code"] == "revoked"), "{refusals:?}");
    println!("those who stayed: {}", stayed["good"]);
    Ok(())
}

#[test]
fn an_invalid_file_is_reported_and_the_last_good_one_stays() -> Result<()> {
    let pki = TestPki::new()?;
    let good = pki.identity("client-service");
    let reflector = Reflector::start()?;
    let gateway = Gateway::before(&pki, "required", &reflector.url())?;
    let before = gateway.config()?;
    assert_eq!(gateway.curl("/", &good).run()?.status, 200);

    // Values that look right, but would allow everybody.
    gateway.write(&before.replace("\"required\"", "\"of\""))?;
    let shown = gateway.service.logged("the problem", |line| {
        line["level"] == "ERROR" && line["message"].to_string().contains("reload failed")
    })?;
    let nobody = Curl::get(&gateway.url("/")).trusting(&good).run()?;
    let still = gateway.curl("/", &good).run()?;
    let ready = gateway.service.admin("/readyz")?;

    let problem = "gateway.toml:7:23: listener 1: client_certificates: \"of\" is not known: write \
        required, optional or off";
    assert!(shown["message"].as_str().unwrap_or_default().ends_with(problem), "{shown}");
    assert_eq!((nobody.status, nobody.alert, still.status), (0, Some(116), 200));
    assert!(ready.contains("the last good configuration is in force"), "{ready}");
    gateway.change_to(&before.replace("\"required\"", "\"optional\""))?;
    assert_eq!(Curl::get(&gateway.url("/")).trusting(&good).run()?.status, 403);
    Ok(())
}

/// Callers that ask again and again.
struct Load(Program);

impl Load {
    fn start(gateway: &Gateway, identity: &Identity) -> Result<Self> {
        let mut command = python::script("load.py")?;
        command.arg(gateway.service.address.port().to_string()).arg(identity.directory());
        Ok(Self(Program::start(&mut command, "python3")?))
    }

    /// Waits until each of them was answered fifty times more.
    fn goes_on(&self) -> Result<()> {
        let count = |caller: &str| self.summary()["good"][caller].as_u64().unwrap_or_default();
        let callers = ["kept", "new", "http2"];
        let before = callers.map(count);
        eventually("fifty answers more for each", || {
            let after = callers.iter().zip(before).all(|(name, before)| count(name) >= before + 50);
            Ok(after.then_some(()))
        })
    }

    /// Waits until none of them is answered any more.
    fn is_cut(&self) -> Result<()> {
        eventually("the end of all answers", || {
            let shown = self.summary();
            let failures = shown["failed"].as_object().cloned().unwrap_or_default();
            let of = |caller: &str| failures.keys().any(|key| key.starts_with(caller));
            Ok(["kept", "new", "http2"].into_iter().all(of).then_some(()))
        })
    }

    /// Its newest whole line.
    fn summary(&self) -> Value {
        let said = self.0.stdout();
        let mut lines = said.lines().rev();
        lines.find_map(|line| serde_json::from_str(line).ok()).unwrap_or_default()
    }

    fn end(mut self) -> Result<Value> {
        self.0.close_stdin();
        let said = self.0.end()?.good()?.stdout;
        Ok(serde_json::from_str(said.lines().last().context("it must print something")?)?)
    }
}
