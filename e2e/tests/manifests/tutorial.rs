//! docs/kubernetes.md is followed line by line with the real kubectl, where a stand-in for the API
//! server will do for a cluster, and a service on loopback for `kubectl port-forward`.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, ensure};
use e2e::binaries::{binary, workspace};
use e2e::cluster::Cluster;
use e2e::manifests::{Manifests, choose, kubectl};
use e2e::page::{Page, shell};
use e2e::pki::TestPki;
use e2e::program::{Outcome, Program};
use serde_json::Value;
use tempfile::TempDir;

#[test]
fn clients_without_a_certificate_or_of_another_ca_are_refused_as_documented() -> Result<()> {
    let pki = TestPki::new()?;
    let api = pki.api().start()?;
    let place = pki.path().display().to_string();
    let page =
        Page::read(PAGE)?.with("localhost:3443", format!("localhost:{}", api.address.port()));
    let page = page.with("/tmp/", format!("{place}/")).with("certs/pki/", format!("{place}/"));
    let calls = page.block("sh calls")?;
    let run = |begin: &str| -> Result<Outcome> {
        let line = calls.lines().find(|line| line.starts_with(begin));
        shell(line.with_context(|| begin.to_owned())?, &pki.path())
    };
    let good = run("curl --cacert")?;
    assert!(good.stdout.contains("This data is secured with mTLS!"), "{good:?}");

    let none = run("curl -k https")?;
    run("openssl req -x509")?.good()?;
    let stranger = run("curl -k --cert")?;

    assert_eq!((none.code, none.stdout.as_str()), (Some(56), ""));
    assert_eq!((stranger.code, stranger.stdout.as_str()), (Some(56), ""));
    let shown = page.block("text refusals")?;
    for (refusal, line) in api.refusals(2)?.iter().rev().zip(shown.lines()) {
        let logged = api.logged_refusal(refusal)?;
        for field in ["message", "code", "alert", "remedy"] {
            let value = logged[field].as_str().context("a field of the log")?;
            ensure!(line.contains(value), "{field} is \"{value}\", and not as in: {line}");
        }
    }
    Ok(())
}

#[test]
fn by_hand_everything_gets_to_the_cluster_and_away_again() -> Result<()> {
    let reader = Reader::new(&[])?;
    for block in ["images", "apply", "apply", "replicas"] {
        reader.run(block)?;
    }
    let secret = |name: &str| reader.cluster.object("default", "secrets", name);
    ensure!(secret("api-service-certs")?.is_some() && secret("gateway-certs")?.is_none());
    let first = secret("client-service-certs")?.context("a Secret")?;

    let end = reader.run("end")?;
    reader.run("renew")?;
    let revoked = reader.run("revoke")?;

    ensure!(end.stdout.starts_with("notAfter="), "{end:?}");
    ensure!(
        revoked.stdout.contains("revoked: serial ")
            && revoked.stdout.contains("of namespace default")
    );
    let second = secret("client-service-certs")?.context("a Secret")?;
    assert_ne!(first["data"]["tls.crt"], second["data"]["tls.crt"]);
    assert_ne!(first["data"]["ca.crl"], second["data"]["ca.crl"]);
    for block in ["sidecar", "own-name"] {
        reader.run(block)?;
    }
    ensure!(secret("gateway-certs")?.is_some() && secret("httpbin-certs")?.is_some());
    ensure!(reader.cluster.object("default", "deployments", "httpbin")?.is_some());
    reader.run("delete")?;
    ensure!(secret("api-service-certs")?.is_none());
    ensure!(reader.cluster.object("default", "services", "client-service")?.is_none());
    Ok(())
}

#[test]
fn another_namespace_gets_an_authority_of_its_own() -> Result<()> {
    let reader = Reader::new(&[])?;
    reader.run("apply")?;

    reader.run("namespace")?;

    let secret = reader.cluster.object("demo", "secrets", "client-service-certs")?;
    let of_default = reader.cluster.object("default", "secrets", "client-service-certs")?;
    let root = |secret: Option<Value>| secret.map(|secret| secret["data"]["ca.crt"].clone());
    ensure!(secret.is_some());
    assert_ne!(root(secret), root(of_default));
    ensure!(reader.cluster.object("demo", "deployments", "client-service")?.is_some());
    let labels = reader.cluster.object("-", "namespaces", "demo")?.context("a namespace")?;
    let standard = &labels["metadata"]["labels"]["pod-security.kubernetes.io/enforce"];
    assert_eq!(standard, "restricted");
    // With cert-manager, these lines put the namespace into the names.
    let file = reader.path().join("k8s/Kustomization");
    let text = choose(&fs::read_to_string(&file)?, &["cert-manager"])?;
    fs::write(&file, text + &reader.page.block("yaml namespace")?)?;
    let rendered = Manifests::render(&reader.path().join("k8s"))?;
    let uri = &rendered.one("Certificate", "api-service")?["spec"]["uris"][0];
    assert_eq!(uri, "spiffe://mtls-demo.local/ns/demo/sa/api-service");
    Ok(())
}

