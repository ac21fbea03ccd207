//! How the pods are probed, what they mount, what they may do, and how they are replaced.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use e2e::manifests::{Manifests, Pod, labels, list, selects};
use serde_json::{Value, json};

use crate::BESIDE;

#[test]
fn a_probe_asks_the_admin_port_and_never_the_one_of_mutual_tls() -> Result<()> {
    for pod in all_pods()? {
        for container in ours(&pod) {
            let name = &container["name"];
            for (probe, path) in [
                ("startupProbe", "/livez"),
                ("readinessProbe", "/readyz"),
                ("livenessProbe", "/livez"),
            ] {
                let get = &container[probe]["httpGet"];
                let port = match name.as_str() {
                    Some("api-service") => 9000,
                    Some("client-service") => 9001,
                    _ => 9002,
                };
                assert_eq!(pod.port(&get["port"])?, port, "{name} {probe}");
                assert_eq!(get["path"], path, "{name} {probe}");
                assert!(
                    get["scheme"].is_null(),
                    "{name} {probe}: the admin port speaks plain HTTP"
                );
            }
            // The kubelet comes to the pod's own address.
            if name != "gateway" {
                assert_eq!(variable(container, "ADMIN_HOST")["value"], "0.0.0.0");
            }
        }
    }
    Ok(())
}

#[test]
fn secrets_are_mounted_whole_so_that_a_renewal_arrives_and_readable_by_the_pods_group_alone()
-> Result<()> {
    for pod in all_pods()? {
        for mount in pod.containers().flat_map(|container| list(&container["volumeMounts"])) {
            assert!(mount["subPath"].is_null() && mount["subPathExpr"].is_null(), "{mount}");
            assert_eq!(mount["readOnly"], true, "{mount}");
        }
        let secrets: Vec<&Value> =
            list(&pod.spec["volumes"]).filter(|volume| volume["secret"].is_object()).collect();
        assert_eq!(secrets.len(), 1, "{}", pod.name);
        assert!(secrets[0]["secret"]["items"].is_null());
        assert_eq!(secrets[0]["secret"]["defaultMode"], 0o440);
        let security = &pod.spec["securityContext"];
        assert_eq!(security["fsGroup"], 65532, "{}", pod.name);
        for container in ours(&pod) {
            let mounts: Vec<&Value> = list(&container["volumeMounts"])
                .filter(|mount| mount["name"] == secrets[0]["name"])
                .collect();
            assert_eq!(mounts.len(), 1);
            assert_eq!(mounts[0]["mountPath"], "/certs");
        }
    }
    Ok(())
}

/// The Pod Security Standard `restricted`, field by field.
#[test]
fn pods_meet_the_restricted_standard_and_more() -> Result<()> {
    for pod in all_pods()? {
        let name = &pod.name;
        let of_pod = &pod.spec["securityContext"];
        for field in ["hostNetwork", "hostPID", "hostIPC", "hostUsers", "shareProcessNamespace"] {
            assert!(pod.spec[field].is_null(), "{name} {field}");
        }
        assert_eq!(of_pod["runAsNonRoot"], true, "{name}");
        assert_eq!(of_pod["seccompProfile"], json!({ "type": "RuntimeDefault" }), "{name}");
        assert!(of_pod["sysctls"].is_null() && of_pod["windowsOptions"].is_null(), "{name}");
        for volume in list(&pod.spec["volumes"]) {
            let kinds: Vec<&String> =
                volume.as_object().context("a volume")?.keys().filter(|k| *k != "name").collect();
            assert!(kinds == ["secret"] || kinds == ["configMap"], "{name} {volume}");
        }
        for container in pod.containers().chain(list(&pod.spec["initContainers"])) {
            let security = &container["securityContext"];
            assert_eq!(security["allowPrivilegeEscalation"], false, "{name}");
            assert_eq!(security["capabilities"], json!({ "drop": ["ALL"] }), "{name}");
            assert_eq!(security["privileged"], false, "{name}");
            assert_eq!(security["readOnlyRootFilesystem"], true, "{name}");
            assert_ne!(security["runAsNonRoot"], false, "{name}");
            assert_ne!(security["runAsUser"], 0, "{name}");
            assert!(list(&container["ports"]).all(|port| port["hostPort"].is_null()), "{name}");
            for bound in ["requests", "limits"] {
                for resource in ["cpu", "memory"] {
                    let given = &container["resources"][bound][resource];
                    assert!(given.is_string(), "{name} {bound} {resource}");
                }
            }
        }
    }
    Ok(())
}

#[test]
fn no_pod_is_handed_a_token_of_the_clusters_api_or_the_addresses_of_its_services() -> Result<()> {
    for manifests in [Manifests::with(&BESIDE)?, Manifests::example("httpbin")?] {
        for pod in manifests.pods() {
            let account =
                pod.spec["serviceAccountName"].as_str().context("an account of its own")?;
            let account = manifests.one("ServiceAccount", account)?;
            assert_eq!(account["automountServiceAccountToken"], false, "{}", pod.name);
            assert_eq!(pod.spec["automountServiceAccountToken"], false, "{}", pod.name);
            assert_eq!(pod.spec["enableServiceLinks"], false, "{}", pod.name);
        }
    }
    Ok(())
}

