//! docs/clients.md is followed with every program of which it speaks: with a good certificate,
//! with one that has expired, and without any. What the API records of each is compared.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use e2e::identity::Identity;
use e2e::page::Page;
use e2e::pki::TestPki;
use e2e::program::{Outcome, Program};
use e2e::python;
use e2e::service::Service;
use serde_json::Value;

/// One program of the page.
struct Client {
    /// The block that calls the API: commands, or the file that `run` runs.
    fence: &'static str,
    run: Option<&'static str>,
    /// The commands that must be there, and the Debian package that has them.
    needs: (&'static [&'static str], &'static str),
    /// Blocks that are run first.
    prepared_by: &'static [&'static str],
    /// What stands in the block in place of what, where no certificate is to be shown.
    nothing_shown: &'static [(&'static str, &'static str)],
}

const IN_PYTHON: &[(&str, &str)] = &[("context.load_cert_chain(\"tls.crt\", \"tls.key\")\n", "")];
const IN_NODE: &[(&str, &str)] = &[(", ...identity }", " }")];
const JAVA: (&[&str], &str) = (&["java", "keytool", "openssl"], "default-jdk-headless");

const CLIENTS: [Client; 10] = [
    Client {
        fence: "sh curl",
        run: None,
        needs: (&["curl"], "curl"),
        prepared_by: &[],
        nothing_shown: &[(" --cert tls.crt --key tls.key", "")],
    },
    Client {
        fence: "sh wget",
        run: None,
        needs: (&["wget"], "wget"),
        prepared_by: &[],
        nothing_shown: &[(" --certificate=tls.crt --private-key=tls.key", "")],
    },
    Client {
        fence: "sh openssl",
        run: None,
        needs: (&["openssl"], "openssl"),
        prepared_by: &[],
        nothing_shown: &[(" -cert tls.crt -key tls.key", "")],
    },
    Client {
        fence: "sh gnutls-cli",
        run: None,
        needs: (&["gnutls-cli"], "gnutls-bin"),
        prepared_by: &[],
        nothing_shown: &[(" --x509certfile=tls.crt --x509keyfile=tls.key", "")],
    },
    Client {
        fence: "py call.py",
        run: Some("python call.py"),
        needs: (&["python3"], "python3"),
        prepared_by: &[],
        nothing_shown: IN_PYTHON,
    },
    Client {
        fence: "py call_httpx.py",
        run: Some("python call_httpx.py"),
        needs: (&["python3"], "python3"),
        prepared_by: &[],
        nothing_shown: IN_PYTHON,
    },
    Client {
        fence: "js call_https.js",
        run: Some("node call_https.js"),
        needs: (&["node"], "nodejs"),
        prepared_by: &[],
        nothing_shown: IN_NODE,
    },
    Client {
        fence: "js call_http2.js",
        run: Some("node call_http2.js"),
        needs: (&["node"], "nodejs"),
        prepared_by: &[],
        nothing_shown: IN_NODE,
    },
    Client {
        fence: "java Call.java",
        run: Some("java Call.java"),
        needs: JAVA,
        prepared_by: &["sh pkcs12", "sh keytool"],
        nothing_shown: &[("context.init(keys.getKeyManagers(),", "context.init(null,")],
    },
    Client {
        fence: "sh tstclnt",
        run: None,
        needs: (&["tstclnt", "certutil", "pk12util", "openssl"], "libnss3-tools"),
        prepared_by: &["sh pkcs12", "sh nss"],
        nothing_shown: &[
            (" -n client-service", ""),
            ("pk12util -i client.p12 -d sql:nssdb -W changeit\n", ""),
        ],
    },
];

