//! Reads a configuration file and decodes it as UTF-8.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use super::{Config, Problems, report::Report};

impl Config {
    /// The largest file accepted, in bytes.
    pub const MOST_BYTES: u64 = 1024 * 1024;

    /// Reads and checks a file.
    ///
    /// # Errors
    ///
    /// All problems, by line and column.
    pub fn read(path: &Path) -> Result<Self, Problems> {
        let file = path.display().to_string();
        let unreadable = |error| Problems::whole(&file, format!("cannot be read: {error}"));
        if path.is_dir() {
            return Err(Problems::whole(&file, "is a directory: name the file in it"));
        }
        let mut bytes = Vec::new();
        let opened = File::open(path).map_err(unreadable)?;
        opened.take(Self::MOST_BYTES + 1).read_to_end(&mut bytes).map_err(unreadable)?;
        Self::parse(&file, &bytes)
    }

    /// Checks the content of a file; `file` is its name in problems.
    ///
    /// # Errors
    ///
    /// All problems, by line and column. If the file is not valid TOML, only the syntax errors.
    pub fn parse(file: &str, content: impl AsRef<[u8]>) -> Result<Self, Problems> {
        let bytes = content.as_ref();
        if bytes.len() as u64 > Self::MOST_BYTES {
            return Err(Problems::whole(file, "is larger than 1 MiB: no configuration needs that"));
        }
        let (text, broken) = match std::str::from_utf8(bytes) {
            Ok(text) => (text, None),
            Err(error) => {
                let end = error.valid_up_to();
                let valid = bytes.get(..end).and_then(|valid| std::str::from_utf8(valid).ok());
                (valid.unwrap_or_default(), Some(end))
            }
        };
        let report = Report::new(file, text);
        if let Some(end) = broken {
            report.add(end, "not UTF-8: save the file in this encoding");
            return Err(report.into_problems());
        }
        let config = Self::of(text, &report);
        match config {
            Some(config) if report.is_clean() => Ok(config),
            _ => Err(report.into_problems()),
        }
    }
}
