//! The program of mtls/README.md, outside of our workspace: built from what is written there, and
//! nothing else, and called as it says.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::Command;
use std::time::Instant;

use anyhow::{Context, Result, ensure};
use e2e::binaries::{binary, target, workspace};
use e2e::curl::{Answer, Curl};
use e2e::deadline::eventually;
use e2e::identity::Identity;
use e2e::openssl::{Client, openssl};
use e2e::page::{CURLRC, Page, shell};
use e2e::pki::TestPki;
use e2e::port::Port;
use e2e::program::Program;
use tempfile::TempDir;

#[test]
fn the_readme_alone_makes_a_server_that_keeps_what_it_promises() -> Result<()> {
    let outside = Outside::new()?;
    outside.page.run("sh issue", outside.path())?.good()?;
    let mut program = outside.start()?;

    let good = outside.call("web")?;
    assert_eq!(
        (good.status, good.body.as_str()),
        (200, "hello spiffe://example.org/ns/default/sa/web\n")
    );
    outside.refuses_others()?;
    let mut open = Open::of(&outside, "web")?;
    open.request()?;
    outside.certs("renew", "api")?;
    eventually("the renewed certificate", || {
        Ok((outside.served_serial()? == outside.serial("api")?).then_some(()))
    })?;
    open.request()?;
    outside.certs("revoke", "web")?;
    eventually("the end of the open connection", || open.client.ended())?;
    let revoked = outside.call("web")?;
    assert_eq!((revoked.status, revoked.alert), (0, Some(44)), "{revoked:?}");
    assert_eq!(outside.call("other")?.status, 403);

    ensure!(program.ended()?.is_none(), "it is to run all the time: {}", program.stderr());
    Ok(())
}

/// The directory of a program with no file but those that the README gives.
struct Outside {
    page: Page,
    place: TempDir,
    port: Port,
}

impl Outside {
    fn new() -> Result<Self> {
        let port = Port::reserve()?;
        let page = Page::at(Path::new("mtls/README.md"))?
            .with("../mtls-demo/mtls", workspace().join("mtls").display())
            .with("127.0.0.1:3000", port.address())
            .with("localhost:3000", format!("localhost:{}", port.number));
        let place = tempfile::tempdir()?;
        fs::create_dir(place.path().join("bin"))?;
        symlink(binary("certs")?, place.path().join("bin/certs"))?;
        fs::write(place.path().join(".curlrc"), CURLRC)?;
        Ok(Self { page, place, port })
    }

    /// Builds the program, and starts it.
    fn start(&self) -> Result<Program> {
        let dependencies = self.page.block("toml dependencies")?;
        fs::create_dir(self.path().join("src"))?;
        fs::write(self.path().join("Cargo.toml"), format!("{PACKAGE}{dependencies}"))?;
        fs::write(self.path().join("src/main.rs"), self.page.block("rust,no_run server")?)?;
        // The versions that we test with; what it does not need, cargo removes.
        fs::copy(workspace().join("Cargo.lock"), self.path().join("Cargo.lock"))?;
        let begin = Instant::now();
        self.cargo(&["build", "--quiet"])?;
        println!("built in {:.1?}, with what the target directory had", begin.elapsed());
        self.has_our_versions()?;
        let tree = ["tree", "--edges", "normal,build", "--prefix", "none", "--no-dedupe"];
        let tree = self.cargo(&[&tree[..], &["--format", "{p}"]].concat())?;
        let mut crates: Vec<&str> = tree.lines().collect();
        crates.sort_unstable();
        crates.dedup();
        println!("{} crates, with the program itself", crates.len());
        let mut command = Command::new(target()?.join("debug/outside"));
        let mut program = Program::start(command.current_dir(self.path()), "cargo")?;
        self.port.is_taken_by(&mut program)?;
        Ok(program)
    }

    fn cargo(&self, arguments: &[&str]) -> Result<String> {
        let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        let output = Command::new(cargo)
            .args(arguments)
            .arg("--offline")
            .args(PROFILE.map(|setting| ["--config", setting]).as_flattened())
            .env("CARGO_TARGET_DIR", target()?)
            .current_dir(self.path())
            .output()
            .context("cargo must run")?;
        let complaint = String::from_utf8_lossy(&output.stderr);
        ensure!(output.status.success(), "cargo {arguments:?}: {complaint}");
        Ok(String::from_utf8(output.stdout)?)
    }

