//! What the page has applied to a cluster.

use std::fs;

use anyhow::{Context, Result, ensure};
use e2e::manifests::{Manifests, Pod, list};
use e2e::network::{Endpoint, Network};
use serde_json::json;

use crate::workshop::Workshop;

#[test]
fn on_kubernetes_only_the_client_service_reaches_it() -> Result<()> {
    let workshop = Workshop::new()?;
    workshop.page.run("sh issue", workshop.path())?.good()?;
    let rendered = workshop.rendered()?;
    let base = workshop.render("k8s")?;
    let pods = rendered.pods();
    let [pod] = pods.as_slice() else { anyhow::bail!("{} Deployments", pods.len()) };

    let printed =
        Manifests::read(&workshop.page.run("sh secret", workshop.path())?.good()?.stdout)?;
    let secret = printed.one("Secret", "orders-certs")?;
    for file in ["tls.crt", "tls.key", "ca.crt", "ca.crl"] {
        ensure!(secret["data"][file].is_string(), "{file}");
    }
    assert_eq!(secret["metadata"]["namespace"], "default");
    is_restricted(pod)?;
    let volume = |name: &str| list(&pod.spec["volumes"]).find(|volume| volume["name"] == name);
    let certs = &volume("certs").context("an identity")?["secret"];
    assert_eq!(certs, &json!({ "secretName": "orders-certs", "defaultMode": 0o440 }));
    let file = volume("gateway-config").context("a file")?["configMap"]["name"].as_str();
    let file = &rendered.one("ConfigMap", file.context("a name")?)?["data"]["gateway.toml"];
    let local = workshop.page.block("toml orders.toml")?;
    assert_eq!(
        file.as_str().unwrap_or_default(),
        local
            .replace("127.0.0.1:8443", "0.0.0.0:8443")
            .replace("127.0.0.1:9002", "0.0.0.0:9002")
            .replace("certs/pki/orders", "/certs")
    );
    assert_eq!(rendered.names("ConfigMap"), ["orders-gateway", "orders-shop"]);
    let service = &rendered.one("Service", "orders")?["spec"];
    assert_eq!(pod.port(&service["ports"][0]["targetPort"])?, 8443);

    reached_by_the_client_alone(&base, &rendered, "TCP 8443", "TCP 9002")?;

    workshop.page.run("sh copy", workshop.path())?.good()?;
    let copy = fs::read_to_string(workshop.path().join("k8s/orders-deployment.yaml"))?;
    let policy = rendered.one("NetworkPolicy", "client-service-to-orders")?;
    let policy = policy.to_string().replace("8443", "3000");
    let copy = Manifests::read(&format!("{copy}\n---\n{policy}\n"))?;
    is_restricted(&copy.pods()[0])?;
    reached_by_the_client_alone(&base, &copy, "TCP 3000", "TCP 9000")
}

/// The Pod Security Standard `restricted`, where the page's own manifests could fall short of it.
fn is_restricted(pod: &Pod) -> Result<()> {
    let of_pod = &pod.spec["securityContext"];
    assert_eq!(of_pod["runAsNonRoot"], true);
    assert_eq!(of_pod["seccompProfile"], json!({ "type": "RuntimeDefault" }));
    assert_eq!(of_pod["fsGroup"], 65532);
    assert_eq!(pod.spec["automountServiceAccountToken"], false);
    for volume in list(&pod.spec["volumes"]) {
        ensure!(volume["secret"].is_object() || volume["configMap"].is_object(), "{volume}");
    }
    for container in pod.containers() {
        let (name, security) = (&container["name"], &container["securityContext"]);
        assert_eq!(security["allowPrivilegeEscalation"], false, "{name}");
        assert_eq!(security["capabilities"], json!({ "drop": ["ALL"] }), "{name}");
        assert_eq!(security["privileged"], false, "{name}");
        assert_eq!(security["readOnlyRootFilesystem"], true, "{name}");
        for mount in list(&container["volumeMounts"]) {
            assert!(mount["subPath"].is_null() && mount["subPathExpr"].is_null(), "{mount}");
            assert_eq!(mount["readOnly"], true, "{mount}");
        }
        for probe in ["startupProbe", "readinessProbe", "livenessProbe"] {
            let port = &container[probe]["httpGet"]["port"];
            ensure!(port.is_null() || port == "admin", "{name} {probe}");
        }
    }
    Ok(())
}

/// With the policies of `k8s/`, as they are and together with those of the page.
fn reached_by_the_client_alone(
    base: &Manifests,
    orders: &Manifests,
    port: &str,
    admin: &str,
) -> Result<()> {
    let labels = |name: &str| -> Result<Endpoint> {
        let all = base.pods().into_iter().chain(orders.pods());
        let pod = all.into_iter().find(|pod| pod.name == name);
        Ok(Endpoint::pod("default", pod.with_context(|| name.to_owned())?.labels))
    };
    let (orders_pod, client) = (labels("orders")?, labels("client-service")?);
    let api = labels("api-service")?;
    let network = Network::of(&base.clone().and(orders), "default");
    let prometheus = Endpoint::pod("monitoring", [("app.kubernetes.io/name", "prometheus")]);
    let internet = Endpoint::outside("192.0.2.1");
    let stranger = Endpoint::pod("default", [("app", "stranger")]);
    let twin = Endpoint::pod("elsewhere", [("app", "client-service")]);

    assert!(network.passes(&client, &orders_pod, port), "{port}");
    assert!(network.passes(&prometheus, &orders_pod, admin), "{admin}");
    assert!(network.passes(&client, &api, "TCP 3000"), "what was allowed still is");

    for other in [&api, &internet, &prometheus, &stranger, &twin, &orders_pod] {
        assert!(!network.passes(other, &orders_pod, port), "{other:?}");
    }
    for other in ["TCP 8000", "TCP 8080", admin] {
        assert!(!network.passes(&client, &orders_pod, other), "{other}");
    }
    for other in [&api, &internet, &stranger] {
        assert!(!network.passes(&orders_pod, other, "TCP 443"), "{other:?}");
    }
    // Without what the page adds to it, the client service's own policy would not let it out.
    let alone = Network::of(base, "default");
    assert!(!alone.passes(&client, &orders_pod, port));
    Ok(())
}