#[test]
fn a_rolling_update_takes_no_pod_away_before_another_is_ready_and_lets_each_drain() -> Result<()> {
    let manifests = Manifests::with(&[])?;
    for pod in manifests.pods() {
        let deployment = manifests.one("Deployment", &pod.name)?;
        // The autoscaler owns the number: an apply that named one would undo its work.
        assert!(deployment["spec"]["replicas"].is_null(), "{}", pod.name);
        assert!(deployment["spec"]["progressDeadlineSeconds"].as_u64() <= Some(180));
        let update = json!({
            "type": "RollingUpdate", "rollingUpdate": { "maxSurge": 1, "maxUnavailable": 0 }
        });
        assert_eq!(deployment["spec"]["strategy"], update);
        let container = pod.containers().next().context("a container")?;
        let seconds = |name: &str| -> Result<u64> {
            let value = variable(container, name)["value"].as_str();
            Ok(value.and_then(|text| text.strip_suffix('s')).context("seconds")?.parse()?)
        };
        let (pause, drain) = (seconds("DRAIN_DELAY")?, seconds("DRAIN_TIMEOUT")?);
        let grace = pod.spec["terminationGracePeriodSeconds"].as_u64();
        assert!(grace > Some(pause + drain), "{}", pod.name);
        // SIGTERM comes at once: from then on, connections are ended gracefully.
        assert!(container["lifecycle"].is_null());
        // The pause is as long as an unready pod is still sent requests.
        let ready = &container["readinessProbe"];
        let period = Duration::from_secs(ready["periodSeconds"].as_u64().context("a period")?);
        assert!(period <= Duration::from_secs(pause));
    }
    Ok(())
}

#[test]
fn replicas_are_scaled_and_never_evicted_together() -> Result<()> {
    let manifests = Manifests::with(&[])?;
    for pod in manifests.pods() {
        let name = &pod.name;
        let deployment = manifests.one("Deployment", name)?;
        assert!(selects(&deployment["spec"]["selector"], &pod.labels), "{name}");

        let budget = &manifests.one("PodDisruptionBudget", name)?["spec"];
        assert!(selects(&budget["selector"], &pod.labels), "{name}");
        assert_eq!(budget["maxUnavailable"], 1);

        let scaler = &manifests.one("HorizontalPodAutoscaler", name)?["spec"];
        let target = json!({ "apiVersion": "apps/v1", "kind": "Deployment", "name": name });
        assert_eq!(scaler["scaleTargetRef"], target);
        assert!(scaler["minReplicas"].as_u64() >= Some(2));
        // Without a request of processor time there is nothing to scale by.
        let container = pod.containers().next().context("a container")?;
        assert!(container["resources"]["requests"]["cpu"].is_string());
    }
    Ok(())
}

#[test]
fn the_sidecar_changes_nothing_but_what_has_its_label() -> Result<()> {
    let (without, with) = (Manifests::with(&[])?, Manifests::with(&["gateway-sidecar"])?);
    for (plain, beside) in without.pods().iter().zip(with.pods()) {
        assert_eq!(plain.spec, beside.spec);
        assert_eq!(plain.labels, beside.labels);
    }

    let example = Manifests::example("httpbin")?;

    let pod = example.pods().pop().context("a pod")?;
    let names: Vec<_> =
        pod.containers().filter_map(|container| container["name"].as_str()).collect();
    assert_eq!(names, ["gateway", "httpbin"]);
    let pause = |container: &Value| container["lifecycle"]["preStop"]["sleep"]["seconds"].as_u64();
    let pauses: Vec<_> = pod.containers().map(pause).collect();
    assert!(pauses[1] > pauses[0], "the service must outlive the gateway's pause");
    let deployment = example.one("Deployment", "httpbin")?;
    assert_eq!(labels(&deployment["metadata"]["labels"])["mtls-demo/gateway"], "sidecar");
    Ok(())
}

#[test]
fn on_openshift_no_pod_names_a_user_or_a_group_and_elsewhere_every_pod_does() -> Result<()> {
    let example = Manifests::example_with("httpbin", &["openshift"])?;
    let with = [Manifests::with(&["openshift"])?.pods(), example.pods()].concat();
    let names = ["runAsUser", "runAsGroup", "fsGroup"];

    assert_eq!(with.len(), 3);
    for pod in with {
        let contexts = pod.containers().map(|container| &container["securityContext"]);
        for context in contexts.chain([&pod.spec["securityContext"]]) {
            assert!(names.iter().all(|name| context[name].is_null()), "{} {context}", pod.name);
        }
        // What else the standard asks for stays.
        assert_eq!(pod.spec["securityContext"]["runAsNonRoot"], true);
    }
    for pod in Manifests::with(&[])?.pods() {
        let context = &pod.spec["securityContext"];
        assert!(names.iter().all(|name| context[name] == 65532), "{} {context}", pod.name);
    }
    Ok(())
}

#[test]
fn a_manifest_is_read_in_two_minutes() -> Result<()> {
    for name in ["api-deployment.yaml", "client-deployment.yaml"] {
        let text = std::fs::read_to_string(e2e::binaries::workspace().join("k8s").join(name))?;
        assert!(text.lines().count() < 230, "{name} has {} lines", text.lines().count());
        assert!(!text.contains("checkov") && !text.contains("topologySpread"), "{name}");
    }
    Ok(())
}

/// Every pod that we ship, the example's too.
fn all_pods() -> Result<Vec<Pod>> {
    let mut pods = Manifests::with(&BESIDE)?.pods();
    pods.extend(Manifests::example("httpbin")?.pods());
    ensure!(pods.len() == 3, "there are {} Deployments", pods.len());
    Ok(pods)
}

fn ours(pod: &Pod) -> impl Iterator<Item = &Value> {
    pod.containers().filter(|container| {
        container["image"].as_str().is_some_and(|image| image.starts_with("mtls-demo/"))
    })
}

fn variable<'a>(container: &'a Value, name: &str) -> &'a Value {
    list(&container["env"]).find(|variable| variable["name"] == name).unwrap_or(&Value::Null)
}
