//! httpbin under gunicorn: a service that knows nothing of certificates.

use anyhow::Result;

use crate::deadline::eventually;
use crate::port::Port;
use crate::program::Program;
use crate::python;

/// A running httpbin.
#[derive(Debug)]
pub struct Httpbin {
    port: Port,
    program: Program,
}

impl Httpbin {
    /// Starts it.
    ///
    /// # Errors
    ///
    /// It does not listen.
    pub fn start() -> Result<Self> {
        let port = Port::reserve()?;
        let mut command = python::program("gunicorn")?;
        let address = port.address().to_string();
        command.args(["httpbin:app", "--bind", &address, "--worker-class", "gthread"]);
        command.args(["--threads", "16", "--graceful-timeout", "1", "--keep-alive", "30"]);
        let mut program = Program::start(&mut command, "python3-venv")?;
        port.is_taken_by(&mut program)?;
        Ok(Self { port, program })
    }

    /// Where it is, for an `upstreams`.
    pub fn url(&self) -> String {
        format!("http://{}", self.port.address())
    }
}

impl Drop for Httpbin {
    /// Its worker is a process of its own, which gunicorn ends if it is asked to end itself.
    fn drop(&mut self) {
        let _ = self.program.terminate();
        let _ = eventually("the end of gunicorn", || self.program.ended());
    }
}
