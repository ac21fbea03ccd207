//! Which processors a process may run on, and how much processor time it has used.

use std::collections::HashMap;
use std::fs;
use std::time::Duration;

use anyhow::{Context, Result};
use nix::time::{ClockId, clock_gettime};
use nix::unistd::Pid;
use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

/// The processors of the measured servers, and those of all else: the load generator and the
/// servers behind a measured one.
#[derive(Clone, Copy, Debug)]
pub struct Processors {
    all: CpuSet,
    load: CpuSet,
    server: CpuSet,
}

/// Where a program runs.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Place {
    /// On any processor.
    Anywhere,
    /// Beside the load generator.
    Load,
    /// On the processor of the measured server.
    Server,
}

impl Processors {
    /// Gives the first processor to the server, and the others to the rest. With a single one,
    /// they share it.
    ///
    /// # Errors
    ///
    /// The system does not name the processors of this process.
    pub fn divide() -> Result<Self> {
        let all = sched_getaffinity(None).context("cannot read the processors of this process")?;
        let (mut server, mut load) = (all, all);
        let numbers: Vec<usize> = (0..CpuSet::MAX_CPU).filter(|cpu| all.is_set(*cpu)).collect();
        if let [first, rest @ ..] = numbers.as_slice()
            && !rest.is_empty()
        {
            rest.iter().for_each(|cpu| server.unset(*cpu));
            load.unset(*first);
        }
        Ok(Self { all, load, server })
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        usize::try_from(self.all.count()).unwrap_or(usize::MAX)
    }

    /// Moves the calling thread, and with it the processes and threads that it starts.
    ///
    /// # Errors
    ///
    /// The system refuses.
    pub fn enter(&self, place: Place) -> Result<()> {
        let set = match place {
            Place::Anywhere => &self.all,
            Place::Load => &self.load,
            Place::Server => &self.server,
        };
        sched_setaffinity(None, set).context("cannot bind this thread to a processor")
    }
}

/// The processor time, user and system, that a process and its descendants have used.
///
/// The clock of a process has a resolution of nanoseconds, and counts threads that have ended.
///
/// # Errors
///
/// The process has ended.
pub fn time_of(process: u32) -> Result<Duration> {
    let mut total = Duration::ZERO;
    for process in tree(process)? {
        let number = Pid::from_raw(i32::try_from(process)?);
        let spent = ClockId::pid_cpu_clock_id(number).and_then(clock_gettime);
        let spent = spent.with_context(|| format!("cannot read the clock of process {process}"))?;
        total += Duration::from(spent);
    }
    Ok(total)
}

/// The processor time that the calling thread has used.
pub fn thread_time() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    // Both parts of this clock are never negative.
    let seconds = u64::try_from(time.tv_sec).unwrap_or_default();
    Duration::new(seconds, u32::try_from(time.tv_nsec).unwrap_or_default())
}

/// The process and all its descendants.
///
/// # Errors
///
/// `/proc` cannot be read.
pub fn tree(root: u32) -> Result<Vec<u32>> {
    let mut children: HashMap<u32, Vec<u32>> = HashMap::new();
    for entry in fs::read_dir("/proc").context("cannot read /proc")? {
        let Some(process) = entry?.file_name().to_str().and_then(|name| name.parse().ok()) else {
            continue;
        };
        // A process that has ended meanwhile is nobody's child.
        let stat = fs::read_to_string(format!("/proc/{process}/stat")).unwrap_or_default();
        if let Some(parent) = parent(&stat) {
            children.entry(parent).or_default().push(process);
        }
    }
    let mut found = vec![root];
    let mut next = 0;
    while let Some(process) = found.get(next) {
        found.extend(children.remove(process).unwrap_or_default());
        next += 1;
    }
    Ok(found)
}

/// The parent in `/proc/PID/stat` (proc(5)): the second field after the name, which is in
/// parentheses and may contain any character.
fn parent(stat: &str) -> Option<u32> {
    let (_, after) = stat.rsplit_once(')')?;
    after.split_whitespace().nth(1)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::{parent, time_of, tree};

    #[test]
    fn the_parent_is_found_after_a_name_with_parentheses() {
        assert_eq!(parent("12 (a) b) S 7 12 12 0"), Some(7));
        assert_eq!(parent("12"), None);
    }

    #[test]
    fn this_process_is_its_own_tree_and_has_used_time() {
        let own = std::process::id();

        assert_eq!(tree(own).unwrap()[0], own);
        assert!(!time_of(own).unwrap().is_zero());
    }
}
