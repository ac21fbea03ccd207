//! The log: text for people, JSON for machines.

use tracing_subscriber::EnvFilter;

use crate::settings::Problems;

/// How a service logs.
#[derive(Debug)]
pub struct LogSettings {
    filter: EnvFilter,
    format: LogFormat,
}

#[derive(Clone, Copy, Debug)]
enum LogFormat {
    Json,
    Text,
}

impl LogSettings {
    /// Checks `LOG_FORMAT` and `RUST_LOG`.
    pub fn check(format: &str, filter: &str, problems: &mut Problems) -> Option<Self> {
        let format = match format {
            "json" => Ok(LogFormat::Json),
            "text" => Ok(LogFormat::Text),
            other => Err(format!("\"{other}\" is not known: write text or json")),
        };
        let format = problems.check("LOG_FORMAT", format);
        let filter = EnvFilter::try_new(filter)
            .map_err(|error| format!("{error}: write a level or target=level, such as info"));
        let filter = problems.check("RUST_LOG", filter);
        Some(Self { filter: filter?, format: format? })
    }

    /// Starts the log on standard output, for the rest of the process; a second start does
    /// nothing.
    pub fn start(self) {
        let builder = tracing_subscriber::fmt()
            .with_env_filter(self.filter)
            // Whoever read the log may be gone: that must end no task, and so no service.
            .log_internal_errors(false)
            .with_target(false);
        let _ = match self.format {
            LogFormat::Json => builder.json().flatten_event(true).try_init(),
            LogFormat::Text => {
                use std::io::IsTerminal;
                builder.with_ansi(std::io::stdout().is_terminal()).try_init()
            }
        };
    }
}
