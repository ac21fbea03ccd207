//! `setup.sh k8s` among a kubectl, a docker and clusters that only pretend: what it would do, what
//! it does, and what it says where it cannot.

use std::fs;
use std::process::Command;

use anyhow::{Result, ensure};
use e2e::binaries::workspace;
use e2e::fakes::Fakes;
use e2e::program::Program;

#[test]
fn each_kind_of_cluster_gets_its_images_in_its_own_way() -> Result<()> {
    for (context, wanted) in [
        ("minikube", Some("minikube --profile minikube image load")),
        ("of-my-own", Some("minikube --profile of-my-own image load")),
        ("kind-demo", Some("kind load docker-image --name demo")),
        ("k3d-demo", Some("k3d image import --cluster demo")),
        ("docker-desktop", None),
    ] {
        let fakes = machine(context)?;

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
        ensure!(!said.contains("docker push"), "{said}");
    }
    Ok(())
}

#[test]
fn a_dry_run_only_looks() -> Result<()> {
    let fakes = machine("kind-demo")?;

    let said = fakes.setup(&["k8s", "--dry-run"], &[("NAMESPACE", "shop")])?.good()?;

    let looks = ["kubectl config current-context", "kubectl --request-timeout=10s get --raw"];
    for call in fakes.calls() {
        ensure!(looks.iter().any(|look| call.starts_with(look)), "{call}");
    }
    ensure!(!fakes.file("pki").exists());
    for words in [
        " init --namespace shop",
        "kubectl create namespace shop",
        "certs secrets --namespace shop | kubectl apply -n shop -f -",
        "kubectl -n shop rollout status --timeout=180s deployment/client-service",
    ] {
        ensure!(said.stdout.contains(words), "{words}: {}", said.stdout);
    }
    Ok(())
}

#[test]
fn all_that_is_needed_is_done_and_twice_is_harmless() -> Result<()> {
    let fakes = machine("kind-demo")?;

    let first = fakes.setup(&["k8s"], &[("NAMESPACE", "shop")])?.good()?;
    let calls = fakes.calls();
    let second = fakes.setup(&["k8s"], &[("NAMESPACE", "shop")])?.good()?;

    let steps = [
        "docker build --quiet --target api-service --tag mtls-demo/api-service:latest .",
        "docker tag mtls-demo/api-service:latest mtls-demo/api-service:0123456789ab",
        "kind load docker-image --name demo mtls-demo/api-service:0123456789ab",
        "docker run --rm --network none",
        "kubectl create namespace shop",
        "kubectl apply -n shop -f -",
        "kubectl kustomize k8s",
        "kubectl -n shop rollout status --timeout=180s deployment/api-service",
        "kubectl -n shop rollout status --timeout=180s deployment/client-service",
    ];
    let at = steps.map(|step| calls.iter().position(|call| call.starts_with(step)));
    ensure!(at.is_sorted() && at.iter().all(Option::is_some), "{at:?} in {calls:#?}");
    let init = calls.iter().find(|call| call.ends_with("init --namespace shop"));
    ensure!(init.is_some(), "{calls:#?}");
    let applied = fs::read_to_string(fakes.file("applied"))?;
    for words in [
        "kind: Secret",
        "image: mtls-demo/api-service:0123456789ab",
        "spiffe://mtls-demo.local/ns/shop/sa/api-service",
    ] {
        ensure!(applied.contains(words), "{words}: {applied}");
    }
    for words in [
        "kubectl -n shop port-forward service/client-service 4000:80",
        "kubectl -n shop logs -l app=api-service",
        "kubectl -n shop logs -l app=client-service",
    ] {
        ensure!(first.stdout.contains(words), "{words}: {}", first.stdout);
    }
    assert_eq!(first.stdout, second.stdout);
    Ok(())
}

#[test]
fn another_cluster_gets_its_images_by_a_registry_or_none() -> Result<()> {
    let fakes = machine("prod-eu")?;

    let without = fakes.setup(&["k8s"], &[])?;
    let with = fakes.setup(&["k8s", "--registry", "registry.example/team"], &[])?;

    assert_eq!(without.code, Some(1), "{without:?}");
    ensure!(without.stderr.contains("--registry ghcr.io/you"), "{without:?}");
    with.good()?;
    let pushed = "docker push --quiet registry.example/team/mtls-demo/api-service:0123456789ab";
    ensure!(fakes.calls().iter().any(|call| call == pushed), "{:#?}", fakes.calls());
    let applied = fs::read_to_string(fakes.file("applied"))?;
    let image = "image: registry.example/team/mtls-demo/api-service:0123456789ab";
    ensure!(applied.contains(image), "{applied}");
    Ok(())
}

