//! One running program: its input, its output and its end. It never outlives the test.

use std::io::{Read, Write};
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use anyhow::{Context, Result, bail};
use rustix::process::{Pid, Signal, kill_process};

use crate::deadline::eventually;

/// A running program; it is killed and reaped when dropped.
#[derive(Debug)]
pub struct Program {
    child: Child,
    input: Option<ChildStdin>,
    name: String,
    readers: Vec<JoinHandle<()>>,
    stderr: Said,
    stdout: Said,
}

/// How a program ended.
#[derive(Debug)]
pub struct Outcome {
    /// Its exit code; none where a signal ended it.
    pub code: Option<i32>,
    /// All that it said on standard error.
    pub stderr: String,
    /// All that it said on standard output.
    pub stdout: String,
}

type Said = Arc<Mutex<Vec<u8>>>;

impl Program {
    /// Starts a program whose input and output are held here.
    ///
    /// # Errors
    ///
    /// It cannot be started; most likely it is not installed, so `package` names what installs it.
    pub fn start(command: &mut Command, package: &str) -> Result<Self> {
        let name = command.get_program().to_string_lossy().into_owned();
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .with_context(|| format!("cannot start {name}: run \"apt-get install {package}\""))?;
        let (stdout, stderr) = (Said::default(), Said::default());
        let readers = vec![
            listen(child.stdout.take().context("standard output must be piped")?, &stdout),
            listen(child.stderr.take().context("standard error must be piped")?, &stderr),
        ];
        let input = child.stdin.take();
        Ok(Self { child, input, name, readers, stderr, stdout })
    }

    /// Runs a program to its end.
    ///
    /// # Errors
    ///
    /// It cannot be started, or does not end in time.
    pub fn run(command: &mut Command, package: &str, input: &[u8]) -> Result<Outcome> {
        let mut program = Self::start(command, package)?;
        // One that ends without reading its input is no failure.
        let _ = program.write_stdin(input);
        program.close_stdin();
        program.end()
    }

    /// Writes to its standard input.
    ///
    /// # Errors
    ///
    /// It no longer reads.
    pub fn write_stdin(&mut self, bytes: &[u8]) -> Result<()> {
        let name = &self.name;
        let input = self.input.as_mut().with_context(|| format!("{name} has no input any more"))?;
        input.write_all(bytes).and_then(|()| input.flush())?;
        Ok(())
    }

    /// Closes its standard input.
    pub fn close_stdin(&mut self) {
        self.input = None;
    }

    /// What it said so far on standard output.
    pub fn stdout(&self) -> String {
        text(&self.stdout)
    }

    /// What it said so far on standard error.
    pub fn stderr(&self) -> String {
        text(&self.stderr)
    }

    /// The number of its process.
    pub fn process(&self) -> u32 {
        self.child.id()
    }

    /// Asks it to stop, as an orchestrator does.
    ///
    /// # Errors
    ///
    /// It cannot be signalled.
    pub fn terminate(&self) -> Result<()> {
        let pid = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw);
        Ok(kill_process(pid.context("a process must have a number")?, Signal::TERM)?)
    }

    /// How it ended, if it has.
    ///
    /// # Errors
    ///
    /// The system does not say.
    pub fn ended(&mut self) -> Result<Option<ExitStatus>> {
        Ok(self.child.try_wait()?)
    }

    /// Waits for its end.
    ///
    /// # Errors
    ///
    /// It does not end in time.
    pub fn end(mut self) -> Result<Outcome> {
        let name = self.name.clone();
        let status = eventually(&format!("the end of {name}"), || self.ended())?;
        for reader in self.readers.drain(..) {
            if reader.join().is_err() {
                bail!("the output of {name} could not be read");
            }
        }
        Ok(Outcome { code: status.code(), stderr: self.stderr(), stdout: self.stdout() })
    }
}

impl Outcome {
    /// This outcome, where the program succeeded.
    ///
    /// # Errors
    ///
    /// It did not; the error has its output.
    pub fn good(self) -> Result<Self> {
        match self.code {
            Some(0) => Ok(self),
            code => bail!("exit code {code:?}: {}{}", self.stdout, self.stderr),
        }
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn listen(mut from: impl Read + Send + 'static, to: &Said) -> JoinHandle<()> {
    let to = Arc::clone(to);
    std::thread::spawn(move || {
        let mut bytes = [0; 4096];
        while let Ok(count @ 1..) = from.read(&mut bytes) {
            to.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(&bytes[..count]);
        }
    })
}

fn text(said: &Said) -> String {
    let bytes = said.lock().unwrap_or_else(PoisonError::into_inner);
    String::from_utf8_lossy(&bytes).into_owned()
}
