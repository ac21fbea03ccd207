//! Whose certificates go to the cluster: those of one directory for one namespace, or cert-manager's.

use std::fs;
use std::process::Command;

use anyhow::{Context, Result, ensure};
use e2e::binaries::workspace;
use e2e::cluster::Cluster;
use e2e::program::Program;
use serde_json::json;

use crate::machine;

#[test]
fn each_namespace_has_an_authority_of_its_own() -> Result<()> {
    let cluster = Cluster::start("kind-demo", &[])?;
    let fakes = machine(&cluster)?;
    fakes.setup(&["k8s"], &[])?.good()?;
    let of_default = fs::read(fakes.file("tree/certs/pki/ca/issued.json"))?;

    fakes.setup(&["k8s"], &[("NAMESPACE", "demo")])?.good()?;
    let mixed = fakes.file("tree/certs/pki").display().to_string();
    let mixed = fakes.setup(&["k8s"], &[("NAMESPACE", "demo"), ("CERTS_DIR", &mixed)])?;

    assert_eq!(fs::read(fakes.file("tree/certs/pki/ca/issued.json"))?, of_default);
    ensure!(fs::exists(fakes.file("tree/certs/pki-demo/ca/issued.json"))?);
    let root = |namespace| -> Result<String> {
        let secret = cluster.object(namespace, "secrets", "api-service-certs")?;
        Ok(secret.context("a Secret")?["data"]["ca.crt"].to_string())
    };
    assert_ne!(root("default")?, root("demo")?);
    assert_eq!(mixed.code, Some(1), "{mixed:?}");
    for words in ["namespace default", "namespace demo", "--dir "] {
        ensure!(mixed.stderr.contains(words), "{words}: {mixed:?}");
    }
    Ok(())
}

#[test]
fn the_certificates_of_any_namespace_reach_neither_git_nor_an_image() -> Result<()> {
    let dockerignore = fs::read_to_string(workspace().join(".dockerignore"))?;
    ensure!(dockerignore.lines().any(|line| line == "certs/pki*"), "{dockerignore}");
    for (path, is_ignored) in [
        ("certs/pki/ca/ca.key", true),
        ("certs/pki-demo/ca/issued.json", true),
        ("certs/src/main.rs", false),
    ] {
        let mut command = Command::new("git");
        command.args(["check-ignore", "--quiet", "--no-index", path]).current_dir(workspace());

        let outcome = Program::run(&mut command, "git", b"")?;

        assert_eq!(outcome.code, Some(i32::from(!is_ignored)), "{path}: {outcome:?}");
    }
    Ok(())
}

#[test]
fn only_secrets_that_something_mounts_are_installed_and_their_end_is_printed() -> Result<()> {
    let cluster = Cluster::start("kind-demo", &[])?;
    let fakes = machine(&cluster)?;

    let outcome = fakes.setup(&["k8s"], &[])?.good()?;

    let secrets: Vec<String> =
        cluster.changes().into_iter().filter(|change| change.contains(" secrets/")).collect();
    assert_eq!(
        secrets,
        ["POST default secrets/api-service-certs", "POST default secrets/client-service-certs"]
    );
    let renew = outcome.stdout.split_once("renew them by ").context("a date")?.1;
    let date = renew.split_once(": ").context("a date")?.0;
    let shown = format!("The certificates end at {date}, and nothing in the cluster renews them");
    ensure!(outcome.stdout.contains(&shown), "{outcome:?}");
    Ok(())
}

#[test]
fn with_cert_manager_chosen_no_secret_of_ours_is_applied() -> Result<()> {
    let cluster = Cluster::start("kind-demo", &["cert-manager"])?;
    let fakes = machine(&cluster)?.with_components(&["cert-manager"])?;

    let outcome = fakes.setup(&["k8s"], &[("NAMESPACE", "demo")])?.good()?;

    ensure!(!cluster.changes().iter().any(|change| change.contains(" secrets/")));
    ensure!(!fakes.calls().iter().any(|call| call.contains("mtls-demo/certs")));
    let certificate = cluster.object("demo", "certificates", "api-service")?;
    let certificate = certificate.context("a Certificate")?;
    assert_eq!(certificate["spec"]["uris"][0], "spiffe://mtls-demo.local/ns/demo/sa/api-service");
    let shown = "cert-manager renews the certificates: kubectl -n demo get certificates";
    ensure!(outcome.stdout.contains(shown), "{outcome:?}");

    let down = fakes.setup(&["down"], &[("NAMESPACE", "demo")])?.good()?;
    ensure!(cluster.object("demo", "certificates", "api-service")?.is_none(), "{down:?}");
    Ok(())
}

#[test]
fn a_secret_with_two_owners_is_refused_either_way() -> Result<()> {
    let ours = Cluster::start("kind-demo", &["cert-manager"])?;
    machine(&ours)?.setup(&["k8s"], &[])?.good()?;
    let theirs = Cluster::start("kind-demo", &["cert-manager"])?;
    theirs.put(
        "secrets",
        &json!({
            "apiVersion": "v1", "kind": "Secret",
            "metadata": {
                "name": "client-service-certs", "namespace": "default",
                "labels": { "app": "client-service", "app.kubernetes.io/part-of": "mtls-demo" },
                "annotations": { "cert-manager.io/certificate-name": "client-service" },
            },
        }),
    )?;
    let (changes_of_ours, changes_of_theirs) = (ours.changes(), theirs.changes());
    machine(&theirs)?
        .with_components(&["cert-manager"])?
        .setup(&["k8s", "--dry-run"], &[])?
        .good()?;

    let with = machine(&ours)?.with_components(&["cert-manager"])?.setup(&["k8s"], &[])?;
    let without = machine(&theirs)?.setup(&["k8s"], &[])?;

    assert_eq!((with.code, without.code), (Some(1), Some(1)), "{with:?} {without:?}");
    ensure!(with.stderr.contains("Secret/api-service-certs was made by \"certs secrets\""));
    ensure!(with.stderr.contains("docs/kubernetes.md"), "{with:?}");
    let words = "Secret/client-service-certs belongs to cert-manager (Certificate/client-service)";
    ensure!(without.stderr.contains(words), "{without:?}");
    assert_eq!((ours.changes(), theirs.changes()), (changes_of_ours, changes_of_theirs));
    Ok(())
}
