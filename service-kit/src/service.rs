//! One running service: its two listeners, and the tasks that keep watch beside them.

use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;

use anyhow::Context;
use axum::Router;
use metrics_exporter_prometheus::PrometheusHandle;
use mtls::connections::Connections;
use mtls::handshake::Handshakes;
use mtls::limits::Limits;
use mtls::live::Live;
use mtls::server::Acceptor;

use crate::admin::Admin;
use crate::process::Shutdown;
use crate::requests::observed;
use crate::settings::{ServiceLimits, ServiceSettings};
use crate::{metrics, server};

/// A service that listens, and does not answer yet.
#[derive(Debug)]
pub struct Service {
    /// Its open connections, in both directions.
    pub connections: Arc<Connections>,
    /// What happened at its doors.
    pub handshakes: Arc<Handshakes>,
    /// How much and how long it bears.
    pub limits: ServiceLimits,
    /// Who it is, and whom it trusts.
    pub live: Arc<Live>,
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
    pub fn bind(settings: ServiceSettings, shutdown: Shutdown) -> anyhow::Result<Self> {
        settings.logs.start();
        Ok(Self {
            connections: Connections::new(),
            handshakes: Handshakes::new(settings.limits.log_refusals_per_second),
            admin: server::bind(settings.admin, "ADMIN_PORT")?,
            listener: server::bind(settings.listen, "PORT")?,
            recorder: metrics::recorder()?,
            limits: settings.limits,
            live: settings.live,
            shutdown,
        })
    }

    /// Where it listens, which tells the port that the system chose for port 0.
    ///
    /// # Errors
    ///
    /// The system does not say.
    pub fn address(&self) -> std::io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    /// Where its admin listener stands.
    ///
    /// # Errors
    ///
    /// The system does not say.
    pub fn admin_address(&self) -> std::io::Result<SocketAddr> {
        self.admin.local_addr()
    }

    /// Serves until told to stop. The admin listener answers to the end, so that an orchestrator
    /// sees the service drain.
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
        let admin = Admin {
            connections: Arc::clone(&self.connections),
            handshakes: Arc::clone(&self.handshakes),
            live: Arc::clone(&self.live),
            recorder: self.recorder.clone(),
            shutdown: self.shutdown.clone(),
        };
        let mut beside = tokio::task::JoinSet::new();
        beside.spawn(Arc::clone(&self.live).watch());
        beside.spawn(Arc::clone(&self.connections).watch(vec![Arc::clone(&self.live)]));
        beside.spawn(metrics::upkeep(self.recorder));
        beside.spawn(serve_admin(self.admin, admin, self.limits.clone()));

        let routes = observed(routes, &self.limits);
        server::serve(name, self.listener, acceptor, routes, &self.limits, self.shutdown)
            .await
            .with_context(|| format!("{name} failed"))
    }
}

/// It has connections of its own: a flood at the front door must not blind the operator.
async fn serve_admin(listener: TcpListener, admin: Admin, limits: ServiceLimits) {
    let few = Limits { max_connections: 64, ..limits.connection.clone() };
    let acceptor = Acceptor::plain(few, Arc::clone(&admin.handshakes), Connections::new());
    let (_teller, never) = Shutdown::by_hand();
    let ended = server::serve("admin", listener, acceptor, admin.routes(), &limits, never).await;
    if let Err(error) = ended {
        tracing::error!(%error, "the admin listener failed");
    }
}
