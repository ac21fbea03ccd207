//! What `certs secrets` prints is what the pods mount, and with the pods' own settings the services
//! live on it.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use e2e::curl::Curl;
use e2e::identity::Identity;
use e2e::manifests::{Manifests, Pod, labels, list};
use e2e::pki::TestPki;
use e2e::service::{Launch, Service};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::BESIDE;

#[test]
fn every_secret_that_a_pod_mounts_is_printed_with_every_key_that_is_read() -> Result<()> {
    let pki = TestPki::new()?;
    let printed = Manifests::read(&pki.certs(&["secrets"])?.stdout)?;
    let template = fs::read_to_string(e2e::binaries::workspace().join("k8s/secrets.yaml"))?;
    let template = Manifests::read(&template)?;

    let mut pods = Manifests::with(&BESIDE)?.pods();
    pods.extend(Manifests::example("httpbin")?.pods());
    let mut mounted: Vec<&str> = pods.iter().filter_map(secret_of).collect();
    mounted.sort_unstable();

    assert_eq!(mounted, ["api-service-certs", "client-service-certs", "gateway-certs"]);
    assert_eq!(printed.names("Secret"), mounted);
    assert_eq!(template.names("Secret"), mounted);
    for name in mounted {
        let (secret, pattern) = (printed.one("Secret", name)?, template.one("Secret", name)?);
        let keys: Vec<&String> = secret["data"].as_object().context("data")?.keys().collect();
        assert_eq!(keys, ["tls.crt", "tls.key", "ca.crt", "ca.crl"]);
        let pattern_keys = pattern["data"].as_object().context("data")?.keys();
        assert!(pattern_keys.filter(|key| !key.contains(' ')).eq(keys));
        assert_eq!(secret["type"], "kubernetes.io/tls");
        assert_eq!(pattern["type"], secret["type"]);
        assert_eq!(pattern["metadata"]["labels"], secret["metadata"]["labels"]);
    }
    Ok(())
}

#[test]
fn with_the_pods_own_settings_the_services_trust_each_other_in_any_namespace() -> Result<()> {
    for namespace in ["default", "demo"] {
        let pki = TestPki::in_namespace(namespace)?;
        let cluster = Cluster::of(&pki, namespace)?;
        let api = cluster.start("api-service", &[])?;
        let client = cluster.client(&api)?;

        let answer = Curl::get(&client.url("/proxy/data")).run()?;

        assert_eq!(answer.status, 200, "{}", answer.body);
        let id = format!("spiffe://mtls-demo.local/ns/{namespace}/sa/client-service");
        assert_eq!(answer.json()?["apiResponse"]["clientCert"]["spiffeId"], id);
        for service in [&api, &client] {
            assert_eq!(service.admin("/livez")?, "the process serves\n");
            let ready: Value = serde_json::from_str(&service.admin("/readyz")?)?;
            assert_eq!(ready["ready"], true);
        }
    }
    Ok(())
}

#[test]
fn secrets_of_another_namespace_are_refused_by_the_pods_there() -> Result<()> {
    let pki = TestPki::new()?;
    let good = Cluster::of(&pki, "default")?;
    let api = good.start("api-service", &[])?;
    assert_eq!(Curl::get(&good.client(&api)?.url("/proxy/data")).run()?.status, 200);

    let misplaced = Cluster { namespace: "demo".to_owned(), ..good };
    let answer = Curl::get(&misplaced.client(&api)?.url("/proxy/data")).run()?;

    assert_eq!(answer.status, 502);
    assert_eq!(answer.json()?["refusal"]["code"], "wrong-name");
    Ok(())
}

/// The Secrets in a cluster, as pods see them: mounted as files.
struct Cluster {
    manifests: Manifests,
    mounts: TempDir,
    namespace: String,
}

impl Cluster {
    fn of(pki: &TestPki, namespace: &str) -> Result<Self> {
        let mounts = tempfile::tempdir()?;
        let printed = Manifests::read(&pki.certs(&["secrets"])?.stdout)?;
        for secret in printed.all("Secret") {
            assert_eq!(secret["metadata"]["namespace"], namespace);
            let name = secret["metadata"]["name"].as_str().context("a name")?;
            mount(secret, &mounts.path().join(name))?;
        }
        Ok(Self { manifests: Manifests::with(&[])?, mounts, namespace: namespace.to_owned() })
    }

    /// A service with its pod's environment, but for where loopback stands in for the pod's network.
    fn start(&self, name: &'static str, others: &[(&str, &str)]) -> Result<Service> {
        let pod = self.manifests.pods().into_iter().find(|pod| pod.name == name);
        let pod = pod.context("a pod")?;
        let secret = secret_of(&pod).context("a Secret")?;
        let environment = environment(&pod, &self.namespace)?;
        assert_eq!(environment["CERT_PATH"], "/certs");
        let mut launch = Launch::of(name);
        for (variable, value) in &environment {
            launch = launch.set(variable, value);
        }
        launch = launch.identity(&Identity::at(self.mounts.path().join(secret)));
        for (variable, value) in [
            ("HOST", "127.0.0.1"),
            ("PORT", "0"),
            ("ADMIN_HOST", "127.0.0.1"),
            ("ADMIN_PORT", "0"),
            // Where a Launch reads the ports that were chosen.
            ("LOG_FORMAT", "json"),
        ]
        .iter()
        .chain(others)
        {
            assert!(environment.contains_key(*variable), "{name} {variable}");
            launch = launch.set(variable, value);
        }
        launch.start()
    }

    fn client(&self, api: &Service) -> Result<Service> {
        let (url, address) = (api.url(""), api.address.to_string());
        self.start("client-service", &[("API_SERVICE_URL", &url), ("API_RESOLVE", &address)])
    }
}

/// The environment of a pod's own container, as the kubelet would fill it in.
fn environment(pod: &Pod, namespace: &str) -> Result<BTreeMap<String, String>> {
    let mut known = BTreeMap::new();
    for variable in pod.containers().flat_map(|container| list(&container["env"])) {
        let name = variable["name"].as_str().context("a name")?;
        let value = match variable["value"].as_str() {
            Some(text) => {
                known.iter().fold(text.to_owned(), |text, (name, value): (&String, &String)| {
                    text.replace(&format!("$({name})"), value)
                })
            }
            None => {
                let field = json!({ "fieldRef": { "fieldPath": "metadata.namespace" } });
                assert_eq!(variable["valueFrom"], field, "{name}");
                namespace.to_owned()
            }
        };
        assert!(!value.contains("$("), "{name} refers to what stands after it: {value}");
        known.insert(name.to_owned(), value);
    }
    // Not a setting of the service.
    known.remove("NAMESPACE");
    Ok(known)
}

fn mount(secret: &Value, at: &Path) -> Result<()> {
    fs::create_dir(at)?;
    for (file, content) in labels(&secret["data"]) {
        fs::write(at.join(file), BASE64_STANDARD.decode(content)?)?;
    }
    Ok(())
}

fn secret_of(pod: &Pod) -> Option<&str> {
    list(&pod.spec["volumes"]).find_map(|volume| volume["secret"]["secretName"].as_str())
}
