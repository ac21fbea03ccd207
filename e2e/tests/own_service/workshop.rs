//! Where the page is followed.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, ensure};
use e2e::binaries::{binary, workspace};
use e2e::curl::Answer;
use e2e::manifests::Manifests;
use e2e::page::{CURLRC, Page, shell};
use e2e::pki::TestPki;
use e2e::program::Program;
use e2e::service::Service;
use tempfile::TempDir;

use crate::PAGE;

/// A directory that stands for the root of the repository, with our
/// binaries in place of `cargo run`, and a `kubectl apply` that only shows what it was given.
pub(crate) struct Workshop {
    pub(crate) pki: TestPki,
    pub(crate) page: Page,
    place: TempDir,
}

impl Workshop {
    pub(crate) fn new() -> Result<Self> {
        let workshop =
            Self { pki: TestPki::new()?, page: Page::read(PAGE)?, place: tempfile::tempdir()? };
        for directory in ["bin", "certs"] {
            fs::create_dir(workshop.path().join(directory))?;
        }
        symlink(workshop.pki.path(), workshop.path().join("certs/pki"))?;
        let mut copy = Command::new("cp");
        copy.arg("-R").arg(workspace().join("k8s")).arg(workshop.path());
        Program::run(&mut copy, "coreutils", b"")?.good()?;
        let binaries = binary("certs")?;
        let binaries = binaries.parent().context("a directory")?.display();
        let cargo = format!(
            "while [ \"$1\" != -p ]; do shift; done\nname=$2; shift 3\nexec {binaries}/$name \"$@\"\n"
        );
        let kubectl = "test \"$1 $2 $3\" = 'apply -f -' && exec cat\n";
        for (name, script) in [("cargo", cargo.as_str()), ("kubectl", kubectl)] {
            let path = workshop.path().join("bin").join(name);
            fs::write(&path, format!("#!/bin/sh\n{script}"))?;
            fs::set_permissions(&path, fs::Permissions::from_mode(0o755))?;
        }
        fs::write(workshop.path().join(".curlrc"), CURLRC)?;
        Ok(workshop)
    }

    pub(crate) fn path(&self) -> &Path {
        self.place.path()
    }

    /// The lines of the page's call, to where this service listens.
    pub(crate) fn is_answered_as_the_page_says(&self, service: &Service) -> Result<()> {
        let page = self.page.clone().with(":8443", format!(":{}", service.address.port()));
        let (call, calls) = (page.block("sh call")?, page.block("sh calls")?);
        let shown = |line: &str| -> Result<Answer> {
            Answer::of(shell(&format!("{call}{line}\n"), self.path())?)
        };
        let lines: Vec<&str> = calls.lines().collect();
        let [good, none, other] = lines.as_slice() else { anyhow::bail!("{lines:?}") };

        let (good_answer, none_answer, other_answer) = (shown(good)?, shown(none)?, shown(other)?);

        ensure!(good.ends_with("# 200, {\"orders\":[]}"), "{good}");
        assert_eq!((good_answer.status, good_answer.body.trim()), (200, "{\"orders\":[]}"));
        ensure!(none.ends_with("# no answer, but an alert: no-certificate"), "{none}");
        assert_eq!((none_answer.status, none_answer.alert), (0, Some(116)));
        ensure!(other.ends_with("# 403, not-allowed"), "{other}");
        assert_eq!(other_answer.status, 403, "{other_answer:?}");
        assert_eq!(other_answer.json()?["refusal"]["code"], "not-allowed");
        let text = self.page.block("text refusals")?;
        let refusals = service.refusals(2)?;
        for (line, refusal) in text.lines().zip(refusals.iter().rev()) {
            let logged = service.logged_refusal(refusal)?;
            for field in ["message", "code", "alert", "cn", "remedy"] {
                let said = logged[field].as_str().unwrap_or_default();
                ensure!(line.contains(said), "{field} is {said}, and not as in: {line}");
            }
        }
        Ok(())
    }

    /// What `kubectl apply -k k8s/orders` applies.
    pub(crate) fn rendered(&self) -> Result<Manifests> {
        self.page.write("toml orders.toml", self.path())?;
        self.page.run("sh gateway-file", self.path())?.good()?;
        for file in ["yaml k8s/orders/orders.yaml", "yaml k8s/orders/kustomization.yaml"] {
            self.page.write(file, self.path())?;
        }
        let commands = "kubectl kustomize k8s/orders\nkubectl apply -k k8s/orders\n";
        assert_eq!(self.page.block("sh apply")?, commands);
        self.render("k8s/orders")
    }

    pub(crate) fn render(&self, tree: &str) -> Result<Manifests> {
        Manifests::render(&self.path().join(tree))
    }
}
