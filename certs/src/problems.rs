//! Collects all problems with the arguments, so that they are reported together.

use std::fmt;

/// The problems found so far.
#[derive(Debug, Default)]
pub(crate) struct Problems(Vec<String>);

impl Problems {
    /// Returns the value, or records the error.
    pub(crate) fn take<T>(&mut self, result: Result<T, impl fmt::Display>) -> Option<T> {
        result.map_err(|problem| self.add(problem)).ok()
    }

    pub(crate) fn add(&mut self, problem: impl fmt::Display) {
        self.0.push(problem.to_string());
    }

    /// Fails if there are any problems.
    pub(crate) fn settle(self) -> anyhow::Result<()> {
        anyhow::ensure!(self.0.is_empty(), self.0.join("\nerror: "));
        Ok(())
    }
}
