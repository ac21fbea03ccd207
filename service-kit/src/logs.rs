//! The log: text for people, JSON for machines.

mod line;

use tracing_subscriber::EnvFilter;

use self::line::LogFormat;
use crate::settings::Problems;

/// How a service logs.
#[derive(Debug)]
pub struct LogSettings {
    filter: EnvFilter,
    format: LogFormat,
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
        use std::io::IsTerminal;
        let builder = tracing_subscriber::fmt()
            .with_env_filter(self.filter)
            .with_ansi(std::io::stdout().is_terminal())
            // The reader of the log may be gone: that must end no task, and so no service.
            .log_internal_errors(false)
            .event_format(self.format);
        let _ = builder.try_init();
    }
}
