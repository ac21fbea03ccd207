//! Everything that is wrong with the settings.

use std::fmt::{Display, Formatter};

use mtls::credentials::BadFile;

/// Problems of settings, collected so that all are reported at once.
#[derive(Debug, Default)]
pub struct Problems(Vec<String>);

impl Problems {
    /// Adds what is wrong with a setting.
    pub fn add(&mut self, setting: &str, problem: impl Display) {
        self.0.push(format!("{setting}: {problem}"));
    }

    /// Adds what is wrong with the identity directory that a setting names.
    pub fn add_identity(&mut self, setting: &str, bad: &[BadFile]) {
        bad.iter().for_each(|bad| self.add(setting, with_command(bad)));
    }

    /// The value, or nothing and a problem more.
    pub fn check<T, E: Display>(&mut self, setting: &str, result: Result<T, E>) -> Option<T> {
        result.map_err(|problem| self.add(setting, problem)).ok()
    }

    /// The settings, if there was no problem with any.
    ///
    /// # Errors
    ///
    /// All the problems. Settings that are missing without one are a mistake of the program.
    pub fn or<T>(self, settings: Option<T>) -> Result<T, Self> {
        match settings {
            Some(settings) if self.0.is_empty() => Ok(settings),
            _ => Err(self),
        }
    }
}

/// What is wrong with a file, with the command that makes a whole identity where one is missing.
pub fn with_command(bad: &BadFile) -> String {
    match bad {
        BadFile::Absent { .. }
        | BadFile::Identity { .. }
        | BadFile::Missing(_)
        | BadFile::NoDirectory(_) => {
            format!("{bad}, or make a whole identity with \"cargo run -p certs -- init\"")
        }
        _ => bad.to_string(),
    }
}

impl Display for Problems {
    /// A line for each.
    fn fmt(&self, formatter: &mut Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(&self.0.join("\n"))
    }
}
