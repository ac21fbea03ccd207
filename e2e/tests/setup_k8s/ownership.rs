//! Nothing of other people is overwritten or deleted, wherever it is.

use std::fs;

use anyhow::{Context, Result, ensure};
use e2e::cluster::Cluster;
use e2e::manifests::labels;
use serde_json::{Value, json};

use crate::machine;

#[test]
fn an_object_of_somebody_else_is_named_and_nothing_is_changed() -> Result<()> {
    let cluster = Cluster::start("prod-eu", &[])?;
    let fakes = machine(&cluster)?;
    let arguments = ["k8s", "--registry", "registry.example/team"];
    for (resource, kind, name) in [
        ("configmaps", "ConfigMap", "unrelated"),
        ("secrets", "Secret", "gateway-certs"),
        ("deployments", "Deployment", "web"),
    ] {
        cluster.put(resource, &foreign(kind, name, &json!({})))?;
    }
    fakes.setup(&arguments, &[])?.good()?;
    fakes.setup(&["down"], &[])?.good()?;
    let before = (cluster.changes().len(), fakes.calls().len());

    for (resource, kind, name) in [
        ("deployments", "Deployment", "api-service"),
        ("horizontalpodautoscalers", "HorizontalPodAutoscaler", "client-service"),
        ("networkpolicies", "NetworkPolicy", "api-service-default-deny"),
        ("poddisruptionbudgets", "PodDisruptionBudget", "client-service"),
        ("secrets", "Secret", "api-service-certs"),
        ("secrets", "Secret", "client-service-certs"),
        ("serviceaccounts", "ServiceAccount", "api-service"),
        ("services", "Service", "client-service"),
    ] {
        // A label of ours in another meaning makes it no object of ours.
        let labels = json!({ "app": "api-service", "app.kubernetes.io/part-of": "shop" });
        cluster.put(resource, &foreign(kind, name, &labels))?;

        let outcome = fakes.setup(&arguments, &[])?;
        let down = fakes.setup(&["down"], &[])?.good()?;

        assert_eq!(outcome.code, Some(1), "{outcome:?}");
        for words in [&*format!(" {kind}/{name}"), "prod-eu", "namespace default", "NAMESPACE"] {
            ensure!(outcome.stderr.contains(words), "{words}: {}", outcome.stderr);
        }
        ensure!(!down.stderr.contains(kind), "{down:?}");
        ensure!(cluster.object("default", resource, name)?.is_some(), "{kind} {name} is gone");
        cluster.remove("default", resource, name)?;
    }
    assert_eq!(cluster.changes().len(), before.0);
    let calls = fakes.calls().split_off(before.1);
    ensure!(!calls.iter().any(|call| call.starts_with("docker build")), "{calls:#?}");
    Ok(())
}

#[test]
fn down_deletes_what_setup_applied_and_names_what_was_applied_by_hand() -> Result<()> {
    let cluster = Cluster::start("kind-demo", &[])?;
    let fakes = machine(&cluster)?;
    fakes.setup(&["k8s"], &[])?.good()?;
    let by_hand = foreign("ConfigMap", "gateway-config", &ours("gateway"));
    cluster.put("configmaps", &by_hand)?;
    cluster.put("secrets", &foreign("Secret", "orders-certs", &ours("orders")))?;
    cluster.put("services", &foreign("Service", "other", &json!({ "app": "api-service" })))?;

    let first = fakes.setup(&["down"], &[])?.good()?;
    let second = fakes.setup(&["down"], &[])?.good()?;

    ensure!(first.stderr.contains("context kind-demo, namespace default: deleting "), "{first:?}");
    for (resource, name) in [
        ("deployments", "api-service"),
        ("secrets", "client-service-certs"),
        ("services", "api-service"),
    ] {
        ensure!(cluster.object("default", resource, name)?.is_none(), "{resource}/{name} is there");
    }
    let left = "context kind-demo, namespace default: setup.sh did not apply these, and leaves them: \
                ConfigMap/gateway-config Secret/orders-certs\n";
    ensure!(first.stderr.ends_with(left), "{first:?}");
    ensure!(cluster.object("default", "secrets", "orders-certs")?.is_some());
    ensure!(cluster.object("default", "services", "other")?.is_some());
    assert_eq!((second.stdout.as_str(), second.stderr.as_str()), ("", left));
    Ok(())
}

