//! The flags and variables that all services share.

use clap::{Args, Command};

use super::LimitArguments;

/// Settings of every service, as text.
#[derive(Args, Clone, Debug)]
pub struct ServiceArguments {
    /// Address to listen on
    #[arg(long, env = "HOST", default_value = "0.0.0.0", value_name = "ADDRESS")]
    pub host: String,

    /// Port to listen on
    #[arg(long, env = "PORT", value_name = "PORT")]
    pub port: String,

    /// Address of the admin listener, which speaks plain HTTP: keep it inside
    #[arg(long, env = "ADMIN_HOST", default_value = "127.0.0.1", value_name = "ADDRESS")]
    pub admin_host: String,

    /// Port of the admin listener: /livez /readyz /metrics /identity /handshakes
    #[arg(long, env = "ADMIN_PORT", value_name = "PORT")]
    pub admin_port: String,

    /// Identity directory: tls.crt, tls.key, ca.crt, and ca.crl if there is one
    #[arg(long, env = "CERT_PATH", default_value = "/certs", value_name = "DIRECTORY")]
    pub cert_path: String,

    /// What is made of revocation lists: required, checked (where there are some) or off
    #[arg(long, env = "REVOCATION", default_value = "checked", value_name = "MODE")]
    pub revocation: String,

    /// Policy of who may do what (not supported yet)
    #[arg(long, env = "POLICY_FILE", value_name = "FILE")]
    pub policy_file: Option<String>,

    /// Form of the log: text or json
    #[arg(long, env = "LOG_FORMAT", default_value = "text", value_name = "FORM")]
    pub log_format: String,

    /// What is logged, as tracing's filter has it: info, or mtls=debug,info
    #[arg(long, env = "RUST_LOG", default_value = "info", value_name = "FILTER")]
    pub log_filter: String,

    #[command(flatten)]
    #[expect(missing_docs, reason = "a doc comment here would replace the command's own help")]
    pub limits: LimitArguments,
}

impl ServiceArguments {
    /// Sets the defaults in which one service differs from the others, and adds `healthcheck`,
    /// which takes the admin listener's flags before it or after it.
    pub fn with_defaults(
        command: Command,
        host: &'static str,
        port: &'static str,
        admin_port: &'static str,
    ) -> Command {
        command
            .mut_arg("host", |argument| argument.default_value(host))
            .mut_arg("port", |argument| argument.required(false).default_value(port))
            .mut_arg("admin_host", |argument| argument.global(true))
            .mut_arg("admin_port", |argument| {
                argument.required(false).default_value(admin_port).global(true)
            })
            .disable_help_subcommand(true)
            .subcommand(
                Command::new(HEALTHCHECK)
                    .about("Ask the running service whether it is ready, and exit with 0 or 1"),
            )
    }
}

/// The name of the subcommand.
pub(crate) const HEALTHCHECK: &str = "healthcheck";
