//! What the process may use of its machine, and the limits that follow from it.

use std::fs;
use std::path::Path;

use mtls::limits::Limits;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// The files that the process may have open, sockets included, and the memory that it may use.
#[derive(Clone, Copy, Debug)]
pub struct Capacity {
    files: usize,
    /// None without a limit.
    memory: Option<usize>,
}

impl Capacity {
    /// Raises the limit of open files as far as the process may, and reads both.
    pub fn of_process() -> Self {
        let limit = getrlimit(Resource::Nofile);
        // Where that fails, the limit stays as it is, and is read as it is.
        let _ = setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, ..limit });
        let files = getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX);
        let files = usize::try_from(files).unwrap_or(usize::MAX);
        Self { files, memory: memory_limit(Path::new("/sys/fs/cgroup")) }
    }

    /// What so many open files and so many bytes of memory are.
    pub fn new(files: usize, memory: Option<usize>) -> Self {
        Self { files, memory }
    }

    /// Lowers the limits of the public listeners to what the process can hold, and says which.
    /// `upstream_requests` is how many requests may be passed on at once, where they are: each
    /// needs a connection of its own.
    ///
    /// Files are left over for the admin listener and for what the process itself opens.
    pub fn fit(&self, limits: &mut Limits, upstream_requests: Option<&mut usize>) -> Vec<String> {
        let mut notes = Vec::new();
        let wanted = limits.max_connections;
        let taken = OWN_FILES + self.admin_connections() + self.refusals();
        let files = self.files.saturating_sub(taken).max(2);
        let mut fitting = files;
        if let Some(requests) = upstream_requests {
            let wanted_requests = *requests;
            *requests = (*requests).min(files / 2);
            fitting = files - *requests;
            if *requests < wanted_requests {
                let limit = self.files;
                notes.push(format!(
                    "{requests} requests in flight instead of {wanted_requests}: {limit} files \
                     may be open at once; raise that limit (ulimit -n)"
                ));
            }
        }
        if fitting < wanted {
            limits.max_connections = fitting;
            let limit = self.files;
            notes.push(format!(
                "{fitting} connections instead of {wanted}: {limit} files may be open at once; \
                 raise that limit (ulimit -n)"
            ));
        }
        let Some(memory) = self.memory else {
            return notes;
        };
        let fitting = connections_in(memory, limits.max_header_bytes).max(1);
        if fitting < limits.max_connections {
            limits.max_connections = fitting;
            let mebibytes = memory / (1024 * 1024);
            notes.push(format!(
                "{fitting} connections instead of {wanted}: {mebibytes} MiB of memory hold no \
                 more heads of requests; raise the memory limit, or lower the size of a head"
            ));
        }
        notes
    }

    /// Connections beyond the limit, while they are refused.
    fn refusals(&self) -> usize {
        (self.files / 8).min(MOST_REFUSALS)
    }

    /// Connections of the admin listener.
    pub fn admin_connections(&self) -> usize {
        (self.files / 8).clamp(1, MOST_ADMIN_CONNECTIONS)
    }
}

/// How many connections fit into so much memory, each with a head of a request that is almost
/// complete. A quarter of the memory is for everything else.
pub fn connections_in(memory: usize, max_header_bytes: usize) -> usize {
    memory / 4 * 3 / (CONNECTION_BYTES + 2 * max_header_bytes)
}

/// What the control group of the process may use (the kernel's `cgroup-v2`, and version 1).
fn memory_limit(root: &Path) -> Option<usize> {
    let files = [root.join("memory.max"), root.join("memory/memory.limit_in_bytes")];
    let limit = files.iter().find_map(|file| fs::read_to_string(file).ok())?;
    // "max" is none, and version 1 has a number beyond all memory in its place.
    limit.trim().parse().ok().filter(|limit| *limit < usize::MAX / 4)
}

/// Standard streams, the runtime, listeners, watched directories, and files while they are read.
const OWN_FILES: usize = 32;

const MOST_ADMIN_CONNECTIONS: usize = 64;

const MOST_REFUSALS: usize = 256;

/// A connection with its TLS and its task, without the head of a request.
const CONNECTION_BYTES: usize = 24 * 1024;

#[cfg(test)]
mod tests {
    use std::fs;

    use mtls::limits::Limits;

    use super::{Capacity, connections_in, memory_limit};

    #[test]
    fn limits_that_fit_are_unchanged() {
        let (mut limits, mut requests) = (Limits::default(), 1000);

        let notes = Capacity::new(1 << 20, None).fit(&mut limits, Some(&mut requests));

        assert_eq!((notes, limits, requests), (Vec::new(), Limits::default(), 1000));
    }

    #[test]
    fn with_few_files_all_that_may_be_open_at_once_fits() {
        for files in [64, 100, 256, 1024, 4096, 20_000] {
            for upstreams in [false, true] {
                let (mut limits, mut requests) = (Limits::default(), 1000);
                let capacity = Capacity::new(files, None);

                let notes = capacity.fit(&mut limits, upstreams.then_some(&mut requests));

                let connections = limits.max_connections;
                let all = connections
                    + if upstreams { requests } else { 0 }
                    + capacity.refusals()
                    + capacity.admin_connections()
                    + super::OWN_FILES;
                assert!(all <= files, "{files}: {all}");
                assert!(connections > 0 && requests > 0, "{files}");
                assert!(notes.is_empty() == (connections == 10_000), "{files}: {notes:?}");
            }
        }
    }

    #[test]
    fn connections_with_whole_heads_fit_into_the_memory() {
        let (memory, mut limits) = (256 << 20, Limits::default());

        let notes = Capacity::new(1 << 20, Some(memory)).fit(&mut limits, None);

        assert_eq!(limits.max_connections, connections_in(memory, limits.max_header_bytes));
        assert!(limits.max_connections * limits.max_header_bytes < memory);
        assert!(notes[0].contains("256 MiB"), "{notes:?}");
    }

    #[test]
    fn the_manifests_allow_no_more_connections_than_fit_into_their_memory() {
        for service in ["api", "client"] {
            let root = concat!(env!("CARGO_MANIFEST_DIR"), "/../k8s");
            let text = fs::read_to_string(format!("{root}/{service}-deployment.yaml")).unwrap();
            let (_, setting) = text.split_once("name: MAX_CONNECTIONS").unwrap();
            let connections = setting.split('"').nth(1).unwrap().parse().unwrap();
            let (_, limits) = text.split_once("limits:").unwrap();
            let (_, memory) = limits.split_once("memory: ").unwrap();
            let memory: usize = memory.split_once("Mi").unwrap().0.parse().unwrap();
            let mut limits = Limits::with(|limits| limits.max_connections = connections);

            let notes = Capacity::new(1 << 20, Some(memory << 20)).fit(&mut limits, None);

            assert_eq!(notes, [""; 0], "{service}");
        }
    }

    #[test]
    fn the_limit_of_the_control_group_is_read() {
        let root = tempfile::tempdir().unwrap();
        let write = |text| fs::write(root.path().join("memory.max"), text).unwrap();

        assert_eq!(memory_limit(root.path()), None);
        write("max\n");
        assert_eq!(memory_limit(root.path()), None);
        write("268435456\n");
        assert_eq!(memory_limit(root.path()), Some(256 << 20));
    }
}
