//! All that is wrong with the arguments, told together.

use std::fmt;

/// What was found wrong so far.
#[derive(Debug, Default)]
pub(crate) struct Problems(Vec<String>);

impl Problems {
    /// Takes the value, or notes why there is none.
    pub(crate) fn take<T>(&mut self, result: Result<T, impl fmt::Display>) -> Option<T> {
        result.map_err(|problem| self.add(problem)).ok()
    }

    pub(crate) fn add(&mut self, problem: impl fmt::Display) {
        self.0.push(problem.to_string());
    }

    /// Fails if there were any.
    pub(crate) fn settle(self) -> anyhow::Result<()> {
        anyhow::ensure!(self.0.is_empty(), self.0.join("\nerror: "));
        Ok(())
    }
}
