//! A service as a process: its exit codes, and the signals that stop it.

use std::fmt::Display;
use std::future::Future;
use std::process::ExitCode;
use std::sync::Arc;

use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;
use tracing::{error, info};

/// `EX_CONFIG` of sysexits.h: the configuration is wrong, and starting again will not help.
pub const EX_CONFIG: u8 = 78;

/// Runs a service on settings that were checked, until it ends or is stopped.
///
/// Exits 78 where the settings are bad, each problem on a line of its own on standard error; 1
/// where the service failed.
pub fn run<S, P: Display, F>(
    name: &str,
    settings: Result<S, P>,
    service: impl FnOnce(S, Shutdown) -> F,
) -> ExitCode
where
    F: Future<Output = anyhow::Result<()>>,
{
    let settings = match settings {
        Ok(settings) => settings,
        Err(problems) => {
            eprintln!("{problems}");
            eprintln!("{name} is not started: fix the problems above; see {name} --help");
            return ExitCode::from(EX_CONFIG);
        }
    };
    let done = tokio::runtime::Runtime::new().map_err(anyhow::Error::from).and_then(|runtime| {
        runtime.block_on(async {
            let shutdown = Shutdown::on_signals()?;
            service(settings, shutdown).await
        })
    });
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            error!("{failure:#}");
            ExitCode::FAILURE
        }
    }
}

/// The request to stop, for every part of a service.
#[derive(Clone, Debug)]
pub struct Shutdown {
    requested: watch::Receiver<bool>,
    // Kept so that the receiver never sees its sender gone.
    _sender: Arc<watch::Sender<bool>>,
}

impl Shutdown {
    /// A shutdown that SIGTERM or SIGINT requests.
    ///
    /// # Errors
    ///
    /// The system gives no signal handler.
    pub fn on_signals() -> std::io::Result<Self> {
        let mut terminate = signal(SignalKind::terminate())?;
        let mut interrupt = signal(SignalKind::interrupt())?;
        let (sender, shutdown) = Self::channel();
        tokio::spawn(async move {
            let name = tokio::select! {
                _ = terminate.recv() => "SIGTERM",
                _ = interrupt.recv() => "SIGINT",
            };
            sender.send_replace(true);
            info!(signal = name, "stopping: requests in flight are finished first");
        });
        Ok(shutdown)
    }

    /// A shutdown that is requested by sending `true`.
    pub fn channel() -> (Arc<watch::Sender<bool>>, Self) {
        let (sender, requested) = watch::channel(false);
        let sender = Arc::new(sender);
        (Arc::clone(&sender), Self { requested, _sender: sender })
    }

    /// Whether shutdown is requested.
    pub fn is_requested(&self) -> bool {
        *self.requested.borrow()
    }

    /// Waits until shutdown is requested.
    pub async fn requested(&mut self) {
        let _ = self.requested.wait_for(|requested| *requested).await;
    }
}
