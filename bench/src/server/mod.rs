//! The measured servers, each with one worker or thread in its fastest reasonable configuration.
//!
//! [`constant`] has servers that answer by themselves, [`proxy`] those in front of another.

pub mod click;
pub mod constant;
pub mod envoy;
pub mod go;
pub mod nginx;
pub mod ours;
pub mod program;
pub mod proxy;
pub mod template;

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::Result;

use self::program::Program;

/// A running server: one program, or several that are measured as one.
#[derive(Debug)]
pub struct Server {
    /// Where the load goes.
    pub address: SocketAddr,
    /// The programs whose time counts.
    pub programs: Vec<Program>,
}

impl Server {
    /// The processor time that it has used.
    ///
    /// # Errors
    ///
    /// One of its programs has ended.
    pub fn cpu(&self) -> Result<Duration> {
        self.programs.iter().map(Program::cpu).sum()
    }

    /// All its processes.
    ///
    /// # Errors
    ///
    /// `/proc` cannot be read.
    pub fn processes(&self) -> Result<Vec<u32>> {
        let trees: Result<Vec<_>> = self.programs.iter().map(Program::processes).collect();
        Ok(trees?.concat())
    }
}
