//! What is applied to a cluster, as `kubectl kustomize` renders it.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};
use serde_json::Value;
use tempfile::TempDir;

use crate::binaries::{target, workspace};
use crate::program::Program;

/// The manifests of one kustomization.
#[derive(Clone, Debug)]
pub struct Manifests(Vec<Value>);

/// A pod as a Deployment makes it.
#[derive(Clone, Debug)]
pub struct Pod {
    /// Its labels.
    pub labels: BTreeMap<String, String>,
    /// The name of its Deployment.
    pub name: String,
    /// Its specification.
    pub spec: Value,
}

impl Manifests {
    /// `k8s/` with these components, chosen in its kustomization as its comments say.
    ///
    /// # Errors
    ///
    /// It cannot be rendered.
    pub fn with(components: &[&str]) -> Result<Self> {
        Self::edited(|text| choose(text, components))
    }

    /// `k8s/` with every component, in a namespace of its own.
    ///
    /// # Errors
    ///
    /// It cannot be rendered.
    pub fn in_namespace(namespace: &str) -> Result<Self> {
        let path = "components/cert-manager/namespace.yaml";
        let end = format!("namespace: {namespace}\nreplacements:\n  - path: {path}\n");
        Self::edited(|text| {
            Ok(text.replace("# components:", "components:").replace("#   -", "  -") + &end)
        })
    }

    /// An example below `k8s/examples/`.
    ///
    /// # Errors
    ///
    /// It cannot be rendered.
    pub fn example(name: &str) -> Result<Self> {
        Self::render(&workspace().join("k8s/examples").join(name))
    }

    /// The same with components that are chosen after its own.
    ///
    /// # Errors
    ///
    /// It cannot be rendered.
    pub fn example_with(name: &str, components: &[&str]) -> Result<Self> {
        let place = copy()?;
        let tree = place.path().join("k8s/examples").join(name);
        let file = tree.join("kustomization.yaml");
        let lines = components.iter().map(|name| format!("  - ../../components/{name}\n"));
        let text = fs::read_to_string(&file)? + &lines.collect::<String>();
        fs::write(&file, text)?;
        Self::render(&tree)
    }

    /// Any kustomization, by its directory.
    ///
    /// # Errors
    ///
    /// It cannot be rendered.
    pub fn render(tree: &Path) -> Result<Self> {
        let mut command = Command::new(kubectl()?);
        command.arg("kustomize").arg(tree);
        Self::read(&Program::run(&mut command, "kubernetes-client", b"")?.good()?.stdout)
    }

    /// A stream of YAML documents.
    ///
    /// # Errors
    ///
    /// It is none.
    pub fn read(yaml: &str) -> Result<Self> {
        Ok(Self(serde_saphyr::from_multiple(yaml)?))
    }

    /// These and others, as they are in one cluster.
    #[must_use]
    pub fn and(mut self, others: &Self) -> Self {
        self.0.extend(others.0.iter().cloned());
        self
    }

    /// All of them.
    pub fn each(&self) -> impl Iterator<Item = &Value> {
        self.0.iter()
    }

    /// Those of a kind.
    pub fn all(&self, kind: &str) -> impl Iterator<Item = &Value> {
        self.0.iter().filter(move |manifest| manifest["kind"] == kind)
    }

    /// The one of a kind that has this name.
    ///
    /// # Errors
    ///
    /// There is none, or more than one.
    pub fn one(&self, kind: &str, name: &str) -> Result<&Value> {
        let mut found = self.all(kind).filter(|manifest| manifest["metadata"]["name"] == name);
        let one = found.next().with_context(|| format!("there is no {kind} {name}"))?;
        ensure!(found.next().is_none(), "there are two of {kind} {name}");
        Ok(one)
    }

    /// The names of those of a kind.
    pub fn names(&self, kind: &str) -> Vec<&str> {
        self.all(kind).filter_map(|manifest| manifest["metadata"]["name"].as_str()).collect()
    }

