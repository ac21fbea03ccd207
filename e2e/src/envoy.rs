//! Envoy, set by a file of `e2e/foreign`.

use std::fmt::Display;

use anyhow::{Context, Result};
use serde_json::Value;
use tempfile::TempDir;

use crate::curl::Curl;
use crate::port::Port;
use crate::program::Program;
use crate::python;
use crate::template;

/// A running Envoy.
#[derive(Debug)]
pub struct Envoy {
    admin: Port,
    _place: TempDir,
    _program: Program,
}

impl Envoy {
    /// Starts it with `file`, whose `@ADMIN@` is the port of its admin listener, and waits until
    /// it listens on `ports` too.
    ///
    /// # Errors
    ///
    /// It does not listen; the error has its output.
    pub fn start(file: &str, values: &[(&str, &dyn Display)], ports: &[&Port]) -> Result<Self> {
        let (place, admin) = (tempfile::tempdir()?, Port::reserve()?);
        let values = [values, &[("ADMIN", &admin.number)]].concat();
        template::write(file, &values, place.path())?;
        let mut command = python::program("envoy")?;
        command.args(["--config-path", file, "--concurrency", "1", "--disable-hot-restart"]);
        command.args(["--log-level", "warning"]).current_dir(place.path());
        let mut program = Program::start(&mut command, "python3-venv")?;
        for port in ports.iter().copied().chain([&admin]) {
            port.is_taken_by(&mut program)?;
        }
        Ok(Self { admin, _place: place, _program: program })
    }

    /// A number that it counts, such as `cluster.gateway.upstream_cx_http2_total`.
    ///
    /// # Errors
    ///
    /// It does not count that.
    pub fn count(&self, name: &str) -> Result<u64> {
        let url = format!("http://{}/stats?format=json&filter=^{name}$", self.admin.address());
        let answer = Curl::get(&url).with(&["--globoff"]).run()?.json()?;
        let count = answer["stats"][0]["value"].as_u64();
        count.with_context(|| format!("Envoy has no {name}: {}", Value::to_string(&answer)))
    }
}
