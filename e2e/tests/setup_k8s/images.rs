//! How images get to the nodes, and which.

use std::process::Command;

use anyhow::{Context, Result, ensure};
use e2e::cluster::Cluster;
use serde_json::Value;

use crate::{machine, machine_but_for};

#[test]
fn each_kind_of_cluster_gets_its_images_in_its_own_way() -> Result<()> {
    for (context, wanted) in [
        ("minikube", Some("minikube --profile minikube image load")),
        ("of-my-own", Some("minikube --profile of-my-own image load")),
        ("kind-demo", Some("kind load docker-image --name demo")),
        ("k3d-demo", Some("k3d image import --cluster demo")),
        ("docker-desktop", None),
    ] {
        let cluster = Cluster::start(context, &[])?;
        let fakes = machine(&cluster)?;

        let said = fakes.setup(&["k8s", "--dry-run"], &[])?.good()?.stdout;

        for name in ["api-service", "client-service"] {
            let images = ["IMAGE-ID", "latest"].map(|tag| format!("mtls-demo/{name}:{tag}"));
            for image in images {
                let brought = wanted.map(|wanted| format!("  {wanted} {image}\n"));
                let brought = brought.is_none_or(|line| said.contains(&line));
                ensure!(brought, "{context}: {image}: {said}");
            }
        }
        ensure!(wanted.is_some() || !said.contains(" load "), "{said}");
        ensure!(!said.contains("docker push") && !said.contains("gateway"), "{said}");
    }
    Ok(())
}

#[test]
fn another_cluster_gets_its_images_by_a_registry_or_a_command_or_none() -> Result<()> {
    let cluster = Cluster::start("prod-eu", &[])?;
    let fakes = machine(&cluster)?;

    let without = fakes.setup(&["k8s"], &[])?;
    let nothing_done = cluster.changes();
    fakes.setup(&["k8s", "--registry", "registry.example/team"], &[])?.good()?;
    let by_registry = container(&cluster)?;
    let load = "echo loaded \"$IMAGE\" >>\"$PLACE/loaded\"";
    fakes.setup(&["k8s", "--load", load], &[])?.good()?;
    let by_command = container(&cluster)?;
    fakes.setup(&["k8s", "--load", "kind load docker-image --name x"], &[])?.good()?;

    assert_eq!(without.code, Some(1), "{without:?}");
    for words in ["--registry ghcr.io/you", "--load 'COMMAND'"] {
        ensure!(without.stderr.contains(words), "{without:?}");
    }
    ensure!(nothing_done.is_empty(), "{nothing_done:#?}");
    let calls = fakes.calls();
    for wanted in [
        "docker push --quiet registry.example/team/mtls-demo/api-service:0123456789ab",
        "kind load docker-image --name x mtls-demo/api-service:0123456789ab",
    ] {
        ensure!(calls.iter().any(|call| call == wanted), "{wanted}: {calls:#?}");
    }
    // By digest: what is deployed is what was pushed, wherever the tag moves.
    assert_eq!(by_registry["image"], "registry.example/team/mtls-demo/api-service@sha256:feed");
    assert_eq!(by_registry["imagePullPolicy"], "IfNotPresent");
    assert_eq!(by_command["image"], "mtls-demo/api-service:0123456789ab");
    assert_eq!(by_command["imagePullPolicy"], "Never");
    let loaded = std::fs::read_to_string(fakes.file("loaded"))?;
    ensure!(loaded.contains("loaded mtls-demo/client-service:0123456789ab\n"), "{loaded}");
    Ok(())
}

#[test]
fn the_gateways_image_is_built_where_a_chosen_component_needs_it() -> Result<()> {
    let cluster = Cluster::start("kind-demo", &[])?;
    let (without, with) =
        (machine(&cluster)?, machine(&cluster)?.with_components(&["gateway-sidecar"])?);

    without.setup(&["k8s"], &[])?.good()?;
    with.setup(&["k8s"], &[])?.good()?;

    let built = "docker build --target gateway --tag mtls-demo/gateway:latest .";
    let brought = "kind load docker-image --name demo mtls-demo/gateway:latest";
    for call in [built, brought] {
        ensure!(!without.calls().iter().any(|c| c == call), "{:#?}", without.calls());
        ensure!(with.calls().iter().any(|c| c == call), "{call}: {:#?}", with.calls());
    }
    Ok(())
}

