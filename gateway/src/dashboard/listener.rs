//! A listener, as the dashboard shows it.

use std::net::SocketAddr;

use serde::Serialize;

use crate::config::{ClientCertificates, ListenerSettings, Security};

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ListenerView {
    pub(super) name: String,
    /// Where it really stands: the port that the system chose for port 0.
    pub(super) address: SocketAddr,
    pub(super) kind: Kind,
    /// What it asks of callers, in words.
    pub(super) terms: String,
    pub(super) identity: Option<String>,
}

/// How a listener lets callers in.
#[derive(Clone, Copy, Eq, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Kind {
    Off,
    Optional,
    Plain,
    Redirect,
    Required,
}

impl ListenerView {
    pub(super) fn of(listener: &ListenerSettings, address: SocketAddr) -> Self {
        let (kind, terms) = match &listener.security {
            Security::Plain => (Kind::Plain, "plain HTTP, nobody proves anything".to_owned()),
            Security::Redirect(port) => (Kind::Redirect, format!("redirects to https at {port}")),
            Security::Tls { client_certificates, .. } => match client_certificates {
                ClientCertificates::Off => (Kind::Off, "HTTPS, client certificates off".to_owned()),
                ClientCertificates::Optional => {
                    (Kind::Optional, "client certificate optional".to_owned())
                }
                ClientCertificates::Required => {
                    (Kind::Required, "client certificate required".to_owned())
                }
            },
        };
        let identity = match &listener.security {
            Security::Tls { identity, .. } => Some(identity.display().to_string()),
            Security::Plain | Security::Redirect(_) => None,
        };
        Self { name: listener.name.clone(), address, kind, terms, identity }
    }

    /// What the style sheet calls its terms.
    pub(super) fn tone(&self) -> &'static str {
        match self.kind {
            Kind::Required => "good",
            Kind::Optional => "warn",
            Kind::Off | Kind::Plain | Kind::Redirect => "plain",
        }
    }
}
