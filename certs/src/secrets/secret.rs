//! One identity as a Kubernetes Secret.

use std::{fmt::Write, fs, io::ErrorKind, path::Path};

use authority::{Directory, IdentityName};
use base64::{Engine, prelude::BASE64_STANDARD};
use mtls::credentials::{BadFile, Credentials, load_identity};
use mtls::pki::role::Role;
use mtls::pki::trust::Revocation;
use serde_json::{Map, Value, json};
use time::OffsetDateTime;

use super::namespace::namespace;
use crate::identities::is_label;

/// A Secret of type `kubernetes.io/tls`, with the files of a verified identity.
pub(super) struct Secret {
    app: String,
    /// The files' names and contents, in base64.
    data: Vec<(&'static str, String)>,
    namespace: Option<String>,
}

impl Secret {
    /// Reads the identity of that name, and verifies it for each role that it claims.
    ///
    /// # Errors
    ///
    /// All problems of the identity.
    pub(super) fn read(
        name: &IdentityName,
        directory: &Directory,
        wanted: Option<&str>,
        now: OffsetDateTime,
    ) -> Result<Self, Vec<String>> {
        if name.as_str().len() > 63 || !name.as_str().split('.').all(is_label) {
            return Err(vec![format!(
                "\"{name}\" is not a name for a Secret: Kubernetes takes lower-case letters, digits, \
                 dashes and dots, 63 at most; issue it under such a name"
            )]);
        }
        let path = directory.path().join(name.as_str());
        let certificate = load_identity(&path).map_err(words)?.certificate().clone();
        let claims =
            |role: &Role| certificate.extended_key_usage.iter().any(|p| p == role.purpose());
        let roles: Vec<Role> = [Role::Client, Role::Server].into_iter().filter(claims).collect();
        if roles.is_empty() {
            return Err(vec![format!(
                "{} is for neither clients nor servers: issue {name} with --usage",
                path.join("tls.crt").display()
            )]);
        }
        Credentials::load(&path, &roles, Revocation::Checked, now).map_err(words)?;
        let namespace = namespace(&certificate, wanted)
            .map_err(|problem| vec![format!("{}: {problem}", path.display())])?;
        let data = data(&path).map_err(|problem| vec![problem])?;
        Ok(Self { app: name.to_string(), data, namespace })
    }

    /// One YAML document. External strings are quoted as JSON, because some YAML parsers read `123`
    /// as a number and `no` as false.
    pub(super) fn yaml(&self) -> String {
        let mut text = "---\napiVersion: v1\nkind: Secret\nmetadata:\n".to_owned();
        let _ = writeln!(text, "  name: {}", self.name());
        if let Some(namespace) = &self.namespace {
            let _ = writeln!(text, "  namespace: {}", json!(namespace));
        }
        text.push_str("  labels:\n");
        for (key, value) in self.labels() {
            let _ = writeln!(text, "    {key}: {value}");
        }
        let _ = writeln!(text, "type: {TYPE}\ndata:");
        for (file, content) in &self.data {
            let _ = writeln!(text, "  {file}: {content}");
        }
        text
    }

    pub(super) fn json(&self) -> Value {
        let mut metadata = json!({ "name": self.name() });
        if let Some(namespace) = &self.namespace {
            metadata["namespace"] = json!(namespace);
        }
        metadata["labels"] = self.labels().into_iter().collect();
        let data: Map<_, _> =
            self.data.iter().map(|(file, content)| ((*file).to_owned(), json!(content))).collect();
        json!({
            "apiVersion": "v1", "kind": "Secret", "metadata": metadata, "type": TYPE, "data": data
        })
    }

    fn name(&self) -> Value {
        json!(format!("{}-certs", self.app))
    }

    fn labels(&self) -> [(&'static str, Value); 2] {
        [("app", json!(self.app)), ("app.kubernetes.io/part-of", json!("mtls-demo"))]
    }
}

fn data(path: &Path) -> Result<Vec<(&'static str, String)>, String> {
    let mut data = Vec::new();
    for file in ["tls.crt", "tls.key", "ca.crt", "ca.crl"] {
        match fs::read(path.join(file)) {
            Ok(content) => data.push((file, BASE64_STANDARD.encode(content))),
            Err(error) if file == "ca.crl" && error.kind() == ErrorKind::NotFound => {}
            Err(error) => {
                return Err(format!("cannot read {}: {error}", path.join(file).display()));
            }
        }
    }
    Ok(data)
}

fn words(bad: Vec<BadFile>) -> Vec<String> {
    bad.iter()
        .map(|bad| match bad {
            BadFile::NoDirectory(path) => {
                format!("no identity directory {}: run \"certs issue\"", path.display())
            }
            bad => bad.to_string(),
        })
        .collect()
}

const TYPE: &str = "kubernetes.io/tls";
