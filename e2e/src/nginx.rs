//! nginx, set by a file of `e2e/foreign`.

use std::fmt::Display;
use std::path::Path;
use std::process::Command;

use anyhow::Result;
use tempfile::TempDir;

use crate::identity::Identity;
use crate::port::Port;
use crate::program::Program;
use crate::template;

/// A running nginx.
#[derive(Debug)]
pub struct Nginx {
    /// Where it listens.
    pub port: Port,
    place: TempDir,
    _program: Program,
}

impl Nginx {
    /// Starts it with `file`, whose `@PORT@` is the port to listen on.
    ///
    /// # Errors
    ///
    /// It does not listen; the error has its output.
    pub fn start(file: &str, values: &[(&str, &dyn Display)]) -> Result<Self> {
        let (place, port) = (tempfile::tempdir()?, Port::reserve()?);
        let values = [values, &[("PORT", &port.number)]].concat();
        template::write(file, &values, place.path())?;
        let mut command = Command::new("nginx");
        // What goes wrong before it has read its file is said to standard error, not to /var/log.
        command.arg("-e").arg("stderr").arg("-p").arg(place.path()).arg("-c").arg(file);
        let mut program = Program::start(&mut command, "nginx-light")?;
        port.is_taken_by(&mut program)?;
        Ok(Self { port, place, _program: program })
    }

    /// What it has answered, where its file is `nginx_plain.conf`.
    ///
    /// # Errors
    ///
    /// It wrote nothing down.
    pub fn answered(&self) -> Result<String> {
        Ok(std::fs::read_to_string(self.place.path().join("answered"))?)
    }

    /// A service that shows this identity, and demands certificates of the authority in `roots`;
    /// `http2` is `http2` or nothing.
    ///
    /// # Errors
    ///
    /// As for [`Nginx::start`].
    pub fn requiring_client_certificates(
        roots: &Path,
        shown: &Identity,
        http2: &str,
    ) -> Result<Self> {
        let (identity, roots) = (shown.directory().display(), roots.display());
        let values: [(&str, &dyn Display); 3] =
            [("HTTP2", &http2), ("IDENTITY", &identity), ("ROOTS", &roots)];
        Self::start("nginx_service.conf", &values)
    }
}