    fn has_our_versions(&self) -> Result<()> {
        let ours = fs::read_to_string(workspace().join("Cargo.lock"))?;
        let lock = fs::read_to_string(self.path().join("Cargo.lock"))?;
        for checksum in lock.lines().filter(|line| line.starts_with("checksum")) {
            ensure!(ours.contains(checksum), "a crate is not in our Cargo.lock: {checksum}");
        }
        Ok(())
    }

    /// Calls the program as the README does.
    fn call(&self, caller: &str) -> Result<Answer> {
        let call = self.page.clone().with("caller=web", format!("caller={caller}"));
        Answer::of(shell(&call.block("sh call")?, self.path())?)
    }

    fn refuses_others(&self) -> Result<()> {
        let other = self.call("other")?;
        assert_eq!((other.status, other.content_type.as_str()), (403, "application/problem+json"));
        assert_eq!(other.json()?["refusal"]["code"], "not-allowed");
        let url = format!("https://localhost:{}/", self.port.number);
        let nobody = Curl::get(&url).trusting(&self.identity("api")).run()?;
        assert_eq!((nobody.status, nobody.alert), (0, Some(116)), "{nobody:?}");
        let foreign = TestPki::new()?;
        let other_authority = foreign.issue("web", &["--spiffe", WEB])?;
        let other_authority =
            Curl::get(&url).presenting(&other_authority).trusting(&self.identity("api")).run()?;
        assert_eq!(
            (other_authority.status, other_authority.alert),
            (0, Some(48)),
            "{other_authority:?}"
        );
        Ok(())
    }

    fn certs(&self, command: &str, name: &str) -> Result<()> {
        let row = format!("| after `certs {command} {name}` |");
        ensure!(self.page.says(&row), "the README does not say what follows: {row}");
        shell(&format!("certs {command} {name}\n"), self.path())?.good()?;
        Ok(())
    }

    fn serial(&self, name: &str) -> Result<String> {
        serial_in(&self.identity(name).chain())
    }

    /// The serial number of the certificate that the program presents.
    fn served_serial(&self) -> Result<String> {
        let client = Client::to(self.port.address(), &self.identity("api"));
        let answer = client.presenting(&self.identity("other"))?.request()?;
        let shown = self.path().join("shown.crt");
        fs::write(&shown, &answer.stdout)?;
        serial_in(&shown)
    }

    fn identity(&self, name: &str) -> Identity {
        Identity::at(self.path().join("certs/pki").join(name))
    }

    fn path(&self) -> &Path {
        self.place.path()
    }
}

/// A connection that stays open from one request to the next.
struct Open {
    answers: usize,
    client: Program,
}

impl Open {
    fn of(outside: &Outside, name: &str) -> Result<Self> {
        let client = Client::to(outside.port.address(), &outside.identity("api"));
        Ok(Self { answers: 0, client: client.presenting(&outside.identity(name))?.start()? })
    }

    fn request(&mut self) -> Result<()> {
        self.client.write_stdin(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")?;
        self.answers += 1;
        eventually("an answer on the open connection", || {
            let answers = self.client.stdout().matches("HTTP/1.1 200 OK").count();
            Ok((answers == self.answers).then_some(()))
        })
    }
}

fn serial_in(certificate: &Path) -> Result<String> {
    let path = certificate.display().to_string();
    Ok(openssl(&["x509", "-noout", "-serial", "-in", &path])?.stdout)
}

const WEB: &str = "spiffe://example.org/ns/default/sa/web";
/// What `cargo new` writes.
const PACKAGE: &str = "[package]\nname = \"outside\"\nedition = \"2024\"\n\n[dependencies]\n";
/// As in our workspace, so that little is built twice in the target directory that they share.
const PROFILE: [&str; 3] = [
    "profile.dev.debug=\"line-tables-only\"",
    "profile.dev.package.\"*\".opt-level=1",
    "profile.dev.package.mtls.opt-level=0",
];