#[test]
fn every_program_on_the_page_is_accepted_or_refused_for_its_reason() -> Result<()> {
    let pki = TestPki::new()?;
    let page = Page::read("clients.md")?;
    let api = pki.api().start()?;
    let port = api.address.port();
    let page = page.with("localhost:3000", format!("localhost:{port}"));
    let page = page.with("\"localhost\", 3000", format!("\"localhost\", {port}"));
    let page = page.with("--port=3000", format!("--port={port}"));
    let page = page.with("-p 3000", format!("-p {port}"));
    let good = pki.identity("client-service");
    let past = ["--not-before", "2020-01-01T00:00:00Z", "--not-after", "2021-01-01T00:00:00Z"];
    let expired = pki.issue("expired", &past)?;

    for client in &CLIENTS {
        let (commands, package) = client.needs;
        if let Some(missing) = commands.iter().find(|command| !is_there(command)) {
            println!(
                "SKIPPED: {} of docs/clients.md: {missing} is missing ({package})",
                client.fence
            );
            continue;
        }
        let place = |case| pki.path().join("clients").join(client.fence).join(case);

        let said = client.call(&page, &good, &place("good"))?;
        ensure!(said.stdout.contains(MESSAGE), "{} with the good one: {said:?}", client.fence);
        let newest = &api.events()?[0];
        ensure!(newest["result"] == "accepted", "{}: {newest}", client.fence);
        ensure!(newest["clientCert"]["subject"]["CN"] == "client-service", "{newest}");

        let said = client.call(&page, &expired, &place("expired"))?;
        client.is_refused(&said, &api, "expired")?;

        let without = client.nothing_shown.iter().try_fold(page.clone(), |page, (from, to)| {
            let mut blocks = client.prepared_by.iter().chain([&client.fence]);
            let found =
                blocks.any(|fence| page.block(fence).is_ok_and(|block| block.contains(from)));
            ensure!(found, "{}: there is no {from}", client.fence);
            Ok(page.with(from, to))
        })?;
        let said = client.call(&without, &good, &place("none"))?;
        client.is_refused(&said, &api, "no-certificate")?;
    }
    Ok(())
}

#[test]
fn every_block_of_the_page_is_run() -> Result<()> {
    let page = Page::read("clients.md")?;
    let run = |fence: &&str| {
        CLIENTS.iter().any(|client| client.fence == *fence || client.prepared_by.contains(fence))
    };

    let left_out: Vec<_> = page.fences().into_iter().filter(|fence| !run(fence)).collect();

    assert_eq!(left_out, Vec::<&str>::new());
    Ok(())
}

impl Client {
    /// Follows the page in a directory of its own, with the files of an identity.
    fn call(&self, page: &Page, identity: &Identity, place: &Path) -> Result<Outcome> {
        fs::create_dir_all(place)?;
        for file in [identity.chain(), identity.key(), identity.roots()] {
            fs::copy(&file, place.join(file.file_name().unwrap_or_default()))?;
        }
        for fence in self.prepared_by {
            run(&page.block(fence)?, place)?.good()?;
        }
        match self.run {
            None => run(&page.block(self.fence)?, place),
            Some(commands) => {
                page.write(self.fence, place)?;
                let python = python::program("python")?;
                let python = python.get_program().to_string_lossy();
                run(&commands.replace("python", &python), place)
            }
        }
    }

    fn is_refused(&self, said: &Outcome, api: &Service, code: &str) -> Result<()> {
        ensure!(!said.stdout.contains(MESSAGE), "{} ({code}) got data: {said:?}", self.fence);
        let newest: &Value = &api.events()?[0];
        let refusal = &newest["refusal"];
        ensure!(
            refusal["code"] == code && refusal["side"] == "server",
            "{} ({code}) got {said:?}, and recorded is {newest}",
            self.fence
        );
        Ok(())
    }
}

/// Runs commands to their end. A JVM on a busy machine may take longer than anything else here.
fn run(commands: &str, place: &Path) -> Result<Outcome> {
    let mut command = Command::new("sh");
    command.args(["-e", "-c", commands]).current_dir(place).env_remove("PYTHONPATH");
    // No settings of the user who runs the tests, and no proxy of theirs.
    command.env("HOME", place).env("CURL_HOME", place).env("NO_PROXY", "*").env("no_proxy", "*");
    let mut program = Program::start(&mut command, "dash")?;
    program.close_stdin();
    let deadline = Instant::now() + PATIENCE;
    while program.ended()?.is_none() && Instant::now() < deadline {
        std::thread::sleep(Duration::from_millis(20));
    }
    program.end()
}

fn is_there(command: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|directory| directory.join(command).is_file())
}

const MESSAGE: &str = "This data is secured with mTLS!";
const PATIENCE: Duration = Duration::from_secs(60);
