//! A running program: started on given processors, with its output in a file, and ended with all
//! its descendants.

use std::fs::{self, File};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::ops::Range;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU16, Ordering};
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use rustix::process::{Pid, Signal, kill_process};

use crate::cpu::{self, Place, Processors};

/// A running program, ended when dropped.
#[derive(Debug)]
pub struct Program {
    /// When its process was started.
    pub started: Instant,
    child: Child,
    output: PathBuf,
}

impl Program {
    /// Starts a command on the processors of `place`.
    ///
    /// # Errors
    ///
    /// The program is not there, or the file `output` cannot be written.
    pub fn start(
        command: &mut Command,
        output: PathBuf,
        (processors, place): (&Processors, Place),
    ) -> Result<Self> {
        let name = command.get_program().to_string_lossy().into_owned();
        let file =
            File::create(&output).with_context(|| format!("cannot write {}", output.display()))?;
        command.stdin(Stdio::null()).stdout(file.try_clone()?).stderr(file);
        processors.enter(place)?;
        let started = Instant::now();
        let child = command.spawn();
        processors.enter(Place::Load)?;
        let child = child.with_context(|| {
            format!("cannot start {name}: run \"./setup.sh bench\", which builds or installs it")
        })?;
        Ok(Self { started, child, output })
    }

    /// Waits until the program accepts connections.
    ///
    /// # Errors
    ///
    /// It has ended, or does not listen within ten seconds; the error has its output.
    pub fn wait_for(&mut self, address: SocketAddr) -> Result<()> {
        let deadline = Instant::now() + Duration::from_secs(10);
        while TcpStream::connect(address).is_err() {
            if let Some(status) = self.child.try_wait()? {
                bail!("the program ended with {status}: {}", self.output());
            }
            ensure!(Instant::now() < deadline, "nobody listens on {address}: {}", self.output());
            sleep(Duration::from_micros(200));
        }
        Ok(())
    }

    /// The processor time of the program and its descendants.
    ///
    /// # Errors
    ///
    /// It has ended.
    pub fn cpu(&self) -> Result<Duration> {
        cpu::time_of(self.child.id())
    }

    /// The processes of the program.
    ///
    /// # Errors
    ///
    /// `/proc` cannot be read.
    pub fn processes(&self) -> Result<Vec<u32>> {
        cpu::tree(self.child.id())
    }

    fn output(&self) -> String {
        fs::read_to_string(&self.output).unwrap_or_default()
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let processes = self.processes().unwrap_or_default();
        signal(self.child.id(), Signal::TERM);
        let deadline = Instant::now() + Duration::from_secs(1);
        while Instant::now() < deadline && matches!(self.child.try_wait(), Ok(None)) {
            sleep(Duration::from_millis(5));
        }
        if matches!(self.child.try_wait(), Ok(None)) {
            processes.into_iter().for_each(|process| signal(process, Signal::KILL));
        }
        let _ = self.child.wait();
    }
}

/// A port of loopback on which nobody listens, below those that the system gives to clients: one
/// of those could be in use by the time that a server wants it.
///
/// # Errors
///
/// None is free.
pub fn free_port() -> Result<u16> {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    for _ in 0..PORTS.len() {
        let port =
            PORTS.start + NEXT.fetch_add(1, Ordering::Relaxed) % PORTS.end.abs_diff(PORTS.start);
        if TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok() {
            return Ok(port);
        }
    }
    bail!("no port of loopback from {} to {} is free", PORTS.start, PORTS.end)
}

const PORTS: Range<u16> = 20_000..30_000;

fn signal(process: u32, signal: Signal) {
    if let Some(process) = i32::try_from(process).ok().and_then(Pid::from_raw) {
        // It may have ended by itself.
        let _ = kill_process(process, signal);
    }
}
