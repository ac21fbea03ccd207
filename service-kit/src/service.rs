//! One running service: its two listeners and its background tasks.

use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;

use anyhow::Context;
use axum::Router;
use metrics_exporter_prometheus::PrometheusHandle;
use mtls::ClientCertificates;
use mtls::connection::Connections;
use mtls::credentials::CredentialStore;
use mtls::event::Events;
use mtls::server::Acceptor;
use tokio::task::JoinSet;

use crate::admin::Admin;
use crate::capacity::Capacity;
use crate::identities::Identities;
use crate::process::Shutdown;
use crate::requests::observed;
use crate::server::Server;
use crate::settings::{ServiceLimits, ServiceSettings};
use crate::{metrics, server};

/// A service whose sockets are bound, before it serves.
#[derive(Debug)]
pub struct Service {
    /// Its open connections, in both directions, and what happened on them.
    pub connections: Arc<Connections>,
    /// Its limits.
    pub limits: ServiceLimits,
    /// Its identity and its trust.
    pub store: Arc<CredentialStore>,
    admin: TcpListener,
    listener: TcpListener,
    recorder: PrometheusHandle,
    shutdown: Shutdown,
}

impl Service {
    /// Starts the log and binds both sockets.
    ///
    /// # Errors
    ///
    /// A port is taken, named with what to set instead.
    pub fn bind(mut settings: ServiceSettings, shutdown: Shutdown) -> anyhow::Result<Self> {
        settings.logs.start();
        let notes = Capacity::of_process().fit(&mut settings.limits.connection, None);
        notes.iter().for_each(|note| tracing::warn!("{note}"));
        Ok(Self {
            connections: Connections::new(Events::new(settings.limits.log_refusals_per_second)),
            admin: server::bind(settings.admin, "ADMIN_PORT")?,
            listener: server::bind(settings.listen, "PORT")?,
            recorder: metrics::recorder()?,
            limits: settings.limits,
            store: settings.store,
            shutdown,
        })
    }

    /// The address that it listens on, with the port that the system chose for port 0.
    ///
    /// # Errors
    ///
    /// The system does not say.
    pub fn address(&self) -> std::io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    /// The address of its admin listener.
    ///
    /// # Errors
    ///
    /// The system does not say.
    pub fn admin_address(&self) -> std::io::Result<SocketAddr> {
        self.admin.local_addr()
    }

    /// Serves these routes by mutual TLS until it is stopped. The admin listener answers to the
    /// end, so that an orchestrator sees the service drain.
    ///
    /// # Errors
    ///
    /// A listener failed.
    pub async fn serve_mutual_tls(self, name: &'static str, routes: Router) -> anyhow::Result<()> {
        let acceptor = Acceptor::new(
            Arc::clone(&self.store),
            ClientCertificates::Required,
            self.limits.connection.clone(),
            Arc::clone(&self.connections),
        );
        let _background = self.serve_admin()?;
        let routes = observed(routes, &self.limits, self.shutdown.clone());
        let served = self.server(name, acceptor).serve_mutual_tls(routes).await;
        served.with_context(|| format!("{name} failed"))
    }

    /// Serves these routes by this acceptor, in the same way.
    ///
    /// # Errors
    ///
    /// A listener failed.
    pub async fn serve(
        self,
        name: &'static str,
        acceptor: Acceptor,
        routes: Router,
    ) -> anyhow::Result<()> {
        let _background = self.serve_admin()?;
        let routes = observed(routes, &self.limits, self.shutdown.clone());
        let served = self.server(name, acceptor).serve(routes).await;
        served.with_context(|| format!("{name} failed"))
    }

    fn server(self, name: &'static str, acceptor: Acceptor) -> Server {
        let Self { limits, listener, shutdown, .. } = self;
        Server { acceptor, limits, listener, name, shutdown }
    }

    /// Starts the background tasks; they end when the set is dropped.
    fn serve_admin(&self) -> anyhow::Result<JoinSet<()>> {
        let admin = Admin {
            connections: Arc::clone(&self.connections),
            identities: Identities::new(vec![Arc::clone(&self.store)]),
            more_checks: Arc::new(Vec::new),
            recorder: self.recorder.clone(),
            shutdown: self.shutdown.clone(),
        };
        let mut background = JoinSet::new();
        background.spawn(metrics::upkeep(self.recorder.clone()));
        let admin_routes = admin.clone().routes();
        let listener = self.admin.try_clone()?;
        background.spawn(admin.serve(listener, admin_routes, self.limits.clone()));
        Ok(background)
    }
}
