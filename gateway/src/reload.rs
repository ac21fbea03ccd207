//! Reloads the configuration file: a valid change is applied; an invalid one is reported, and the
//! last good configuration stays in force.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use metrics::counter;
use mtls::credentials::{Changes, Trigger, directory_of, settle};
use service_kit::readiness::Check;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use tokio::runtime::Handle;
use tracing::{error, info};

use crate::config::Config;
use crate::gateway::Gateway;

/// Applies the configuration file to the gateway, and knows the result of the last reload.
#[derive(Debug)]
pub(crate) struct Reloader {
    file: PathBuf,
    pub(crate) gateway: Arc<Gateway>,
    last: Mutex<Reload>,
}

/// The result of a reload.
#[derive(Clone, Debug)]
pub(crate) struct Reload {
    pub(crate) at: OffsetDateTime,
    /// What is wrong with the file, if it was rejected.
    pub(crate) problem: Option<String>,
}

impl Reloader {
    /// The reloads of a gateway that was started with this file.
    pub(crate) fn new(gateway: Arc<Gateway>, file: PathBuf) -> Self {
        let last = Reload { at: OffsetDateTime::now_utc(), problem: None };
        Self { file, gateway, last: Mutex::new(last) }
    }

    /// The path of the configuration file.
    pub(crate) fn file(&self) -> &Path {
        &self.file
    }

    pub(crate) fn last(&self) -> Reload {
        self.lock().clone()
    }

    /// An invalid file is a warning: the last good configuration is still in force.
    pub(crate) fn check(&self) -> Check {
        let last = self.last();
        let at = last.at.format(&Rfc3339).unwrap_or_else(|_| last.at.to_string());
        let ok = last.problem.is_none();
        let detail = match last.problem {
            None => format!("the file was read at {at}"),
            Some(problem) => {
                format!(
                    "the file was rejected at {at}, the last good configuration is in force: {problem}"
                )
            }
        };
        Check::warning("configuration", ok, detail)
    }

    /// Watches the file until cancelled. Like identities, it is read again when it is overwritten
    /// or renamed, when a Kubernetes mount replaces it, and on SIGHUP.
    pub(crate) async fn follow_file(self: Arc<Self>) {
        let mut changes = Changes::of(vec![directory_of(&self.file).to_owned()]);
        loop {
            let signaled = changes.next().await == Trigger::Signal;
            let (reloader, runtime) = (Arc::clone(&self), Handle::current());
            let read = move || {
                let _entered = runtime.enter();
                reloader.read_and_apply(signaled)
            };
            if let Some(problem) = settle(read).await {
                self.report_bad(problem);
            }
        }
    }

    /// Applies the file if it is valid and has changed. The same problem is reported once, but the
    /// file is read each time: a file that it names may exist by now.
    fn read_and_apply(&self, signaled: bool) -> Result<(), String> {
        let last = self.last();
        let changed =
            Config::read(&self.file).map_err(|problems| problems.to_string()).and_then(|config| {
                self.gateway.change_to(config).map_err(|problems| problems.join("\n"))
            });
        match changed {
            Ok(false) if last.problem.is_none() => Ok(()),
            Ok(_) => {
                let at = OffsetDateTime::now_utc();
                *self.lock() = Reload { at, problem: None };
                counter!("gateway_config_reloads_total", "result" => "ok").increment(1);
                let plan = self.gateway.plan();
                info!(
                    file = %self.file.display(),
                    listeners = plan.config.listeners.len(),
                    routes = plan.routes.len(),
                    "configuration reloaded"
                );
                Ok(())
            }
            // It was reported already.
            Err(problem) if last.problem.as_ref() == Some(&problem) && !signaled => Ok(()),
            Err(problem) => Err(problem),
        }
    }

    fn report_bad(&self, problem: String) {
        error!(
            file = %self.file.display(),
            "reload failed, the last good configuration stays in force: {problem}"
        );
        let at = OffsetDateTime::now_utc();
        *self.lock() = Reload { at, problem: Some(problem) };
        counter!("gateway_config_reloads_total", "result" => "failed").increment(1);
    }

    fn lock(&self) -> MutexGuard<'_, Reload> {
        self.last.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
