//! The gateway as a process: from checked settings to the end of the last request.

use std::sync::Arc;
use std::time::Duration;

use mtls::connection::Connections;
use mtls::event::Events;
use service_kit::admin::Admin;
use service_kit::process::Shutdown;
use service_kit::settings::ServiceLimits;
use service_kit::{metrics, server};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tracing::{info, warn};

use crate::config::Config;
use crate::dashboard;
use crate::gateway::Gateway;
use crate::reload::Reloader;
use crate::settings::Settings;

/// Serves until shutdown is requested; then waits up to `drain_timeout` for requests in flight.
///
/// # Errors
///
/// An address is in use, or an identity has become invalid since it was checked.
pub async fn serve(settings: Box<Settings>, mut shutdown: Shutdown) -> anyhow::Result<()> {
    settings.logs.start();
    let recorder = metrics::recorder()?;
    let config = settings.config;
    let limits = admin_limits(&config);
    let admin_listener = server::bind(config.admin, "listen in [admin]")?;
    let connections = Connections::new(Events::new(config.log_refusals_per_second));
    let (busy, mut all_done) = mpsc::channel(1);
    let gateway = Gateway::open(config, Arc::clone(&connections), busy)?;
    let reloader = Arc::new(Reloader::new(Arc::clone(&gateway), settings.file));

    let admin = Admin {
        connections,
        identities: gateway.identities.clone(),
        more_checks: Arc::new({
            let reloader = Arc::clone(&reloader);
            move || vec![reloader.check()]
        }),
        recorder: recorder.clone(),
        shutdown: shutdown.clone(),
    };
    let admin_routes = admin.clone().routes().merge(dashboard::routes(Arc::clone(&reloader)));
    let mut background = JoinSet::new();
    background.spawn(admin.serve(admin_listener, admin_routes, limits));
    background.spawn(metrics::upkeep(recorder));
    background.spawn(reloader.follow_file());

    shutdown.requested().await;
    let drain_timeout = gateway.plan().config.drain_timeout;
    gateway.close();
    // Each connection closes itself after `drain_timeout`, and logs that.
    if tokio::time::timeout(drain_timeout + CUT_TIME, all_done.recv()).await.is_err() {
        warn!(
            seconds = drain_timeout.as_secs(),
            "some requests did not finish within drain_timeout and are aborted"
        );
    }
    info!("the gateway has stopped");
    Ok(())
}

/// The admin listener has the same limits as the other listeners.
fn admin_limits(config: &Config) -> ServiceLimits {
    ServiceLimits {
        connection: config.limits.clone(),
        drain_delay: Duration::ZERO,
        drain_timeout: config.drain_timeout,
        log_refusals_per_second: config.log_refusals_per_second,
        max_body_bytes: 0,
        max_requests: config.max_requests,
    }
}

/// How long connections may take to end once they are closed.
const CUT_TIME: Duration = Duration::from_secs(1);
