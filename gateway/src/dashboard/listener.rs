//! A listener, as the dashboard shows it.

use std::net::SocketAddr;

use serde::Serialize;

use crate::config::{ClientCertificates, ListenerSettings, Security};

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ListenerView {
    pub(super) name: String,
    /// The actual address, with the port that the system chose for port 0.
    pub(super) address: SocketAddr,
    pub(super) kind: Kind,
    /// How it secures connections, in words.
    #[serde(rename = "terms")]
    pub(super) requirement: String,
    pub(super) identity: Option<String>,
}

/// How a listener secures its connections.
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
        let (kind, requirement) = match &listener.security {
            Security::Plain => (Kind::Plain, "plain HTTP, no client verification".to_owned()),
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
        Self { name: listener.name.clone(), address, kind, requirement, identity }
    }

    /// The style sheet's name of its security.
    pub(super) fn tone(&self) -> &'static str {
        match self.kind {
            Kind::Required => "good",
            Kind::Optional => "warn",
            Kind::Off | Kind::Plain | Kind::Redirect => "plain",
        }
    }
}