#[test]
fn our_root_goes_to_cert_manager_once_nobody_revoked_is_valid() -> Result<()> {
    let reader = Reader::new(&["cert-manager"])?;
    reader.run("apply")?;
    reader.run("revoked")?;
    reader.run("revoke")?;
    let still_valid = reader.attempt("revoked")?;

    reader.run("root")?;
    let file = reader.path().join("k8s/Kustomization");
    let components = ["cert-manager", "cert-manager-our-root"];
    fs::write(&file, choose(&fs::read_to_string(&file)?, &components)?)?;
    reader.run("switch")?;

    assert_eq!(still_valid.code, Some(1));
    ensure!(still_valid.stdout.contains("client-service"), "{still_valid:?}");
    let found = |resource, name| reader.cluster.object("default", resource, name);
    let root = found("secrets", "mtls-demo-authority")?.context("a root")?;
    assert_eq!(root["type"], "kubernetes.io/tls");
    assert_eq!(root["metadata"]["labels"]["app.kubernetes.io/part-of"], "mtls-demo");
    ensure!(root["data"]["tls.key"].as_str().is_some_and(|key| !key.is_empty()));
    let issuer = found("issuers", "mtls-demo")?.context("an Issuer")?;
    assert_eq!(issuer["spec"]["ca"]["secretName"], "mtls-demo-authority");
    ensure!(found("certificates", "api-service")?.is_some());
    // cert-manager would write a root of its own over ours.
    ensure!(found("certificates", "mtls-demo-authority")?.is_none());
    ensure!(found("issuers", "mtls-demo-bootstrap")?.is_none());
    ensure!(found("secrets", "client-service-certs")?.is_none());
    Ok(())
}

#[test]
fn a_release_is_named_by_digest_and_pulled_from_its_registry() -> Result<()> {
    let reader = Reader::new(&[])?;
    reader.run("push")?;

    reader.page.write("yaml release/kustomization.yaml", reader.path())?;
    let pods = Manifests::render(&reader.path().join("release"))?.pods();

    assert_eq!(pods.len(), 2);
    for pod in pods {
        let container = pod.containers().next().context("a container")?;
        let image = container["image"].as_str().context("an image")?;
        let begin = format!("registry.example/mtls-demo/{}@sha256:", pod.name);
        ensure!(image.starts_with(&begin), "{image}");
        assert_eq!(container["imagePullPolicy"], "IfNotPresent");
    }
    Ok(())
}

#[test]
fn https_in_front_of_the_page_leads_to_its_service() -> Result<()> {
    let service = Manifests::with(&[])?;
    let service = service.one("Service", "client-service")?;
    let ingress = Manifests::example("ingress")?;
    let text = fs::read_to_string(workspace().join("k8s/examples/http-route.yaml"))?;
    let route = Manifests::read(&text)?;

    let ingress = &ingress.one("Ingress", "client-service")?["spec"];
    let backend = &ingress["rules"][0]["http"]["paths"][0]["backend"]["service"];
    let gateway = &route.one("Gateway", "client-service")?["spec"]["listeners"][0];
    let route = &route.one("HTTPRoute", "client-service")?["spec"];
    assert_eq!(backend["name"], service["metadata"]["name"]);
    assert_eq!(backend["port"]["name"], service["spec"]["ports"][0]["name"]);
    assert_eq!(ingress["tls"][0]["hosts"][0], ingress["rules"][0]["host"]);
    let backend = &route["rules"][0]["backendRefs"][0];
    assert_eq!(backend["name"], service["metadata"]["name"]);
    assert_eq!(backend["port"], service["spec"]["ports"][0]["port"]);
    assert_eq!(
        (&gateway["protocol"], &gateway["tls"]["mode"]),
        (&"HTTPS".into(), &"Terminate".into())
    );
    assert_eq!(gateway["hostname"], route["hostnames"][0]);
    Ok(())
}

