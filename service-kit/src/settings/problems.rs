//! Everything that is wrong with the settings.

use std::fmt::{Display, Formatter};

/// Problems of settings, collected so that all are reported at once.
#[derive(Debug, Default)]
pub struct Problems(Vec<String>);

impl Problems {
    /// Adds what is wrong with a setting.
    pub fn add(&mut self, setting: &str, problem: impl Display) {
        self.0.push(format!("{setting}: {problem}"));
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

impl Display for Problems {
    /// A line for each.
    fn fmt(&self, formatter: &mut Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(&self.0.join("\n"))
    }
}