#[test]
fn what_is_applied_by_hand_stays_as_it_is() -> Result<()> {
    let cluster = Cluster::start("kind-demo", &[])?;
    let fakes = machine(&cluster)?;
    let applied = cluster.kubectl(&["apply", "-n", "default", "-k", "k8s"], "")?.good()?;
    let before = cluster.changes();

    let down = fakes.setup(&["down"], &[])?.good()?;

    ensure!(applied.stdout.contains("deployment.apps/api-service created"), "{applied:?}");
    assert_eq!(cluster.changes(), before);
    ensure!(down.stderr.contains("did not apply these, and leaves them: Deployment/api-service"));
    Ok(())
}

#[test]
fn down_says_nothing_of_what_is_not_there() -> Result<()> {
    let cluster = Cluster::start("prod-eu", &[])?;
    cluster.put("deployments", &foreign("Deployment", "api-service", &json!({})))?;
    let other_people = machine(&cluster)?;
    let silent = machine(&cluster)?.with("kubectl", "exit 1")?;
    let nothing = machine(&cluster)?.with("docker", "")?;

    let outcomes = [other_people.setup(&["down"], &[])?, silent.setup(&["down"], &[])?];
    let without_compose = nothing.setup(&["down"], &[])?.good()?;

    for outcome in outcomes {
        let outcome = outcome.good()?;
        assert_eq!((outcome.stdout.as_str(), outcome.stderr.as_str()), ("", ""));
    }
    assert_eq!(without_compose.stderr, "");
    ensure!(!nothing.calls().iter().any(|call| call.contains(" down ")), "{:?}", nothing.calls());
    let compose = "docker compose --project-name mtls-demo down --remove-orphans";
    ensure!(other_people.calls().iter().any(|call| call == compose));
    assert_eq!(cluster.changes(), Vec::<String>::new());
    Ok(())
}

#[test]
fn down_mentions_another_namespace_where_it_may_list_it() -> Result<()> {
    let cluster = Cluster::start("kind-demo", &[])?;
    let fakes = machine(&cluster)?;
    fakes.setup(&["k8s"], &[("NAMESPACE", "shop")])?.good()?;
    let before = cluster.changes();

    let shown = fakes.setup(&["down"], &[])?.good()?;
    cluster.forbid(
        "deployments services secrets serviceaccounts networkpolicies poddisruptionbudgets \
         horizontalpodautoscalers configmaps",
    )?;
    let forbidden = fakes.setup(&["down"], &[])?.good()?;

    let words = "mtls-demo is in namespace shop too: \"NAMESPACE=shop ./setup.sh down\" removes";
    ensure!(shown.stderr.starts_with(words), "{shown:?}");
    assert_eq!(shown.stderr.lines().count(), 1);
    assert_eq!(forbidden.stderr, "");
    assert_eq!(cluster.changes(), before);
    fakes.setup(&["down"], &[("NAMESPACE", "shop")])?.good()?;
    ensure!(cluster.object("shop", "deployments", "api-service")?.is_none());
    Ok(())
}

#[test]
fn only_setup_adds_its_label_and_to_metadata_alone() -> Result<()> {
    let cluster = Cluster::start("kind-demo", &[])?;
    let fakes = machine(&cluster)?;

    fakes.setup(&["k8s"], &[])?.good()?;

    let label = "app.kubernetes.io/managed-by";
    for change in cluster.changes() {
        let place = change.strip_prefix("POST default ").and_then(|place| place.split_once('/'));
        let (resource, name) = place.with_context(|| change.clone())?;
        let object = cluster.object("default", resource, name)?.context("an object")?;
        let mut found = labels(&object["metadata"]["labels"]);
        assert_eq!(found.remove(label).as_deref(), Some("mtls-demo-setup"), "{change}");
        assert_eq!(found["app.kubernetes.io/part-of"], "mtls-demo", "{change}");
        ensure!(found.contains_key("app"), "{change}");
        ensure!(!object["spec"].to_string().contains(label), "{change}");
    }
    for file in fs::read_dir(fakes.file("tree/k8s"))? {
        let file = file?.path();
        let text = if file.is_file() { fs::read_to_string(file)? } else { String::new() };
        ensure!(!text.contains(label));
    }
    Ok(())
}

/// An object as somebody else made it.
fn foreign(kind: &str, name: &str, labels: &Value) -> Value {
    let version = match kind {
        "Deployment" => "apps/v1",
        "HorizontalPodAutoscaler" => "autoscaling/v2",
        "NetworkPolicy" => "networking.k8s.io/v1",
        "PodDisruptionBudget" => "policy/v1",
        _ => "v1",
    };
    let metadata = json!({ "name": name, "namespace": "default", "labels": labels });
    json!({ "apiVersion": version, "kind": kind, "metadata": metadata })
}

fn ours(app: &str) -> Value {
    json!({ "app": app, "app.kubernetes.io/part-of": "mtls-demo" })
}
