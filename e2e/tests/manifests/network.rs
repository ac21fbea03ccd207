//! Which pod reaches which: the NetworkPolicies, evaluated against the pods that they are to guard and
//! against those that they are to keep away.

use anyhow::Result;
use e2e::manifests::{Manifests, Pod};
use e2e::network::{Endpoint, Network};

#[test]
fn only_the_client_service_reaches_the_api_and_only_on_its_port() -> Result<()> {
    let network = Neighbours::of(&[])?;
    let twin = Endpoint::pod("elsewhere", [("app", "client-service")]);
    let kin =
        Endpoint::pod("default", [("app", "httpbin"), ("app.kubernetes.io/part-of", "mtls-demo")]);

    assert!(network.passes(&network.client, &network.api, "TCP 3000"));

    for port in ["TCP 9000", "TCP 22", "UDP 3000"] {
        assert!(!network.passes(&network.client, &network.api, port), "{port}");
    }
    for stranger in
        [&network.stranger, &network.api, &twin, &kin, &network.prometheus, &network.internet]
    {
        assert!(!network.passes(stranger, &network.api, "TCP 3000"), "{stranger:?}");
    }
    Ok(())
}

#[test]
fn only_the_monitoring_reaches_the_admin_ports() -> Result<()> {
    let network = Neighbours::of(&[])?;
    let beside = Endpoint::pod("monitoring", [("app.kubernetes.io/name", "grafana")]);
    let feigned = Endpoint::pod("default", [("app.kubernetes.io/name", "prometheus")]);
    let kin =
        Endpoint::pod("default", [("app", "httpbin"), ("app.kubernetes.io/part-of", "mtls-demo")]);

    for (pod, port) in [(&network.api, "TCP 9000"), (&network.client, "TCP 9001")] {
        assert!(network.passes(&network.prometheus, pod, port), "{port}");
        for other in [
            &network.stranger,
            &network.client,
            &network.api,
            &kin,
            &beside,
            &feigned,
            &network.internet,
        ] {
            assert!(!network.passes(other, pod, port), "{other:?}");
        }
    }
    Ok(())
}

#[test]
fn anybody_reaches_the_page() -> Result<()> {
    let network = Neighbours::of(&[])?;

    assert!(network.passes(&network.internet, &network.client, "TCP 4000"));
    assert!(network.passes(&network.stranger, &network.client, "TCP 4000"));
    assert!(!network.passes(&network.api, &network.client, "TCP 4000"), "the API calls nobody");
    Ok(())
}

#[test]
fn nothing_leaves_but_name_lookups_and_calls_to_the_api() -> Result<()> {
    let network = Neighbours::of(&[])?;
    let dns = Endpoint::pod("kube-system", [("k8s-app", "kube-dns")]);
    let cache = Endpoint::outside("169.254.20.10");
    let beside = Endpoint::pod("kube-system", [("k8s-app", "metrics-server")]);
    let feigned = Endpoint::pod("default", [("k8s-app", "kube-dns")]);

    for pod in [&network.api, &network.client] {
        for server in [&dns, &cache] {
            assert!(network.passes(pod, server, "UDP 53") && network.passes(pod, server, "TCP 53"));
            assert!(!network.passes(pod, server, "TCP 443"));
        }
        for other in [&beside, &feigned, &network.internet] {
            assert!(!network.passes(pod, other, "UDP 53"), "{other:?}");
        }
        for other in [&network.stranger, &network.internet, &network.prometheus] {
            assert!(!network.passes(pod, other, "TCP 443"), "{other:?}");
        }
    }
    Ok(())
}

#[test]
fn other_pods_are_left_alone() -> Result<()> {
    let network = Neighbours::of(&crate::BESIDE)?;

    assert!(network.passes(&network.stranger, &network.internet, "TCP 443"));
    assert!(network.passes(&network.internet, &network.stranger, "TCP 8080"));
    Ok(())
}

#[test]
fn without_the_allowing_policies_nothing_passes_at_all() -> Result<()> {
    let denying = Manifests::with(&[])?;
    let names = denying.names("NetworkPolicy");
    let denials: Vec<_> = names.iter().filter(|name| name.ends_with("-default-deny")).collect();
    assert_eq!(denials, [&"api-service-default-deny", &"client-service-default-deny"]);

    for name in denials {
        let policy = &denying.one("NetworkPolicy", name)?["spec"];
        assert_eq!(policy["policyTypes"], serde_json::json!(["Ingress", "Egress"]));
        assert!(policy["ingress"].is_null() && policy["egress"].is_null());
    }
    Ok(())
}

#[test]
fn a_pod_with_a_gateway_is_reached_through_it_alone() -> Result<()> {
    let manifests = Manifests::example("httpbin")?;
    let network = Network::of(&manifests, "default");
    let pods = manifests.pods();
    let httpbin = place(&pods[0]);
    let stranger = Endpoint::pod("elsewhere", [("app", "any")]);
    let prometheus = prometheus();

    assert!(network.passes(&stranger, &httpbin, "TCP 8443"));
    assert!(network.passes(&prometheus, &httpbin, "TCP 9002"));

    for port in ["TCP 8080", "TCP 80", "TCP 9002"] {
        assert!(!network.passes(&stranger, &httpbin, port), "{port}");
    }
    assert!(!network.passes(&prometheus, &httpbin, "TCP 8080"));
    Ok(())
}

#[test]
fn sidecars_of_a_mesh_reach_istiod_only_where_there_is_a_mesh() -> Result<()> {
    let (without, with) = (Neighbours::of(&[])?, Neighbours::of(&["mesh"])?);
    let istiod = Endpoint::pod("istio-system", [("app", "istiod")]);
    let beside = Endpoint::pod("istio-system", [("app", "ingressgateway")]);

    for pod in [&with.api, &with.client] {
        assert!(with.passes(pod, &istiod, "TCP 15012"));
        assert!(!without.passes(pod, &istiod, "TCP 15012"));
        assert!(!with.passes(pod, &beside, "TCP 15012"));
    }
    assert!(!with.passes(&with.stranger, &with.api, "TCP 3000"));
    Ok(())
}

/// The policies, the pods that they guard, and others.
struct Neighbours {
    api: Endpoint,
    client: Endpoint,
    internet: Endpoint,
    network: Network,
    prometheus: Endpoint,
    stranger: Endpoint,
}

impl Neighbours {
    fn of(components: &[&str]) -> Result<Self> {
        let manifests = Manifests::with(components)?;
        let pods = manifests.pods();
        Ok(Self {
            api: place(&pods[0]),
            client: place(&pods[1]),
            internet: Endpoint::outside("192.0.2.1"),
            network: Network::of(&manifests, "default"),
            prometheus: prometheus(),
            stranger: Endpoint::pod("default", [("app", "stranger")]),
        })
    }

    fn passes(&self, from: &Endpoint, to: &Endpoint, port: &str) -> bool {
        self.network.passes(from, to, port)
    }
}

fn place(pod: &Pod) -> Endpoint {
    Endpoint::pod("default", pod.labels.clone())
}

fn prometheus() -> Endpoint {
    Endpoint::pod("monitoring", [("app.kubernetes.io/name", "prometheus")])
}
