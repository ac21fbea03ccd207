//! A stand-in for a Kubernetes API server, for the real kubectl where there is no cluster.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};
use serde_json::Value;
use tempfile::TempDir;

use crate::binaries::workspace;
use crate::deadline::eventually;
use crate::manifests::kubectl;
use crate::program::{Outcome, Program};

/// The running stand-in, `e2e/foreign/cluster.py`, and its objects.
#[derive(Debug)]
pub struct Cluster {
    directory: TempDir,
    _server: Program,
}

impl Cluster {
    /// Starts one whose context has this name; it knows cert-manager's kinds where `with` says so.
    ///
    /// # Errors
    ///
    /// Python is not there.
    pub fn start(context: &str, with: &[&str]) -> Result<Self> {
        let directory = tempfile::tempdir()?;
        for name in with {
            fs::write(directory.path().join(name), "")?;
        }
        let mut command = Command::new("python3");
        command.arg(workspace().join("e2e/foreign/cluster.py")).arg(directory.path());
        let server = Program::start(&mut command, "python3")?;
        let port =
            eventually("the stand-in's port", || Ok(server.stdout().trim().parse::<u16>().ok()))?;
        let configuration = format!(
            "{{apiVersion: v1, kind: Config, current-context: {context}, \
             contexts: [{{name: {context}, context: {{cluster: c, user: u}}}}], \
             clusters: [{{name: c, cluster: {{server: \"http://127.0.0.1:{port}\"}}}}], \
             users: [{{name: u, user: {{}}}}]}}"
        );
        fs::write(directory.path().join("kubeconfig"), configuration)?;
        Ok(Self { directory, _server: server })
    }

    /// The file for `KUBECONFIG`.
    pub fn kubeconfig(&self) -> PathBuf {
        self.directory.path().join("kubeconfig")
    }

    /// Runs the real kubectl on it, with this on its standard input.
    ///
    /// # Errors
    ///
    /// It is not there, or does not end. That it fails is an answer.
    pub fn kubectl(&self, arguments: &[&str], input: &str) -> Result<Outcome> {
        let mut command = Command::new(kubectl()?);
        command.args(arguments).current_dir(workspace()).env("HOME", self.directory.path());
        command.env("KUBECONFIG", self.kubeconfig());
        Program::run(&mut command, "kubernetes-client", input.as_bytes())
    }

    /// Puts an object there, past kubectl.
    ///
    /// # Errors
    ///
    /// It cannot be written.
    pub fn put(&self, resource: &str, object: &Value) -> Result<()> {
        let name = object["metadata"]["name"].as_str().context("a name")?;
        let namespace = object["metadata"]["namespace"].as_str().unwrap_or("-");
        let path = self.file(namespace, resource, name);
        fs::create_dir_all(path.parent().unwrap_or(&path))?;
        Ok(fs::write(path, object.to_string())?)
    }

    /// Removes an object, past kubectl.
    ///
    /// # Errors
    ///
    /// It is not there.
    pub fn remove(&self, namespace: &str, resource: &str, name: &str) -> Result<()> {
        Ok(fs::remove_file(self.file(namespace, resource, name))?)
    }

    /// The object of this name, if there is one.
    ///
    /// # Errors
    ///
    /// It is not JSON.
    pub fn object(&self, namespace: &str, resource: &str, name: &str) -> Result<Option<Value>> {
        match fs::read_to_string(self.file(namespace, resource, name)) {
            Ok(text) => Ok(Some(serde_json::from_str(&text)?)),
            Err(_) => Ok(None),
        }
    }

    /// Which resources may not be listed in all namespaces.
    ///
    /// # Errors
    ///
    /// It cannot be written.
    pub fn forbid(&self, resources: &str) -> Result<()> {
        Ok(fs::write(self.directory.path().join("forbidden"), resources)?)
    }

    /// The requests that changed something, such as `POST default secrets/api-service-certs`.
    pub fn changes(&self) -> Vec<String> {
        let changes = fs::read_to_string(self.directory.path().join("changes"));
        changes.unwrap_or_default().lines().map(str::to_owned).collect()
    }

    fn file(&self, namespace: &str, resource: &str, name: &str) -> PathBuf {
        let objects: &Path = self.directory.path();
        objects.join("objects").join(namespace).join(resource).join(format!("{name}.json"))
    }
}
