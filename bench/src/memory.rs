//! How much memory a process has.

use std::fs;

use anyhow::{Context, Result};

/// Memory of a process and its descendants, in KiB, as `/proc/PID/smaps_rollup` counts it.
#[derive(Clone, Copy, Debug, Default)]
pub struct Memory {
    /// Pages shared by several processes count by their share (`Pss`).
    pub proportional: u64,
    /// All pages count whole in each process (`Rss`).
    pub resident: u64,
}

impl Memory {
    /// The memory of some processes.
    ///
    /// # Errors
    ///
    /// One has ended, or belongs to another user.
    pub fn of(processes: &[u32]) -> Result<Self> {
        let mut total = Self::default();
        for process in processes {
            let path = format!("/proc/{process}/smaps_rollup");
            let text = fs::read_to_string(&path)
                .with_context(|| format!("cannot read {path}: run as the same user or root"))?;
            total.proportional += field(&text, "Pss:")?;
            total.resident += field(&text, "Rss:")?;
        }
        Ok(total)
    }
}

fn field(text: &str, name: &str) -> Result<u64> {
    let value = text.lines().find_map(|line| line.strip_prefix(name)?.trim().strip_suffix(" kB"));
    Ok(value.with_context(|| format!("smaps_rollup has no {name}"))?.parse()?)
}

#[cfg(test)]
mod tests {
    use super::Memory;

    #[test]
    fn this_process_has_memory() {
        let memory = Memory::of(&[std::process::id()]).unwrap();

        assert!(memory.resident >= memory.proportional && memory.proportional > 0, "{memory:?}");
    }
}
