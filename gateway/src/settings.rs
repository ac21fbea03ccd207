//! The command line of the gateway. Everything except logging is configured in its file.

use std::fmt::{Display, Formatter};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Args, CommandFactory, Parser, Subcommand};
use service_kit::process::EX_CONFIG;
use service_kit::settings::{LogSettings, Problems};

use crate::config::Config;
use crate::plan;

/// Mutual TLS for any HTTP service.
///
/// It verifies callers in front of a service, forwards their identity to the service, and presents
/// a certificate of its own to upstreams. Its configuration file is reloaded whenever it changes;
/// if it is invalid, the last good configuration stays in force and the problem is logged.
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
    /// Check a configuration file and the identities that it names; exits 78 with every problem
    Check {
        /// The configuration file
        file: PathBuf,
    },

    /// Ask the running gateway whether it is ready; exits 0 or 1
    Healthcheck {
        /// The address of its admin listener, as configured
        #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:9002")]
        admin: SocketAddr,
    },
}

#[derive(Args, Debug)]
struct RunArguments {
    /// The configuration file
    #[arg(long, value_name = "FILE", required = true)]
    config: Option<PathBuf>,

    /// Format of the log: text or json
    #[arg(long, env = "LOG_FORMAT", default_value = "text", value_name = "FORM")]
    log_format: String,

    /// What is logged, as a tracing filter: info, or mtls=debug,info
    #[arg(long, env = "RUST_LOG", default_value = "info", value_name = "FILTER")]
    log_filter: String,
}

/// What the command line requests.
#[derive(Debug)]
pub enum Command {
    /// Check a file.
    Check(PathBuf),
    /// Ask the gateway with this admin listener whether it is ready.
    Healthcheck(SocketAddr),
    /// Serve.
    Run(Result<Box<Settings>, NotReady>),
}

/// Checked settings.
#[derive(Debug)]
pub struct Settings {
    pub(crate) config: Config,
    pub(crate) file: PathBuf,
    pub(crate) logs: LogSettings,
}

/// Every problem that prevents a start.
#[derive(Debug, Default)]
pub struct NotReady(Vec<String>);

impl Command {
    /// Reads the command line, and checks the file that it names, with its identities.
    ///
    /// Exits with 2 on an unknown flag, and with 0 on `--help`, as clap does.
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
                Arguments::command().error(missing, "--config FILE is required").exit()
            }
        }
    }
}

impl Settings {
    /// Checks the file with its identities, and the log settings.
    ///
    /// # Errors
    ///
    /// Every problem that prevents a start.
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

/// Checks whether a gateway would start with a file. Prints the result to standard output, or each
/// problem to standard error with exit code 78.
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

/// Checks whether the running gateway is ready; prints one line. Does not read the file: after an
/// invalid change the gateway keeps working.
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
