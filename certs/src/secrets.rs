//! `certs secrets`: prints identities as Kubernetes Secrets, to pipe to the cluster.

use std::io::IsTerminal;

use authority::{Directory, IdentityName};
use clap::Args;
use serde_json::json;
use time::OffsetDateTime;

use self::secret::Secret;
use crate::identities::check_namespace;
use crate::problems::Problems;
use crate::scope::NAMES;

mod namespace;
mod secret;

/// Prints identities as Kubernetes Secrets, private keys included, to pipe to kubectl
///
/// NAME becomes the Secret NAME-certs of type kubernetes.io/tls with the keys tls.crt, tls.key,
/// ca.crt, and ca.crl if it exists. Nothing is printed unless every identity is fit for use, as
/// the services verify it. Nothing is written to disk, and no key is printed to a terminal.
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Secrets {
    /// An identity; may be repeated [default: api-service, client-service and gateway]
    #[arg(long = "name", value_name = "NAME")]
    names: Vec<String>,
    /// The namespace of the Secrets; it must match the names in the certificates
    /// [default: the namespace in those names]
    #[arg(long, value_name = "NAME")]
    namespace: Option<String>,
    /// yaml or json
    #[arg(long, value_name = "FORM", default_value = "yaml")]
    output: String,
    /// Print the keys to a terminal as well
    #[arg(long)]
    show_keys: bool,
}

#[derive(Clone, Copy, Debug)]
enum Form {
    Json,
    Yaml,
}

impl Secrets {
    pub(crate) fn run(&self, directory: &Directory) -> anyhow::Result<String> {
        let (names, form) = self.check()?;
        let namespace = self.namespace.as_deref();
        let now = OffsetDateTime::now_utc();
        // The lock prevents a Secret with the key of one certificate and another certificate.
        let _locked = directory.lock()?;
        let mut problems = Problems::default();
        let secrets: Vec<Secret> = names
            .iter()
            .filter_map(|name| match Secret::read(name, directory, namespace, now) {
                Ok(secret) => Some(secret),
                Err(bad) => {
                    bad.iter().for_each(|problem| problems.add(problem));
                    None
                }
            })
            .collect();
        problems.settle()?;
        Ok(match form {
            Form::Json => {
                let items: Vec<_> = secrets.iter().map(Secret::json).collect();
                let list = json!({ "apiVersion": "v1", "kind": "List", "items": items });
                format!("{list:#}\n")
            }
            Form::Yaml => secrets.iter().map(Secret::yaml).collect(),
        })
    }

    fn check(&self) -> anyhow::Result<(Vec<IdentityName>, Form)> {
        let mut problems = Problems::default();
        let form = problems.take(match self.output.as_str() {
            "json" => Ok(Form::Json),
            "yaml" => Ok(Form::Yaml),
            other => Err(format!("\"{other}\" is not an output format: give yaml or json")),
        });
        if let Some(namespace) = &self.namespace {
            problems.take(check_namespace(namespace));
        }
        if std::io::stdout().is_terminal() && !self.show_keys {
            problems.add(
                "private keys are not printed to a terminal: write \"certs secrets | kubectl \
                 apply -f -\", or add --show-keys",
            );
        }
        let all = NAMES.map(str::to_owned);
        let names = if self.names.is_empty() { &all } else { self.names.as_slice() };
        let names = names.iter().filter_map(|name| problems.take(name.parse())).collect();
        problems.settle()?;
        Ok((names, form.unwrap_or(Form::Yaml)))
    }
}

const EXAMPLES: &str = "\
Examples:
  certs secrets | kubectl apply -f -
  certs secrets --name client-service | kubectl apply -f -
  certs secrets --dir certs/pki-demo --namespace demo | kubectl apply -f -";
