//! `setup.sh k8s` with the real kubectl on a stand-in of a cluster's API server, and with a docker, a
//! minikube and a kind that only note how they were called: what it would do, what it does, what it
//! leaves alone, and what it says where it cannot.

mod certificates;
mod failures;
mod images;
mod ownership;
mod rollout;

use std::process::Command;

use anyhow::{Result, ensure};
use e2e::binaries::{binary, workspace};
use e2e::cluster::Cluster;
use e2e::fakes::Fakes;
use e2e::program::Program;

#[test]
fn all_that_is_needed_is_done_and_twice_is_harmless() -> Result<()> {
    let cluster = Cluster::start("kind-demo", &[])?;
    let fakes = machine(&cluster)?;

    let first = fakes.setup(&["k8s"], &[("NAMESPACE", "shop")])?.good()?;
    let calls = fakes.calls();
    let changes = cluster.changes();
    let second = fakes.setup(&["k8s"], &[("NAMESPACE", "shop")])?.good()?;

    let steps = [
        "docker build --target api-service --tag mtls-demo/api-service:latest .",
        "docker tag mtls-demo/api-service:latest mtls-demo/api-service:0123456789ab",
        "kind load docker-image --name demo mtls-demo/api-service:0123456789ab",
        "docker run --rm --pull never --network none",
        "kubectl create namespace shop",
        "kubectl apply -n shop -f -",
        "kubectl apply -n shop -f /",
        "kubectl -n shop rollout status --timeout=180s deployment/api-service",
        "kubectl -n shop rollout status --timeout=180s deployment/client-service",
    ];
    let at = steps.map(|step| calls.iter().position(|call| call.starts_with(step)));
    ensure!(at.is_sorted() && at.iter().all(Option::is_some), "{at:?} in {calls:#?}");
    let found = |resource, name| cluster.object("shop", resource, name);
    for name in ["api-service", "client-service"] {
        let deployment = found("deployments", name)?.unwrap_or_default();
        let container = &deployment["spec"]["template"]["spec"]["containers"][0];
        assert_eq!(container["image"], format!("mtls-demo/{name}:0123456789ab"));
        assert_eq!(container["imagePullPolicy"], "Never");
    }
    for words in [
        "kubectl -n shop port-forward service/client-service 4000:80",
        "kubectl -n shop logs -l app=api-service --prefix --tail=-1 --max-log-requests=20",
        "kubectl -n shop logs -l app=client-service --prefix --tail=-1 --max-log-requests=20",
        "NAMESPACE=shop ./setup.sh logs",
        "\"NAMESPACE=shop ./setup.sh down\" removes it",
    ] {
        ensure!(first.stdout.contains(words), "{words}: {}", first.stdout);
    }
    let again: Vec<String> = cluster.changes().split_off(changes.len());
    // What kubectl patches though nothing changed, the stand-in shows; nothing new is made.
    ensure!(again.iter().all(|change| change.starts_with("PATCH ")), "{again:#?}");
    ensure!(second.stdout.contains("deployment.apps/api-service unchanged"), "{second:?}");
    Ok(())
}

#[test]
fn a_dry_run_only_looks_and_never_offers_to_create_default() -> Result<()> {
    let cluster = Cluster::start("kind-demo", &[])?;
    let fakes = machine(&cluster)?;

    let shop = fakes.setup(&["k8s", "--dry-run"], &[("NAMESPACE", "shop")])?.good()?;
    let default = fakes.setup(&["k8s", "--dry-run"], &[])?.good()?;

    ensure!(cluster.changes().is_empty(), "{:#?}", cluster.changes());
    ensure!(!fakes.calls().iter().any(|call| call.starts_with("docker")), "{:#?}", fakes.calls());
    ensure!(!fakes.file("tree/certs").exists());
    for words in [
        " init --namespace shop",
        "kubectl create namespace shop",
        "certs secrets --namespace shop --name api-service --name client-service",
        "kubectl apply -n shop -f -",
        "kubectl -n shop rollout status deployment/client-service",
    ] {
        ensure!(shop.stdout.contains(words), "{words}: {}", shop.stdout);
    }
    ensure!(!default.stdout.contains("create namespace"), "{}", default.stdout);
    Ok(())
}

#[test]
fn without_a_command_it_deploys_where_a_cluster_answers_and_else_says_what_there_is() -> Result<()>
{
    let cluster = Cluster::start("kind-demo", &[])?;
    let with = machine(&cluster)?;
    let silent = machine(&cluster)?.with("kubectl", "exit 1")?;
    let without = Fakes::new()?;

    let deployed = with.setup(&[], &[])?.good()?;
    let offers = [silent.setup(&[], &[])?, without.setup(&[], &[])?];

    ensure!(deployed.stdout.contains("port-forward"), "{deployed:?}");
    for offer in offers {
        assert_eq!(offer.code, Some(1), "{offer:?}");
        for words in ["no Kubernetes cluster answers", "setup.sh local", "setup.sh compose"] {
            ensure!(offer.stderr.contains(words), "{words}: {offer:?}");
        }
    }
    Ok(())
}

#[test]
fn every_script_is_clean() -> Result<()> {
    let scripts = [
        "setup.sh",
        "setup/cluster.sh",
        "setup/compose.sh",
        "setup/k8s.sh",
        "setup/rollout.sh",
        "e2e/images/make.sh",
    ];

    let mut command = Command::new("shellcheck");
    command.args(scripts).current_dir(workspace());

    Program::run(&mut command, "shellcheck", b"")?.good()?;
    Ok(())
}

/// A machine whose kubectl points to this cluster; all of its commands work.
fn machine(cluster: &Cluster) -> Result<Fakes> {
    machine_but_for(cluster, "")
}

/// The same, where these cases of a shell's `case "$*"` answer some calls of kubectl.
fn machine_but_for(cluster: &Cluster, script: &str) -> Result<Fakes> {
    Fakes::new()?
        .with("docker", &DOCKER.replace("CERTS", &binary("certs")?.display().to_string()))?
        .with("k3d", "")?
        .with("kind", "")?
        .with("minikube", "echo '{\"valid\":[{\"Name\":\"of-my-own\"}]}'")?
        .with_cluster(cluster, script)
}

/// An engine that builds nothing; what it runs is our own `certs`.
const DOCKER: &str = r#"case "$*" in
'image inspect'*Id*) echo sha256:0123456789abcdef0123456789abcdef ;;
'image inspect'*RepoDigests*)
  name=${!#} name=${name%:*}
  echo "elsewhere.example/${name##*/}@sha256:0000"
  echo "$name@sha256:feed"
  ;;
'ps --all'*) echo 4711 ;;
run*)
  while [ "$1" != mtls-demo/certs:latest ]; do
    case $1 in --volume) pki=${2%:*} ;; esac
    shift
  done
  shift
  exec 'CERTS' --dir "$pki" "$@"
  ;;
esac"#;
