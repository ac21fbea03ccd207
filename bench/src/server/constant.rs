//! Servers that answer a constant behind mutual TLS, and api-service, which they are compared with.

use std::path::PathBuf;

use anyhow::{Result, bail};

use crate::environment::Environment;
use crate::load::tls::KeyExchange;
use crate::pki::Pki;
use crate::server::{Server, envoy, nginx, ours};

/// A program that serves.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Software {
    /// Caddy, as a proxy only.
    Caddy,
    /// Envoy.
    Envoy,
    /// nginx.
    Nginx,
    /// An older nginx, as Debian builds it.
    NginxDebian,
    /// A service of mtls-demo.
    Ours,
    /// Traefik, as a proxy only.
    Traefik,
}

/// How a server of a constant is configured.
#[derive(Clone, Debug)]
pub struct Constant {
    /// Paths, and the JSON that is answered there. api-service answers by itself.
    pub answers: Vec<(&'static str, String)>,
    /// The directory of its identity.
    pub identity: PathBuf,
    /// The only group that it accepts; api-service has no such setting, and follows the client.
    pub key_exchange: KeyExchange,
    /// Whether it reads `ca.crl` in the directory of its identity.
    pub revocation: bool,
    /// How many workers or threads it has, on as many processors.
    pub threads: usize,
}

impl Software {
    /// Ours and the other servers of a figure, with the system's nginx where it is installed.
    pub fn all(environment: &Environment) -> Vec<Self> {
        let mut all = vec![Self::Ours, Self::Nginx];
        if environment.peers.nginx_debian.is_some() {
            all.push(Self::NginxDebian);
        }
        all.push(Self::Envoy);
        all
    }

    /// What the figures call it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Caddy => "caddy",
            Self::Envoy => "envoy",
            Self::Nginx => "nginx",
            Self::NginxDebian => "nginx-debian",
            Self::Ours => "ours",
            Self::Traefik => "traefik",
        }
    }
}

impl Constant {
    /// One thread, X25519, no revocation list, `/api/health` only.
    pub fn new(environment: &Environment) -> Self {
        Self {
            answers: vec![("/api/health", r#"{"status":"healthy"}"#.to_owned())],
            identity: environment.pki.identity(Pki::API),
            key_exchange: KeyExchange::X25519,
            revocation: false,
            threads: 1,
        }
    }

    /// Starts it.
    ///
    /// # Errors
    ///
    /// It does not listen.
    pub fn start(&self, environment: &Environment, software: Software) -> Result<Server> {
        match software {
            Software::Envoy => envoy::constant(environment, self),
            Software::Nginx | Software::NginxDebian => nginx::constant(environment, self, software),
            Software::Ours => ours::api(environment, self),
            Software::Caddy | Software::Traefik => {
                bail!("{} answers no constant: use it as a proxy", software.name())
            }
        }
    }
}
