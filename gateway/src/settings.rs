//! The command line of the gateway. All that is not about its log stands in its file.

use std::fmt::{Display, Formatter};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Args, CommandFactory, Parser, Subcommand};
use service_kit::logs::LogSettings;
use service_kit::process::EX_CONFIG;
use service_kit::settings::Problems;

use crate::config::Config;
use crate::plan;

/// Mutual TLS for any HTTP service.
///
/// It verifies callers in front of a service, tells the service who they are, and presents a
/// certificate of its own to what stands behind. Its file is read again whenever it changes; a
/// bad one leaves the last good one in force, and says so.
#[derive(Debug, Parser)]
#[command(version, args_conflicts_with_subcommands = true, arg_required_else_help = true)]
struct Arguments {
    #[command(subcommand)]
    action: Option<Action>,

    #[command(flatten)]
    run: RunArguments,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Check a file and the identities that it names; exits 78 with every problem
    Check {
        /// The gateway's file
        file: PathBuf,
    },

    /// Ask the running gateway whether it is ready, and exit with 0 or 1
    Healthcheck {
        /// Where its admin listener stands, as its file has it
        #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:9002")]
        admin: SocketAddr,
    },
}

#[derive(Args, Debug)]
struct RunArguments {
    /// The gateway's file
    #[arg(long, value_name = "FILE", required = true)]
    config: Option<PathBuf>,

    /// Form of the log: text or json
    #[arg(long, env = "LOG_FORMAT", default_value = "text", value_name = "FORM")]
    log_format: String,

    /// What is logged, as tracing's filter has it: info, or mtls=debug,info
    #[arg(long, env = "RUST_LOG", default_value = "info", value_name = "FILTER")]
    log_filter: String,
}

/// What the command line asks for.
#[derive(Debug)]
pub enum Command {
    /// To check a file.
    Check(PathBuf),
    /// To ask the gateway with this admin listener whether it is ready.
    Healthcheck(SocketAddr),
    /// To serve.
    Run(Result<Box<Settings>, NotReady>),
}

/// Checked settings.
#[derive(Debug)]
pub struct Settings {
    pub(crate) config: Config,
    pub(crate) file: PathBuf,
    pub(crate) logs: LogSettings,
}

/// Everything that keeps the gateway from starting.
#[derive(Debug, Default)]
pub struct NotReady(Vec<String>);

impl Command {
    /// Reads the command line, and checks the file that it names, with its identities.
    ///
    /// An unknown flag ends the process with 2, and `--help` with 0, as clap has it.
    pub fn read() -> Self {
        let arguments = Arguments::parse();
        match (arguments.action, arguments.run.config) {
            (Some(Action::Check { file }), _) => Self::Check(file),
            (Some(Action::Healthcheck { admin }), _) => Self::Healthcheck(admin),
            (None, Some(file)) => {
                let (format, filter) = (arguments.run.log_format, arguments.run.log_filter);
                Self::Run(Settings::check(file, &format, &filter))
            }
            (None, None) => {
                let missing = clap::error::ErrorKind::MissingRequiredArgument;
                Arguments::command().error(missing, "--config FILE is needed").exit()
            }
        }
    }
}

impl Settings {
    /// Checks the file with its identities, and how the log is written.
    ///
    /// # Errors
    ///
    /// Everything that keeps the gateway from starting.
    pub fn check(file: PathBuf, format: &str, filter: &str) -> Result<Box<Self>, NotReady> {
        let mut not_ready = NotReady::default();
        let mut problems = Problems::default();
        let logs = LogSettings::check(format, filter, &mut problems);
        let logs = problems.or(logs).map_err(|problems| not_ready.add(problems)).ok();
        let config = read(&file).map_err(|problems| not_ready.0.extend(problems.0)).ok();
        match (config, logs) {
            (Some(config), Some(logs)) => Ok(Box::new(Self { config, file, logs })),
            _ => Err(not_ready),
        }
    }
}

/// Tells whether a gateway would start with a file: on standard output that it would, or each
/// problem on standard error, and exit code 78.
pub fn check(file: &Path) -> ExitCode {
    match read(file) {
        Ok(config) => {
            config.notes().iter().for_each(|note| eprintln!("note: {note}"));
            println!(
                "{}: {} listeners, {} routes, no problem",
                file.display(),
                config.listeners.len(),
                config.routes.len()
            );
            ExitCode::SUCCESS
        }
        Err(problems) => {
            eprintln!("{problems}");
            ExitCode::from(EX_CONFIG)
        }
    }
}

/// Tells whether the gateway that runs is ready, by one line and the exit code. Its file is not
/// asked: a bad one leaves a gateway working.
pub fn healthcheck(admin: SocketAddr) -> ExitCode {
    if service_kit::healthcheck::is_ready(admin) { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn read(file: &Path) -> Result<Config, NotReady> {
    let config = Config::read(file).map_err(|problems| NotReady(vec![problems.to_string()]))?;
    plan::check_identities(&config).map_err(NotReady)?;
    Ok(config)
}

impl NotReady {
    fn add(&mut self, problem: impl Display) {
        self.0.push(problem.to_string());
    }
}

impl Display for NotReady {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(&self.0.join("\n"))
    }
}
