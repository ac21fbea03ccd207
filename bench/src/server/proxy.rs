//! The gateway, nginx and Envoy in front of the same backend.

use std::path::PathBuf;

use anyhow::{Context, Result};

use crate::cpu::Place;
use crate::environment::{Environment, text};
use crate::pki::Pki;
use crate::server::Server;
use crate::server::constant::Software;
use crate::server::program::free_port;
use crate::server::template::fill;
use crate::server::{envoy, go, nginx, ours};

/// The service behind the proxies: nginx, beside the load generator.
#[derive(Debug)]
pub struct Backend {
    /// Whether it demands the proxies' certificate.
    pub is_secure: bool,
    server: Server,
}

/// A proxy in front of a backend.
#[derive(Clone, Copy, Debug)]
pub struct Proxy<'a> {
    /// The backend.
    pub backend: &'a Backend,
    /// Whether the backend receives the caller's whole certificate.
    pub identity: bool,
    /// Whether bodies are large: nginx gets larger buffers, which cost it more for small ones.
    pub large: bool,
}

impl Backend {
    /// The path of a body of 64 KiB.
    pub const LARGE: &str = "/64k";
    /// The path of a body of 16 MiB.
    pub const HUGE: &str = "/16m";
    /// The path that answers the identity headers that the backend received.
    pub const SEEN: &str = "/seen";
    /// The path of a small body.
    pub const SMALL: &str = "/small";

    /// Starts it.
    ///
    /// # Errors
    ///
    /// It does not listen, or its files cannot be written.
    pub fn start(environment: &Environment, is_secure: bool) -> Result<Self> {
        let (port, files) = (free_port()?, files(environment)?);
        let listen = match is_secure {
            true => nginx::listen_tls(port, &environment.identity(Pki::API), "off")?,
            false => format!("    listen 127.0.0.1:{port} backlog=4096;\n"),
        };
        let servers = fill(
            include_str!("../../servers/nginx_backend.conf"),
            &[("FILES", &text(&files)), ("LISTEN", &listen)],
        )?;
        let server = nginx::start(
            environment,
            (Software::Nginx, "backend"),
            (&servers, 1),
            (port, Place::Load),
        )?;
        Ok(Self { is_secure, server })
    }

    fn port(&self) -> String {
        self.server.address.port().to_string()
    }

    fn scheme(&self) -> &'static str {
        if self.is_secure { "https" } else { "http" }
    }
}

impl Proxy<'_> {
    /// Starts it.
    ///
    /// # Errors
    ///
    /// It does not listen.
    pub fn start(&self, environment: &Environment, software: Software) -> Result<Server> {
        match software {
            Software::Caddy => go::caddy(environment, &self.backend.port(), self.identity),
            Software::Traefik => go::traefik(environment, &self.backend.port(), self.identity),
            Software::Envoy => self.envoy(environment),
            Software::Nginx | Software::NginxDebian => self.nginx(environment, software),
            Software::Ours => self.gateway(environment),
        }
    }

    fn gateway(&self, environment: &Environment) -> Result<Server> {
        let (port, identity) = (free_port()?, environment.identity(Pki::GATEWAY));
        let upstream = format!("upstream_tls = {{ identity = \"{identity}\" }}");
        let configuration = fill(
            include_str!("../../servers/gateway.toml"),
            &[
                ("BACKEND", &self.backend.port()),
                ("HEADERS", if self.identity { "" } else { NO_IDENTITY_HEADERS }),
                ("IDENTITY", &identity),
                ("PORT", &port.to_string()),
                ("SCHEME", self.backend.scheme()),
                ("UPSTREAM_TLS", if self.backend.is_secure { &upstream } else { "" }),
            ],
        )?;
        ours::gateway(environment, &configuration, port)
    }

    fn nginx(&self, environment: &Environment, software: Software) -> Result<Server> {
        let (port, identity) = (free_port()?, environment.identity(Pki::GATEWAY));
        let headers = include_str!("../../servers/nginx_identity_headers.conf");
        let upstream = include_str!("../../servers/nginx_upstream_tls.conf");
        let upstream = fill(upstream, &[("IDENTITY", &identity)])?;
        let buffers = match self.large {
            true => include_str!("../../servers/nginx_large_buffers.conf"),
            false => "",
        };
        let servers = fill(
            include_str!("../../servers/nginx_proxy.conf"),
            &[
                ("BACKEND", &self.backend.port()),
                ("BUFFERS", buffers),
                ("HEADERS", if self.identity { headers } else { "" }),
                ("LISTEN", &nginx::listen_tls(port, &identity, "on")?),
                ("SCHEME", self.backend.scheme()),
                ("UPSTREAM_TLS", if self.backend.is_secure { &upstream } else { "" }),
            ],
        )?;
        nginx::start(environment, (software, "proxy"), (&servers, 1), (port, Place::Server))
    }

    fn envoy(&self, environment: &Environment) -> Result<Server> {
        let (port, identity) = (free_port()?, environment.identity(Pki::GATEWAY));
        let headers = include_str!("../../servers/envoy_identity_headers.yaml");
        let upstream = include_str!("../../servers/envoy_upstream_tls.yaml");
        let upstream = fill(upstream, &[("IDENTITY", &identity)])?;
        let configuration = fill(
            include_str!("../../servers/envoy_proxy.yaml"),
            &[
                ("BACKEND", &self.backend.port()),
                ("HEADERS", if self.identity { headers } else { "" }),
                ("PORT", &port.to_string()),
                ("TLS", &envoy::tls(&identity, "X25519", "")?),
                ("UPSTREAM_TLS", if self.backend.is_secure { &upstream } else { "" }),
            ],
        )?;
        envoy::start(environment, ("envoy-proxy", &configuration), 1, (port, Place::Server))
    }
}

/// Without them, the gateway does as much as the others do without a configuration.
const NO_IDENTITY_HEADERS: &str = "
[route.identity_headers]
client_cert = false
client_cert_chain = false
x_forwarded_client_cert = false
x_forwarded = false
";

fn files(environment: &Environment) -> Result<PathBuf> {
    let directory = environment.directory("files")?;
    for (path, bytes) in [(Backend::LARGE, 64 << 10), (Backend::HUGE, 16 << 20)] {
        let file = directory.join(path.trim_start_matches('/'));
        std::fs::write(&file, vec![b'x'; bytes])
            .with_context(|| format!("cannot write {}", file.display()))?;
    }
    Ok(directory)
}