#[test]
fn the_page_is_given_to_the_world_with_a_warning_or_to_private_addresses() -> Result<()> {
    let cluster = Cluster::start("kind-demo", &[])?;
    let fakes = machine(&cluster)?;
    let service = || cluster.object("default", "services", "client-service");

    let open = fakes.setup(&["k8s"], &[])?.good()?;
    let of_open = service()?.context("a Service")?;
    let private = fakes.setup(&["k8s", "--private"], &[])?.good()?;
    let of_private = service()?.context("a Service")?;

    assert_eq!(of_open["spec"]["type"], "LoadBalancer");
    assert_eq!(of_open["spec"]["loadBalancerSourceRanges"], Value::Null);
    let warning: Vec<&str> = open.stderr.lines().rev().take(2).collect();
    ensure!(warning[1].starts_with("WARNING: client-service is a LoadBalancer"), "{open:?}");
    ensure!(warning[1].contains("everybody on the Internet can open the page"), "{open:?}");
    ensure!(warning[0].contains("calls the API with the client service's certificate"), "{open:?}");
    let ranges = ["10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "fc00::/7"];
    assert_eq!(of_private["spec"]["loadBalancerSourceRanges"], serde_json::json!(ranges));
    ensure!(!private.stderr.contains("WARNING"), "{private:?}");
    ensure!(
        private.stderr.contains("The NodePort of client-service is not covered"),
        "{private:?}"
    );
    Ok(())
}

#[test]
fn allowed_hosts_are_set_by_name_only() -> Result<()> {
    let cluster = Cluster::start("kind-demo", &[])?;
    let fakes = machine(&cluster)?;
    let set = || -> Result<Value> {
        let deployment = cluster.object("default", "deployments", "client-service")?;
        let deployment = deployment.context("a Deployment")?;
        let env = &deployment["spec"]["template"]["spec"]["containers"][0]["env"];
        let of = |v: &&Value| v["name"] == "ALLOWED_HOSTS";
        Ok(env.as_array().and_then(|env| env.iter().find(of)).cloned().unwrap_or_default())
    };

    fakes.setup(&["k8s"], &[])?.good()?;
    let unset = set()?;
    fakes.setup(&["k8s", "--host", "demo.example", "--host", "www.example"], &[])?.good()?;
    let bad = ["a b", "-a", "x/y", "\"", ""].map(|name| fakes.setup(&["k8s", "--host", name], &[]));

    assert_eq!(unset, Value::Null);
    assert_eq!(set()?["value"], "demo.example,www.example");
    for outcome in bad {
        let outcome = outcome?;
        assert_eq!(outcome.code, Some(1));
        ensure!(outcome.stderr.contains("--host needs a host name"), "{outcome:?}");
    }
    Ok(())
}

/// With the real engine, which pushes to a real registry and pulls from it.
#[test]
fn a_real_engine_brings_images_by_digest_and_by_loaded_name() -> Result<()> {
    let Some(registry) = registry::Registry::start()? else {
        return Ok(());
    };
    let cluster = Cluster::start("prod-eu", &[])?;
    let fakes = machine_but_for(&cluster, "")?.with("docker", &registry.engine()?)?;
    let address = format!("127.0.0.1:{}/team", registry.port);

    fakes.setup(&["k8s", "--registry", &address], &[])?.good()?;

    let image = container(&cluster)?["image"].as_str().context("an image")?.to_owned();
    let save = "docker save \"$IMAGE\" >\"$PLACE/${IMAGE##*/}.tar\"";
    fakes.setup(&["k8s", "--load", save], &[])?.good()?;
    let name = container(&cluster)?["image"].as_str().context("an image")?.to_owned();
    let archive = fakes.file(&format!("{}.tar", name.replace("mtls-demo/", "")));
    registry.docker(&["load", "--quiet", "--input", &archive.display().to_string()])?;
    registry.docker(&["rmi", "--force", &name, &name.replace("api-", "client-")])?;
    let begin = format!("{address}/mtls-demo/api-service@sha256:");
    ensure!(image.starts_with(&begin), "{image}");
    let pulled = registry.docker(&["pull", "--quiet", &image]);
    for name in ["api-service", "client-service"] {
        let images =
            format!("mtls-demo-e2e/{name}:latest $(docker images -q {address}/mtls-demo/{name})");
        Command::new("sh").args(["-c", &format!("docker rmi --force {images}")]).output()?;
    }
    pulled
}

fn container(cluster: &Cluster) -> Result<Value> {
    let deployment = cluster.object("default", "deployments", "api-service")?;
    Ok(deployment.context("a Deployment")?["spec"]["template"]["spec"]["containers"][0].take())
}

mod registry {
    use super::*;
    use e2e::binaries::binary;
    use e2e::port::Port;
    use e2e::program::Program;
    use tempfile::TempDir;

    /// Debian's `docker-registry` on a port of its own.
    pub(super) struct Registry {
        directory: TempDir,
        pub(super) port: u16,
        _server: Program,
    }

    impl Registry {
        pub(super) fn start() -> Result<Option<Self>> {
            let answers = |program: &str, argument: &str| {
                let output = Command::new(program).arg(argument).output();
                output.is_ok_and(|output| output.status.success())
            };
            for (program, argument) in [("docker-registry", "--version"), ("docker", "info")] {
                if !answers(program, argument) {
                    println!(
                        "SKIPPED: images by digest were NOT tested: \"{program}\" does not run"
                    );
                    return Ok(None);
                }
            }
            let directory = tempfile::tempdir()?;
            let port = Port::reserve()?;
            let file = directory.path().join("config.yml");
            let storage = directory.path().join("storage");
            std::fs::write(
                &file,
                format!(
                    "{{version: 0.1, storage: {{filesystem: {{rootdirectory: {}}}}}, \
                     http: {{addr: \"{}\"}}}}\n",
                    storage.display(),
                    port.address()
                ),
            )?;
            let mut command = Command::new("docker-registry");
            let mut server = Program::start(command.arg("serve").arg(&file), "docker-registry")?;
            port.is_taken_by(&mut server)?;
            Ok(Some(Self { directory, port: port.number, _server: server }))
        }

        /// An engine that builds an empty image of a name of the test's own in place of each of ours,
        /// and is the real one in all else.
        pub(super) fn engine(&self) -> Result<String> {
            let context = self.directory.path().join("context");
            std::fs::create_dir(&context)?;
            std::fs::write(context.join("Dockerfile"), "FROM scratch\nCOPY Dockerfile /\n")?;
            let certs = binary("certs")?;
            Ok(REAL_ENGINE
                .replace("CONTEXT", &context.display().to_string())
                .replace("CERTS", &certs.display().to_string())
                .replace("DOCKER", &docker()?))
        }

        pub(super) fn docker(&self, arguments: &[&str]) -> Result<()> {
            let output = Command::new("docker").args(arguments).output()?;
            let said = String::from_utf8_lossy(&output.stderr).into_owned();
            ensure!(output.status.success(), "docker {arguments:?}: {said}");
            Ok(())
        }
    }

    fn docker() -> Result<String> {
        let path = std::env::var_os("PATH").unwrap_or_default();
        let mut found = std::env::split_paths(&path).map(|directory| directory.join("docker"));
        let found = found.find(|path| path.exists()).context("no docker")?;
        Ok(found.display().to_string())
    }

    const REAL_ENGINE: &str = r#"arguments=()
for argument; do
  case $argument in
    mtls-demo/certs:latest | --volume | --pull) arguments+=("$argument") ;;
    mtls-demo/*:latest) arguments+=("mtls-demo-e2e/${argument#mtls-demo/}") ;;
    *) arguments+=("$argument") ;;
  esac
done
case "$*" in
build*certs*) ;;
build*) 'DOCKER' build --quiet --tag "${arguments[4]}" 'CONTEXT' ;;
run*)
  while [ "$1" != mtls-demo/certs:latest ]; do
    case $1 in --volume) pki=${2%:*} ;; esac
    shift
  done
  shift
  exec 'CERTS' --dir "$pki" "$@"
  ;;
*) exec 'DOCKER' "${arguments[@]}" ;;
esac"#;
}
