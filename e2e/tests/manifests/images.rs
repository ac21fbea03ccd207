//! Which images the pods run, and who may be asked for them.

use anyhow::{Result, ensure};
use e2e::cluster::Cluster;
use e2e::manifests::{Manifests, Pod};
use serde_json::Value;

#[test]
fn no_registry_is_asked_for_an_image_of_ours_unless_its_component_is_chosen() -> Result<()> {
    let plain = [Manifests::with(&[])?.pods(), Manifests::example("httpbin")?.pods()].concat();
    let example = Manifests::example_with("httpbin", &["registry"])?;
    let chosen = [Manifests::with(&["registry"])?.pods(), example.pods()].concat();

    assert_eq!(policies(&plain), ["Never"; 3]);
    assert_eq!(policies(&chosen), ["IfNotPresent"; 3]);
    Ok(())
}

/// `kubectl apply -f k8s/`, which people type, with the real kubectl.
#[test]
fn the_directory_is_applied_but_for_the_template_whose_error_says_what_to_run() -> Result<()> {
    let cluster = Cluster::start("kind-demo", &[])?;
    let real = serde_json::json!({
        "apiVersion": "v1", "kind": "Secret", "type": "kubernetes.io/tls",
        "metadata": { "name": "api-service-certs", "namespace": "default" },
        "data": { "tls.crt": "cmVhbA==", "tls.key": "cmVhbA==" },
    });
    cluster.put("secrets", &real)?;

    let outcome = cluster.kubectl(&["apply", "-f", "k8s/"], "")?;

    assert_eq!(outcome.code, Some(1));
    for name in ["api-service", "client-service"] {
        ensure!(outcome.stdout.contains(&format!("deployment.apps/{name} created")), "{outcome:?}");
    }
    let shown = "secrets.yaml is a template - run: certs secrets | kubectl apply -f -";
    for line in outcome.stderr.lines().filter(|line| line.starts_with("Error")) {
        ensure!(line.contains("Invalid") || line.contains("invalid"), "{line}");
    }
    assert_eq!(outcome.stderr.matches(&format!("data[{shown}]")).count(), 3, "{outcome:?}");
    ensure!(!outcome.stderr.contains("base64") && !outcome.stderr.contains("Kustomization"));
    assert_eq!(cluster.object("default", "secrets", "api-service-certs")?, Some(real));
    Ok(())
}

fn policies(pods: &[Pod]) -> Vec<&Value> {
    let containers = pods.iter().flat_map(Pod::containers);
    let ours = containers.filter(|container| {
        container["image"].as_str().is_some_and(|image| image.starts_with("mtls-demo/"))
    });
    ours.map(|container| &container["imagePullPolicy"]).collect()
}
