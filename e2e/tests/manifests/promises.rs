//! Names, ports and labels, as DESIGN.md promises them.

use std::collections::BTreeMap;
use std::fs;

use anyhow::{Context, Result};
use e2e::binaries::workspace;
use e2e::manifests::{Manifests, Pod, labels, list, selects};
use serde_json::{Value, json};

use crate::{BESIDE, COMPONENTS};

#[test]
fn images_labels_and_ports_are_those_of_the_design() -> Result<()> {
    let manifests = Manifests::with(&BESIDE)?;
    assert_eq!(manifests.names("Deployment"), ["api-service", "client-service"]);
    let sidecar = Manifests::example("httpbin")?;

    for (name, pod, ports) in [
        ("api-service", find(&manifests, "api-service")?, json!({ "https": 3000, "admin": 9000 })),
        (
            "client-service",
            find(&manifests, "client-service")?,
            json!({ "http": 4000, "admin": 9001 }),
        ),
        ("gateway", find(&sidecar, "httpbin")?, json!({ "mtls": 8443, "admin": 9002 })),
    ] {
        let container = pod.containers().find(|container| container["name"] == name);
        let container = container.context("a container of ours")?;
        assert_eq!(container["image"], format!("mtls-demo/{name}:latest"));
        assert_eq!(container["imagePullPolicy"], "Never");
        let open: serde_json::Map<String, Value> = list(&container["ports"])
            .filter_map(|port| {
                Some((port["name"].as_str()?.to_owned(), port["containerPort"].clone()))
            })
            .collect();
        assert_eq!(Value::Object(open), ports);
        if name != "gateway" {
            assert_eq!(pod.labels["app"], name);
            assert_eq!(pod.spec["serviceAccountName"], name);
        }
    }
    Ok(())
}

#[test]
fn each_service_leads_to_the_pods_of_its_name_and_to_a_port_that_they_have() -> Result<()> {
    let manifests = Manifests::with(&BESIDE)?;
    assert_eq!(manifests.names("Service"), ["api-service", "api-service-pods", "client-service"]);

    for (service, name, kind, port, target) in [
        ("api-service", "api-service", "ClusterIP", 3000, 3000),
        ("api-service-pods", "api-service", "headless", 3000, 3000),
        ("client-service", "client-service", "LoadBalancer", 80, 4000),
    ] {
        let spec = &manifests.one("Service", service)?["spec"];
        if kind == "headless" {
            assert_eq!((&spec["clusterIP"], &spec["type"]), (&json!("None"), &Value::Null));
        } else {
            assert_eq!(spec["type"], kind);
        }
        let selector = json!({ "matchLabels": spec["selector"] });
        let selected: Vec<Pod> =
            manifests.pods().into_iter().filter(|pod| selects(&selector, &pod.labels)).collect();
        assert_eq!(selected.len(), 1, "{name}");
        assert_eq!(selected[0].name, name);
        let ports: Vec<&Value> = list(&spec["ports"]).collect();
        assert_eq!(ports.len(), 1, "the admin port is in no Service");
        assert_eq!(ports[0]["port"], port);
        assert_eq!(selected[0].port(&ports[0]["targetPort"])?, target);
    }
    let example = Manifests::example("httpbin")?;
    let spec = &example.one("Service", "gateway")?["spec"];
    let pod = find(&example, "httpbin")?;
    assert!(selects(&json!({ "matchLabels": spec["selector"] }), &pod.labels));
    assert_eq!(pod.port(&spec["ports"][0]["targetPort"])?, 8443);
    Ok(())
}

#[test]
fn the_client_finds_each_pod_of_the_api_by_the_headless_service() -> Result<()> {
    let manifests = Manifests::with(&BESIDE)?;
    let client = find(&manifests, "client-service")?;

    let headless = manifests.one("Service", "api-service-pods")?;

    let port = &headless["spec"]["ports"][0]["port"];
    let mut variables = client.containers().flat_map(|container| list(&container["env"]));
    let resolve = variables.find(|variable| variable["name"] == "API_RESOLVE");
    assert_eq!(resolve.context("API_RESOLVE")?["value"], format!("api-service-pods:{port}"));
    // A pod that is not ready has no address there.
    assert_eq!(headless["spec"]["publishNotReadyAddresses"], Value::Null);
    Ok(())
}