#[test]
fn what_needs_a_cluster_names_what_is_there_and_is_listed() -> Result<()> {
    let page = Page::read(PAGE)?;
    let manifests = Manifests::with(&crate::BESIDE)?;
    let sidecar = Manifests::example("httpbin")?;
    let text = fs::read_to_string(workspace().join("docs").join(PAGE))?;
    let (_, listed) = text.split_once("## What was run on a cluster").context("a list")?;

    for (command, service, port) in [
        ("svc/api-service 3443:3000", manifests.one("Service", "api-service")?, 3000),
        ("svc/client-service 4000:80", manifests.one("Service", "client-service")?, 80),
        ("svc/gateway 8443:443", sidecar.one("Service", "gateway")?, 443),
    ] {
        ensure!(text.contains(&format!("kubectl port-forward {command}")), "{command}");
        assert_eq!(service["spec"]["ports"][0]["port"], port);
    }
    // "kubectl logs -l" shows ten lines a pod without an option, and five pods at most.
    let logs = text.lines().filter(|line| line.contains("kubectl logs -l"));
    let logs: Vec<&str> = logs.filter(|line| line.starts_with("kubectl")).collect();
    assert_eq!(logs.len(), 2);
    ensure!(logs.iter().all(|line| line.contains("--tail=-1 --max-log-requests=20")), "{logs:?}");
    let capture = page.block("sh on-cluster capture")?;
    ensure!(
        capture.contains("-- sleep ")
            && capture.contains("kubectl exec $POD -c capture -- tcpdump")
    );
    ensure!(!capture.contains("-Z"), "tcpdump may not change its user there");
    for fence in page.fences() {
        let (kind, name) = fence.split_once(' ').context("each block has a name")?;
        match name.strip_prefix("on-cluster ") {
            Some(name) => ensure!(listed.contains(name), "{name} is not listed"),
            None => ensure!(FOLLOWED.contains(&name) || kind == "text", "{fence} is not followed"),
        }
    }
    Ok(())
}

#[test]
fn every_alert_and_every_file_that_is_named_exists() -> Result<()> {
    let text = fs::read_to_string(workspace().join("docs").join(PAGE))?;
    let rules = fs::read_to_string(workspace().join("k8s/components/monitoring/rules.yaml"))?;
    let alerts: Vec<&str> =
        rules.lines().filter_map(|line| line.trim().strip_prefix("- alert: ")).collect();
    assert!(alerts.len() > 10);

    for alert in &alerts {
        assert!(text.contains(&format!("`{alert}`")), "the document is silent about {alert}");
    }
    let named = text.split(|c: char| c.is_whitespace() || "`,;()".contains(c));
    let named = named.map(|word| word.trim_end_matches(['.', ':']));
    let files: Vec<&str> = named.filter(|word| word.starts_with("k8s/")).collect();
    assert!(files.len() > 5, "{files:?}");
    for file in files {
        assert!(workspace().join(file).exists(), "{file}");
    }
    Ok(())
}

/// Who follows the page, in a directory that stands for the root of the repository: with the real
/// kubectl, and an engine whose images are our binaries.
struct Reader {
    cluster: Cluster,
    page: Page,
    place: TempDir,
}

impl Reader {
    fn new(known: &[&str]) -> Result<Self> {
        let cluster = Cluster::start("kind-demo", known)?;
        let reader = Self { cluster, page: Page::read(PAGE)?, place: tempfile::tempdir()? };
        let mut copy = Command::new("cp");
        copy.arg("-R").arg(workspace().join("k8s")).arg(reader.path());
        Program::run(&mut copy, "coreutils", b"")?.good()?;
        let docker = DOCKER.replace("CERTS", &binary("certs")?.display().to_string());
        // Not the one of this name that is first on the path here.
        let path = std::env::var("PATH")?;
        let kubectl = format!(
            "export PATH='{path}' HOME='{}' KUBECONFIG='{}'\nexec '{}' \"$@\"\n",
            reader.path().display(),
            reader.cluster.kubeconfig().display(),
            kubectl()?.display()
        );
        fs::create_dir(reader.path().join("bin"))?;
        for (name, script) in [("docker", docker), ("kubectl", kubectl)] {
            let path = reader.path().join("bin").join(name);
            fs::write(&path, format!("#!/bin/bash\n{script}"))?;
            fs::set_permissions(&path, fs::Permissions::from_mode(0o755))?;
        }
        Ok(reader)
    }

    fn path(&self) -> &Path {
        self.place.path()
    }

    /// The commands of a block, after those that define `certs`.
    fn attempt(&self, block: &str) -> Result<Outcome> {
        let commands = self.page.block("sh certs")? + &self.page.block(&format!("sh {block}"))?;
        shell(&commands, self.path())
    }

    fn run(&self, block: &str) -> Result<Outcome> {
        self.attempt(block)?.good().with_context(|| block.to_owned())
    }
}

const DOCKER: &str = r#"case "$1" in
run)
  case "$*" in *' --pull never '*) ;; *) exit 1 ;; esac
  while [ "$1" != mtls-demo/certs:latest ]; do
    case $1 in --volume) pki=${2%:*} ;; esac
    shift
  done
  shift
  exec 'CERTS' --dir "$pki" "$@"
  ;;
build | tag | push) ;;
image) echo registry.example/mtls-demo/any@sha256:0000 ;;
*) exit 1 ;;
esac
"#;

/// Below `docs/`.
const PAGE: &str = "kubernetes.md";

/// The blocks that the tests above run, or use as the files that they are.
const FOLLOWED: [&str; 17] = [
    "apply",
    "calls",
    "certs",
    "delete",
    "end",
    "images",
    "namespace",
    "own-name",
    "push",
    "release/kustomization.yaml",
    "renew",
    "replicas",
    "revoke",
    "revoked",
    "root",
    "sidecar",
    "switch",
];
