//! The gateway as a process, with its log.

use std::fs;
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use serde_json::Value;
use tempfile::TempDir;

use super::{TestClient, eventually};

/// A gateway that runs, and is killed in the end.
pub(crate) struct Gateway {
    child: Child,
    directory: TempDir,
    log: Arc<Mutex<Vec<Value>>>,
    reloads: Arc<AtomicUsize>,
}

impl Gateway {
    /// One that has this file, and listens.
    pub(crate) async fn start(config: &str) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("gateway.toml");
        fs::write(&file, config).unwrap();
        Self::of(directory, &file).await
    }

    /// The same, where it may have so many files open.
    pub(crate) async fn with_files(config: &str, files: usize) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("gateway.toml");
        fs::write(&file, config).unwrap();
        let mut command = Command::new("sh");
        command.args(["-c", &format!("ulimit -n {files} && exec \"$0\" \"$@\"")]).arg(PROGRAM);
        Self::run(command, directory, &file).await
    }

    /// One whose file stands in a directory that is there already.
    pub(crate) async fn of(directory: TempDir, file: &Path) -> Self {
        Self::run(Command::new(PROGRAM), directory, file).await
    }

    async fn run(mut command: Command, directory: TempDir, file: &Path) -> Self {
        let mut child = command
            .arg("--config")
            .arg(file)
            .env("LOG_FORMAT", "json")
            .env("RUST_LOG", "info")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let log = Arc::<Mutex<Vec<Value>>>::default();
        let shown = Arc::clone(&log);
        let reloads = Arc::<AtomicUsize>::default();
        let count = Arc::clone(&reloads);
        std::thread::spawn(move || {
            for line in lines.map_while(Result::ok) {
                let line: Value = serde_json::from_str(&line).unwrap();
                let reloaded = line["message"] == "configuration reloaded";
                shown.lock().unwrap().push(line);
                count.fetch_add(usize::from(reloaded), Ordering::SeqCst);
            }
        });
        let gateway = Self { child, directory, log, reloads };
        let listeners = fs::read_to_string(file).unwrap().matches("[[listener]]").count();
        let up = |line: &&Value| line["message"] == "listening";
        eventually("the listeners", || {
            (gateway.log().iter().filter(up).count() >= listeners).then_some(())
        })
        .await;
        gateway.logged("the admin listener", |line| line["message"] == ADMIN).await;
        gateway
    }

    /// Where a listener stands.
    pub(crate) fn address(&self, name: &str) -> SocketAddr {
        let log = self.log();
        let line = log.iter().rfind(|line| line["message"] == "listening" && line["name"] == name);
        line.unwrap()["address"].as_str().unwrap().parse().unwrap()
    }

    /// What an admin page says.
    pub(crate) async fn admin(&self, path: &str) -> String {
        let log = self.log();
        let line = log.iter().find(|line| line["message"] == ADMIN).unwrap();
        let mut client = TestClient::to(line["address"].as_str().unwrap().parse().unwrap()).await;
        client.send(format!("GET {path} HTTP/1.1\r\nhost: localhost\r\n\r\n")).await;
        client.answer().await.text()
    }

    /// The value of a metric, by its name and labels as they are written.
    pub(crate) async fn metric(&self, name: &str) -> f64 {
        let text = self.admin("/metrics").await;
        let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        line.map_or(0.0, |value| value.parse().unwrap())
    }

    /// Its log so far.
    pub(crate) fn log(&self) -> Vec<Value> {
        self.log.lock().unwrap().clone()
    }

    /// Whether a line with this code was logged.
    pub(crate) fn is_logged(&self, code: &str) -> bool {
        self.log.lock().unwrap().iter().any(|line| line["code"] == code)
    }

    /// Its first line that is so, once there is one.
    pub(crate) async fn logged(&self, what: &str, is: impl Fn(&Value) -> bool) -> Value {
        eventually(what, || self.log.lock().unwrap().iter().find(|line| is(line)).cloned()).await
    }

    /// Its lines of requests.
    pub(crate) fn requests(&self) -> Vec<Value> {
        self.log().into_iter().filter(|line| line.get("duration_us").is_some()).collect()
    }

    /// The line of a request with this path, once it is logged.
    pub(crate) async fn request(&self, path: &str) -> Value {
        let is = |line: &Value| line.get("duration_us").is_some() && line["path"] == path;
        self.logged(path, is).await
    }

    pub(crate) fn path(&self) -> &Path {
        self.directory.path()
    }

    pub(crate) fn file(&self) -> PathBuf {
        self.path().join("gateway.toml")
    }

    /// Writes its file anew, in place.
    pub(crate) fn rewrite(&self, config: &str) {
        fs::write(self.file(), config).unwrap();
    }

    /// How often it has logged a reload.
    pub(crate) fn reloads(&self) -> usize {
        self.reloads.load(Ordering::SeqCst)
    }

    /// Writes its file anew, and waits until it is in force.
    pub(crate) async fn reload(&self, config: &str) {
        let before = self.reloads();
        self.rewrite(config);
        eventually("a reload", || (self.reloads() > before).then_some(())).await;
    }

    /// Its resident memory, in KiB.
    pub(crate) fn memory(&self) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
        line.trim().trim_end_matches(" kB").parse().unwrap()
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        if std::thread::panicking() && std::env::var_os("GATEWAY_LOG").is_some() {
            for line in self.log() {
                eprintln!("{line}");
            }
        }
    }
}

const PROGRAM: &str = env!("CARGO_BIN_EXE_gateway");
const ADMIN: &str = "admin is listening";