    /// The pods of the Deployments.
    pub fn pods(&self) -> Vec<Pod> {
        self.all("Deployment").map(Pod::of).collect()
    }

    fn edited(edit: impl FnOnce(&str) -> Result<String>) -> Result<Self> {
        let place = copy()?;
        let tree = place.path().join("k8s");
        let file = tree.join("Kustomization");
        fs::write(&file, edit(&fs::read_to_string(&file)?)?)?;
        Self::render(&tree)
    }
}

impl Pod {
    fn of(deployment: &Value) -> Self {
        let template = &deployment["spec"]["template"];
        Self {
            labels: labels(&template["metadata"]["labels"]),
            name: deployment["metadata"]["name"].as_str().unwrap_or_default().to_owned(),
            spec: template["spec"].clone(),
        }
    }

    /// Its containers.
    pub fn containers(&self) -> impl Iterator<Item = &Value> {
        list(&self.spec["containers"])
    }

    /// The number of a port that is given as a name or a number.
    ///
    /// # Errors
    ///
    /// No container, or more than one, has it.
    pub fn port(&self, port: &Value) -> Result<u64> {
        let ports = self.containers().flat_map(|container| list(&container["ports"]));
        let mut found = ports.filter(|p| &p["name"] == port || &p["containerPort"] == port);
        let one = found.next().with_context(|| format!("{} has no port {port}", self.name))?;
        ensure!(found.next().is_none(), "{} has two ports {port}", self.name);
        one["containerPort"].as_u64().context("a port must have a number")
    }
}

/// A copy of `k8s/`.
fn copy() -> Result<TempDir> {
    let place = tempfile::tempdir()?;
    let mut copy = Command::new("cp");
    copy.arg("-R").arg(workspace().join("k8s")).arg(place.path());
    Program::run(&mut copy, "coreutils", b"")?.good()?;
    Ok(place)
}

/// The kubectl of this machine; where it has none that knows components, the one that
/// e2e/k8s/check.py fetched.
///
/// # Errors
///
/// This is no test that cargo built.
pub fn kubectl() -> Result<PathBuf> {
    let own = target()?.join("k8s/bin/kubectl");
    Ok(if own.exists() { own } else { "kubectl".into() })
}

/// The text of `k8s/Kustomization` with the lines of these components no longer comments.
///
/// # Errors
///
/// It has no line for one of them.
pub fn choose(kustomization: &str, components: &[&str]) -> Result<String> {
    let mut text = kustomization.to_owned();
    let lines = components.iter().map(|name| format!("  - components/{name}\n"));
    for line in std::iter::once("components:\n".to_owned()).chain(lines) {
        ensure!(text.contains(&format!("# {line}")), "no line \"# {line}\" to uncomment");
        if !components.is_empty() {
            text = text.replace(&format!("# {line}"), &line);
        }
    }
    Ok(text)
}

/// A list in a manifest; none is an empty one.
pub fn list(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

/// The labels in a manifest.
pub fn labels(value: &Value) -> BTreeMap<String, String> {
    let pairs = value.as_object().into_iter().flatten();
    pairs.filter_map(|(key, value)| Some((key.clone(), value.as_str()?.to_owned()))).collect()
}

/// Whether a label selector selects these labels (Kubernetes, `LabelSelector`).
pub fn selects(selector: &Value, of: &BTreeMap<String, String>) -> bool {
    let equal = labels(&selector["matchLabels"]);
    equal.iter().all(|(key, value)| of.get(key) == Some(value))
        && list(&selector["matchExpressions"]).all(|expression| {
            let value = expression["key"].as_str().and_then(|key| of.get(key));
            let is_in = value.is_some_and(|v| list(&expression["values"]).any(|other| other == v));
            match expression["operator"].as_str() {
                Some("DoesNotExist") => value.is_none(),
                Some("Exists") => value.is_some(),
                Some("In") => is_in,
                Some("NotIn") => !is_in,
                _ => false,
            }
        })
}