#[test]
fn each_failure_says_what_to_do() -> Result<()> {
    let broken = |call: &str, script: &str| {
        let first = format!("case \"$*\" in\n{call}) {script} ;;");
        kubectl("kind-demo").replace("case \"$*\" in", &first)
    };
    let rollout = |events: &str| {
        let pods = format!("*'get pods'*) echo {events} ;;");
        broken("*'rollout status'*", "exit 1").replace("esac", &format!("{pods}\nesac"))
    };
    for (name, script, words) in [
        ("kubectl", broken("'config current-context'", "exit 1"), "\"minikube start\""),
        ("kubectl", broken("*'--raw /version'", "exit 1"), "context kind-demo does not answer"),
        ("kubectl", broken("*'create namespace'*", "exit 1"), "set NAMESPACE"),
        ("kubectl", rollout("ImagePullBackOff"), "does not find the image"),
        ("kubectl", rollout("pods exceeded quota: small"), "quota is used up"),
        ("kubectl", rollout("FailedScheduling"), "no node has room"),
        ("kubectl", rollout("Running"), "logs -l app=api-service"),
        ("docker", "exit 1".to_owned(), "start Docker Desktop"),
        ("docker", "echo permission denied >&2; exit 1".to_owned(), "usermod -aG docker"),
        ("kind", "exit 1".to_owned(), "could not be brought to kind-demo"),
    ] {
        let fakes = machine("kind-demo")?.with(name, &script)?;

        let outcome = fakes.setup(&["k8s"], &[])?;

        assert_eq!(outcome.code, Some(1), "{words}: {outcome:?}");
        ensure!(outcome.stderr.contains(words), "{words}: {}", outcome.stderr);
    }
    Ok(())
}

#[test]
fn without_a_command_it_deploys_where_a_cluster_answers_and_else_says_what_there_is() -> Result<()>
{
    let with = machine("kind-demo")?;
    let silent = machine("kind-demo")?.with("kubectl", "exit 1")?;
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
fn down_takes_away_what_was_brought_and_is_harmless_where_nothing_was() -> Result<()> {
    let fakes = machine("kind-demo")?;
    let nothing = machine("kind-demo")?.with("kubectl", "exit 1")?;

    fakes.setup(&["down"], &[("NAMESPACE", "shop")])?.good()?;
    nothing.setup(&["down"], &[])?.good()?;

    let calls = fakes.calls();
    for wanted in [
        "kubectl delete -n shop --ignore-not-found -k k8s",
        "docker compose --project-name mtls-demo down --remove-orphans",
    ] {
        ensure!(calls.iter().any(|call| call == wanted), "{wanted}: {calls:#?}");
    }
    ensure!(!nothing.calls().iter().any(|call| call.contains("delete")));
    Ok(())
}

#[test]
fn every_script_is_clean() -> Result<()> {
    let scripts = ["setup.sh", "setup/compose.sh", "setup/k8s.sh", "e2e/images/make.sh"];

    let mut command = Command::new("shellcheck");
    command.args(scripts).current_dir(workspace());

    Program::run(&mut command, "shellcheck", b"")?.good()?;
    Ok(())
}

/// A machine whose kubectl points to this context; all of its commands work.
fn machine(context: &str) -> Result<Fakes> {
    Fakes::new()?
        .with("docker", DOCKER)?
        .with("k3d", "")?
        .with("kind", "")?
        .with("kubectl", &kubectl(context))?
        .with("minikube", "echo '{\"valid\":[{\"Name\":\"of-my-own\"}]}'")
}

fn kubectl(context: &str) -> String {
    KUBECTL.replace("esac", &format!("*'current-context') echo {context} ;;\nesac"))
}

const KUBECTL: &str = r#"case "$*" in
*'get namespace'*) exit 1 ;;
'kustomize k8s') cat <<'END'
  image: mtls-demo/api-service:latest
  value: spiffe://mtls-demo.local/ns/default/sa/api-service
END
;;
*'apply'*) cat >>"$PLACE/applied" ;;
esac"#;

const DOCKER: &str = r#"case "$*" in
'image inspect'*) echo sha256:0123456789abcdef0123456789abcdef ;;
*'secrets --namespace'*) echo 'kind: Secret' ;;
esac"#;
