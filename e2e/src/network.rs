//! The network that NetworkPolicies make: which pod reaches which, as the API reference of
//! `networking.k8s.io/v1` has it.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::manifests::{Manifests, list, selects};

/// One end of a connection.
#[derive(Clone, Debug)]
pub struct Endpoint {
    address: String,
    labels: BTreeMap<String, String>,
    /// None for what is no pod.
    namespace: Option<String>,
}

/// The policies of one namespace, and what passes through them.
#[derive(Clone, Debug)]
pub struct Network {
    namespace: String,
    policies: Vec<Value>,
}

impl Endpoint {
    /// A pod, by its namespace and its labels.
    pub fn pod<K: ToString, V: ToString>(
        namespace: &str,
        labels: impl IntoIterator<Item = (K, V)>,
    ) -> Self {
        let labels = labels.into_iter().map(|(key, value)| (key.to_string(), value.to_string()));
        Self {
            address: "10.0.0.1".to_owned(),
            labels: labels.collect(),
            namespace: Some(namespace.to_owned()),
        }
    }

    /// Something that is no pod of the cluster.
    pub fn outside(address: &str) -> Self {
        Self { address: address.to_owned(), labels: BTreeMap::new(), namespace: None }
    }
}

impl Network {
    /// The policies of these manifests, applied to that namespace.
    pub fn of(manifests: &Manifests, namespace: &str) -> Self {
        let policies = manifests.all("NetworkPolicy").cloned().collect();
        Self { namespace: namespace.to_owned(), policies }
    }

    /// Whether a packet may leave the one and enter the other; `to` is a port such as `TCP 3000`.
    pub fn passes(&self, from: &Endpoint, to: &Endpoint, port: &str) -> bool {
        self.admits(from, "Egress", "egress", "to", to, port)
            && self.admits(to, "Ingress", "ingress", "from", from, port)
    }

    /// A pod that no policy isolates in this direction is open; else one rule of one must admit.
    fn admits(
        &self,
        pod: &Endpoint,
        kind: &str,
        rules: &str,
        peers: &str,
        other: &Endpoint,
        port: &str,
    ) -> bool {
        let isolating: Vec<&Value> = self
            .policies
            .iter()
            .map(|policy| &policy["spec"])
            .filter(|_| pod.namespace.as_ref() == Some(&self.namespace))
            .filter(|spec| selects(&spec["podSelector"], &pod.labels))
            .filter(|spec| list(&spec["policyTypes"]).any(|listed| listed == kind))
            .collect();
        let admits = |rule: &Value| {
            let is_peer =
                rule[peers].is_null() || list(&rule[peers]).any(|peer| self.is_peer(peer, other));
            let is_port = rule["ports"].is_null()
                || list(&rule["ports"]).any(|listed| {
                    port == format!(
                        "{} {}",
                        listed["protocol"].as_str().unwrap_or("TCP"),
                        listed["port"]
                    )
                });
            is_peer && is_port
        };
        isolating.is_empty() || isolating.iter().any(|spec| list(&spec[rules]).any(admits))
    }

    fn is_peer(&self, peer: &Value, other: &Endpoint) -> bool {
        if let Some(block) = peer["ipBlock"]["cidr"].as_str() {
            // Single addresses are all that our policies name.
            return other.namespace.is_none() && block == format!("{}/32", other.address);
        }
        let Some(namespace) = &other.namespace else {
            return false;
        };
        let in_namespace = match &peer["namespaceSelector"] {
            Value::Null => *namespace == self.namespace,
            selector => {
                let name = ("kubernetes.io/metadata.name".to_owned(), namespace.clone());
                selects(selector, &BTreeMap::from([name]))
            }
        };
        in_namespace
            && (peer["podSelector"].is_null() || selects(&peer["podSelector"], &other.labels))
    }
}