#[test]
fn everything_of_ours_says_that_it_is_part_of_the_demo() -> Result<()> {
    let manifests = Manifests::with(&BESIDE)?;

    for kind in [
        "Certificate",
        "ConfigMap",
        "Deployment",
        "DestinationRule",
        "HorizontalPodAutoscaler",
        "Issuer",
        "NetworkPolicy",
        "PeerAuthentication",
        "PodDisruptionBudget",
        "PodMonitor",
        "PrometheusRule",
        "Service",
        "ServiceAccount",
    ] {
        assert!(manifests.all(kind).next().is_some(), "{kind}");
        for manifest in manifests.all(kind) {
            has_our_labels(manifest);
        }
    }
    for file in ["api-deployment.yaml", "client-deployment.yaml", "secrets.yaml"] {
        let text = fs::read_to_string(workspace().join("k8s").join(file))?;
        Manifests::read(&text)?.each().for_each(has_our_labels);
    }
    Manifests::example("httpbin")?.each().for_each(has_our_labels);
    Ok(())
}

/// What "setup.sh down" deletes has one label more, which no file here has.
fn has_our_labels(manifest: &Value) {
    let labels = labels(&manifest["metadata"]["labels"]);
    let part_of = labels.get("app.kubernetes.io/part-of").map(String::as_str);
    assert_eq!(part_of, Some("mtls-demo"), "{} {}", manifest["kind"], manifest["metadata"]);
    assert!(labels.contains_key("app"), "{} {}", manifest["kind"], manifest["metadata"]);
    assert!(!labels.contains_key("app.kubernetes.io/managed-by"), "{}", manifest["metadata"]);
}

#[test]
fn nothing_but_manifests_and_the_kustomization_is_in_the_directory_that_people_apply() -> Result<()>
{
    let mut files = Vec::new();
    for entry in fs::read_dir(workspace().join("k8s"))? {
        let path = entry?.path();
        if path.is_file() {
            files.push(path.file_name().unwrap_or_default().to_string_lossy().into_owned());
        }
    }
    files.sort();

    // "kubectl apply -f" takes .json, .yaml and .yml, and "-k" finds Kustomization.
    assert_eq!(
        files,
        ["Kustomization", "api-deployment.yaml", "client-deployment.yaml", "secrets.yaml"]
    );
    Ok(())
}

#[test]
fn the_gateways_file_fits_the_pod_that_it_is_mounted_in() -> Result<()> {
    let example = Manifests::example("httpbin")?;
    let pod = find(&example, "httpbin")?;
    let file = &example.one("ConfigMap", "gateway-config")?["data"]["gateway.toml"];
    let file: toml::Table = file.as_str().context("a file")?.parse()?;

    let gateway = pod.containers().find(|c| c["name"] == "gateway").context("a gateway")?;
    let service = pod.containers().find(|c| c["name"] == "httpbin").context("a service")?;
    assert_eq!(gateway["args"], json!(["--config", "/etc/gateway/gateway.toml"]));
    let mounts: BTreeMap<_, _> = list(&gateway["volumeMounts"])
        .filter_map(|mount| Some((mount["mountPath"].as_str()?, mount["name"].as_str()?)))
        .collect();
    assert_eq!(mounts, BTreeMap::from([("/certs", "certs"), ("/etc/gateway", "gateway-config")]));
    assert_eq!(file["admin"]["listen"].as_str(), Some("0.0.0.0:9002"));
    let listener = &file["listener"][0];
    assert_eq!(listener["listen"].as_str(), Some("0.0.0.0:8443"));
    assert_eq!(listener["identity"].as_str(), Some("/certs"));
    assert_eq!(listener["client_certificates"].as_str(), Some("required"));
    let set = |name: &str| list(&service["env"]).find(|v| v["name"] == name).map(|v| &v["value"]);
    let upstream = file["route"][0]["upstreams"][0].as_str().context("an upstream")?;
    assert_eq!(set("HOST"), Some(&json!("127.0.0.1")));
    let port = set("PORT").and_then(Value::as_str).context("a port")?;
    assert_eq!(upstream, format!("http://127.0.0.1:{port}"));
    Ok(())
}

#[test]
fn our_sources_name_no_other_components_than_the_kustomization_offers() -> Result<()> {
    let mut found = Vec::new();
    for entry in fs::read_dir(workspace().join("k8s/components"))? {
        found.push(entry?.file_name().to_string_lossy().into_owned());
    }
    found.sort();
    let kustomization = fs::read_to_string(workspace().join("k8s/Kustomization"))?;

    assert_eq!(found, COMPONENTS);
    for component in COMPONENTS {
        assert!(kustomization.contains(&format!("#   - components/{component}\n")), "{component}");
    }
    assert!(!kustomization.contains("- secrets.yaml"));
    Ok(())
}

fn find(manifests: &Manifests, name: &str) -> Result<Pod> {
    let pod = manifests.pods().into_iter().find(|pod| pod.name == name);
    pod.with_context(|| format!("there are no pods {name}"))
}
