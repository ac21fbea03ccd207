//! The settings of the client service.

use std::path::PathBuf;
use std::sync::Arc;

use clap::{CommandFactory, FromArgMatches, Parser};
use http::Uri;
use http::uri::{Authority, PathAndQuery, Scheme};
use mtls::credentials::CredentialStore;
use mtls::pki::role::Role;
use mtls::pki::spiffe::SpiffeId;
use service_kit::healthcheck;
use service_kit::settings::{Problems, ServiceArguments, ServiceSettings};

/// The web front of mtls-demo: a page whose button calls the API over mutual TLS.
///
/// Every setting is a flag and an environment variable; a flag wins.
#[derive(Debug, Parser)]
#[command(version)]
struct Arguments {
    #[command(flatten)]
    service: ServiceArguments,

    /// Where the API is: https://HOST:PORT
    #[arg(long, env = "API_SERVICE_URL", default_value = "https://api-service:3000")]
    #[arg(value_name = "URL")]
    api_service_url: String,

    /// Where the API's addresses come from: HOST:PORT, or several with commas between; empty: the
    /// host of its URL. Each address has connections of its own, and gets requests by turns; the
    /// name to prove is the URL's all the same
    #[arg(long, env = "API_RESOLVE", value_name = "HOSTS", default_value = "")]
    api_resolve: String,

    /// SPIFFE ID that the API's certificate must have besides its name; empty switches it off
    #[arg(long, env = "API_SPIFFE_ID", value_name = "ID")]
    #[arg(default_value = "spiffe://mtls-demo.local/ns/default/sa/api-service")]
    api_spiffe_id: String,

    /// Directory with tls.crt and tls.key to serve the page by HTTPS; without it, by HTTP
    #[arg(long, env = "WEB_CERT_PATH", value_name = "DIRECTORY")]
    web_cert_path: Option<String>,

    /// Host names that the page answers to besides loopback ones, separated by commas
    #[arg(long, env = "ALLOWED_HOSTS", default_value = "", value_name = "NAMES")]
    allowed_hosts: String,

    /// Identities to try refusals with (not supported yet)
    #[arg(long, env = "LAB_CERT_PATH", value_name = "DIRECTORY")]
    lab_cert_path: Option<String>,
}

/// Checked settings.
#[derive(Debug)]
pub struct Settings {
    pub(crate) allowed_hosts: Vec<String>,
    pub(crate) api_resolve: Vec<String>,
    pub(crate) api_spiffe_id: Option<SpiffeId>,
    pub(crate) api_url: ApiUrl,
    pub(crate) service: ServiceSettings,
    pub(crate) web_identity: Option<Arc<CredentialStore>>,
}

/// Where the API is: scheme and authority, nothing more.
#[derive(Clone, Debug)]
pub(crate) struct ApiUrl(Authority);

impl Settings {
    /// Reads flags and environment, and checks them as a whole, the identities included.
    ///
    /// An unknown flag ends the process with 2, and `--help` with 0, as clap has it; `healthcheck`
    /// ends it with what the running service says of itself.
    ///
    /// # Errors
    ///
    /// Every problem there is.
    pub fn read() -> Result<Self, Problems> {
        let command = Arguments::command();
        let command = ServiceArguments::with_defaults(command, "127.0.0.1", "4000", "9001");
        let matches = command.get_matches();
        let arguments = Arguments::from_arg_matches(&matches).unwrap_or_else(|e| e.exit());
        healthcheck::exit_if_requested(&matches, &arguments.service);
        let mut problems = Problems::default();
        let settings = arguments.check(&mut problems);
        problems.or(settings)
    }
}

impl Arguments {
    fn check(&self, problems: &mut Problems) -> Option<Settings> {
        let api_url = problems.check("API_SERVICE_URL", ApiUrl::parse(&self.api_service_url));
        let api_resolve = problems.check("API_RESOLVE", addresses(&self.api_resolve));
        let api_spiffe_id = match self.api_spiffe_id.as_str() {
            "" => Some(None),
            id => problems.check("API_SPIFFE_ID", id.parse()).map(Some),
        };
        let web_identity = match self.web_cert_path.as_deref() {
            None | Some("") => Some(None),
            Some(directory) => match CredentialStore::load_identity_alone(PathBuf::from(directory))
            {
                Ok(identity) => Some(Some(Arc::new(identity))),
                Err(bad) => {
                    problems.add_identity("WEB_CERT_PATH", &bad);
                    None
                }
            },
        };
        let allowed_hosts = problems.check("ALLOWED_HOSTS", hosts(&self.allowed_hosts));
        if self.lab_cert_path.is_some() {
            problems.add("LAB_CERT_PATH", "is not supported yet: unset it");
        }
        let service = ServiceSettings::check(&self.service, Role::Client, problems);
        Some(Settings {
            allowed_hosts: allowed_hosts?,
            api_resolve: api_resolve?,
            api_spiffe_id: api_spiffe_id?,
            api_url: api_url?,
            service: service?,
            web_identity: web_identity?,
        })
    }
}

impl ApiUrl {
    fn parse(text: &str) -> Result<Self, String> {
        let bad = || format!("\"{text}\" will not do: write https://HOST:PORT, without a path");
        let url: Uri = text.parse().map_err(|_| bad())?;
        let bare = matches!(url.path_and_query().map(PathAndQuery::as_str), None | Some("" | "/"));
        let parts = url.into_parts();
        match parts.authority {
            Some(authority)
                if bare
                    && parts.scheme == Some(Scheme::HTTPS)
                    && !authority.host().is_empty()
                    && !authority.as_str().contains('@') =>
            {
                Ok(Self(authority))
            }
            _ => Err(bad()),
        }
    }

    /// The URL of a path of the API.
    pub(crate) fn with_path(&self, path: &'static str) -> Uri {
        let url = Uri::builder().scheme(Scheme::HTTPS).authority(self.0.clone());
        url.path_and_query(path).build().expect("a checked authority and a path must make a URL")
    }
}

impl std::fmt::Display for ApiUrl {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "https://{}", self.0)
    }
}

fn addresses(text: &str) -> Result<Vec<String>, String> {
    let hosts = text.split(',').map(str::trim).filter(|host| !host.is_empty());
    let checked = hosts.map(|host| match host.parse::<Authority>() {
        Ok(authority) if authority.port_u16().is_some() && !host.contains('@') => {
            Ok(host.to_owned())
        }
        _ => Err(format!("\"{host}\" will not do: write HOST:PORT, such as api-service-pods:3000")),
    });
    checked.collect()
}

fn hosts(text: &str) -> Result<Vec<String>, String> {
    let names = text.split(',').map(str::trim).filter(|name| !name.is_empty());
    let checked = names.map(|name| match name.parse::<Authority>() {
        Ok(authority) if authority.port().is_none() && !name.contains('@') => {
            Ok(authority.host().to_ascii_lowercase())
        }
        _ => Err(format!(
            "\"{name}\" is no host name: write names without ports, such as demo.example"
        )),
    });
    checked.collect()
}
