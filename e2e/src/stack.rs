//! The containers of `docker-compose.yml`, as one test has them; nothing is left of them.

use std::net::TcpListener;
use std::process::Command;

use anyhow::{Result, ensure};

use crate::binaries::workspace;
use crate::deadline::eventually;
use crate::engine::{Engine, PROFILE, TAG, good};

/// A project of compose.
#[derive(Debug)]
pub struct Stack<'a> {
    engine: &'a Engine,
    project: String,
    profiles: &'static str,
    web_port: u16,
}

impl<'a> Stack<'a> {
    /// `docker compose up`, with these profiles, separated by commas.
    ///
    /// # Errors
    ///
    /// It does not come up.
    pub fn up(engine: &'a Engine, profiles: &'static str) -> Result<Self> {
        let project = format!("mtls-demo-test-{}", std::process::id());
        // One that stays the same when the container is another.
        let web_port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
        let stack = Self { engine, project, profiles, web_port };
        stack.compose(&["up", "--detach", "--no-build"])?;
        Ok(stack)
    }

    /// What compose says to these arguments.
    ///
    /// # Errors
    ///
    /// It fails.
    pub fn compose(&self, arguments: &[&str]) -> Result<String> {
        let mut command = self.command();
        let output = good(command.args(arguments))?;
        Ok(String::from_utf8_lossy(&output.stdout).trim_end().to_owned())
    }

    /// The page's scheme, host and port.
    pub fn page(&self) -> String {
        format!("http://localhost:{}", self.web_port)
    }

    /// Where a port is published that the system chose: `127.0.0.1:49153`.
    ///
    /// # Errors
    ///
    /// It is not published.
    pub fn published(&self, service: &str, port: &str) -> Result<String> {
        self.compose(&["port", service, port])
    }

    /// A container's id.
    ///
    /// # Errors
    ///
    /// There is none, or there are several.
    pub fn container(&self, service: &str) -> Result<String> {
        let id = self.compose(&["ps", "--quiet", service])?;
        ensure!(id.lines().count() == 1, "containers of {service}: {id:?}");
        Ok(id)
    }

    /// A network's or a volume's whole name.
    pub fn name(&self, short: &str) -> String {
        format!("{}_{short}", self.project)
    }

    /// One fact of a container, by docker's template.
    ///
    /// # Errors
    ///
    /// There is no such container, or no such fact.
    pub fn fact(&self, service: &str, template: &str) -> Result<String> {
        let id = self.container(service)?;
        self.engine.docker(&["inspect", "--format", template, &id])
    }

    /// Waits until its own health check says that a service is well.
    ///
    /// # Errors
    ///
    /// It does not, in time.
    pub fn healthy(&self, service: &str) -> Result<()> {
        // A container may start again meanwhile, and has no health for that moment.
        let well = || {
            let status = self.fact(service, "{{.State.Health.Status}}").unwrap_or_default();
            Ok((status == "healthy").then_some(()))
        };
        // The check itself comes every few seconds.
        eventually(&format!("{service} to be healthy"), well)
            .or_else(|_| eventually(&format!("{service} to be healthy"), well))
    }

    /// Ends it all, and what it kept too; returns what is left.
    ///
    /// # Errors
    ///
    /// Docker does not say.
    pub fn down(&self) -> Result<String> {
        self.compose(&["down", "--volumes", "--timeout", "5"])?;
        let filter = format!("label=com.docker.compose.project={}", self.project);
        let mut left = String::new();
        for kind in [&["ps", "--all"][..], &["volume", "ls"], &["network", "ls"]] {
            let arguments = [kind, &["--quiet", "--filter", &filter]].concat();
            left.push_str(&self.engine.docker(&arguments)?);
        }
        Ok(left)
    }

    fn command(&self) -> Command {
        let v2 = Command::new("docker").args(["compose", "version"]).output();
        let mut command = if v2.is_ok_and(|output| output.status.success()) {
            let mut command = Command::new("docker");
            command.arg("compose");
            command
        } else {
            Command::new("docker-compose")
        };
        command.current_dir(workspace()).args(["--project-name", &self.project]);
        command.envs([("TAG", TAG), ("PROFILE", PROFILE), ("COMPOSE_PROFILES", self.profiles)]);
        command.env("WEB_PORT", self.web_port.to_string());
        command.envs([("GATEWAY_PORT", "0"), ("PROMETHEUS_PORT", "0")]);
        command
    }
}

impl Drop for Stack<'_> {
    fn drop(&mut self) {
        let _ = self.compose(&["down", "--volumes", "--timeout", "1"]);
    }
}
