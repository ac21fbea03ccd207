//! docs/kubernetes.md tells the truth: its commands do what it says, where a service on loopback
//! stands in for `kubectl port-forward`.

use std::fs;
use std::process::Command;

use anyhow::{Context, Result, ensure};
use e2e::binaries::workspace;
use e2e::house::House;
use e2e::manifests::{Manifests, selects};
use e2e::program::{Outcome, Program};
use serde_json::json;

#[test]
fn a_caller_without_a_certificate_and_a_stranger_are_refused_in_the_words_of_the_document()
-> Result<()> {
    let house = House::new()?;
    let api = house.api().start()?;
    let text = document()?;
    let line = |begin: &str| {
        let line = text.lines().find(|line| line.starts_with(begin));
        line.with_context(|| format!("the document has no line {begin}"))
    };
    let shell = |begin: &str| -> Result<Outcome> {
        let place = house.path().display().to_string();
        let command = line(begin)?
            .replace("localhost:3443", &format!("localhost:{}", api.address.port()))
            .replace("/tmp/", &format!("{place}/"))
            .replace("certs/pki/", &format!("{place}/"));
        Program::run(Command::new("sh").args(["-c", &command]), "curl", b"")
    };
    let good = shell("curl --cacert certs/pki/ca/ca.crt")?;
    assert!(good.stdout.contains("This data is secured with mTLS!"), "{good:?}");

    let none = shell("curl -k https")?;
    shell("openssl req -x509")?.good()?;
    let stranger = shell("curl -k --cert")?;

    assert_eq!((none.code, none.stdout.as_str()), (Some(56), ""));
    assert_eq!((stranger.code, stranger.stdout.as_str()), (Some(56), ""));
    let refusals = api.refusals(2)?;
    for (refusal, begin) in refusals.iter().zip([
        "WARN refused: the certificate is signed",
        "WARN refused: the client sent no certificate",
    ]) {
        let (told, logged) = (line(begin)?, api.logged_refusal(refusal)?);
        for field in ["message", "code", "alert", "remedy"] {
            let value = logged[field].as_str().context("a field of the log")?;
            ensure!(told.contains(value), "{field} is \"{value}\", and not as in: {told}");
        }
    }
    Ok(())
}

#[test]
fn what_the_document_says_to_look_at_is_there() -> Result<()> {
    let text = document()?;
    let manifests = Manifests::with(&crate::BESIDE)?;
    let sidecar = Manifests::example("httpbin")?;

    for name in ["api-service", "client-service"] {
        for command in ["kubectl get pods -l app=", "kubectl logs -l app="] {
            assert!(text.contains(&format!("{command}{name}")), "{command}{name}");
        }
        let selector = json!({ "matchLabels": { "app": name } });
        let selected: Vec<_> =
            manifests.pods().into_iter().filter(|pod| selects(&selector, &pod.labels)).collect();
        assert_eq!(selected.len(), 1);
        assert_eq!(selected[0].name, name);
    }
    for (command, service, port) in [
        (
            "kubectl port-forward svc/api-service 3443:3000",
            manifests.one("Service", "api-service")?,
            3000,
        ),
        (
            "kubectl port-forward svc/client-service 4000:80",
            manifests.one("Service", "client-service")?,
            80,
        ),
        ("kubectl port-forward svc/gateway 8443:443", sidecar.one("Service", "gateway")?, 443),
    ] {
        assert!(text.contains(command), "{command}");
        assert_eq!(service["spec"]["ports"][0]["port"], port);
    }
    Ok(())
}

#[test]
fn every_alert_and_every_file_that_is_named_exists() -> Result<()> {
    let text = document()?;
    let rules = fs::read_to_string(workspace().join("k8s/components/monitoring/rules.yaml"))?;
    let alerts: Vec<&str> =
        rules.lines().filter_map(|line| line.trim().strip_prefix("- alert: ")).collect();
    assert!(alerts.len() > 10);

    for alert in &alerts {
        assert!(text.contains(&format!("`{alert}`")), "the document is silent about {alert}");
    }
    let named = text.split(|c: char| c.is_whitespace() || "`,;()".contains(c));
    let named = named.map(|word| word.trim_end_matches(['.', ':']));
    let files: Vec<&str> = named.filter(|word| word.starts_with("k8s/")).collect();
    assert!(files.len() > 5, "{files:?}");
    for file in files {
        assert!(workspace().join(file).exists(), "{file}");
    }
    Ok(())
}

fn document() -> Result<String> {
    Ok(fs::read_to_string(workspace().join("docs/kubernetes.md"))?)
}
