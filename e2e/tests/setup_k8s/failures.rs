//! What is said where something is missing, before or while it fails.

use anyhow::{Result, ensure};
use e2e::cluster::Cluster;

use crate::{machine, machine_but_for};

#[test]
fn each_failure_says_what_to_do() -> Result<()> {
    let rollout =
        |pods: &str| format!("*'rollout status'*) exit 1 ;;\n*'get pods'*) echo {pods} ;;");
    for (name, script, words) in [
        ("kubectl", "'config current-context') exit 1 ;;".to_owned(), "\"minikube start\""),
        (
            "kubectl",
            "*'--raw /version'*) exit 1 ;;".to_owned(),
            "context kind-demo does not answer",
        ),
        ("kubectl", "*'create namespace'*) exit 1 ;;".to_owned(), "set NAMESPACE"),
        ("kubectl", rollout("ErrImageNeverPull"), "does not have the image"),
        ("kubectl", rollout("Unschedulable"), "no node has room"),
        ("kubectl", rollout("CrashLoopBackOff"), "logs -l app=api-service --tail=-1"),
        ("kubectl", rollout("Running"), "logs -l app=api-service --tail=-1"),
        ("docker", "exit 1".to_owned(), "start Docker Desktop"),
        ("docker", "echo permission denied >&2; exit 1".to_owned(), "usermod -aG docker"),
        ("kind", "exit 1".to_owned(), "could not be brought to kind-demo"),
    ] {
        let cluster = Cluster::start("kind-demo", &[])?;
        let fakes = match name {
            "kubectl" => machine_but_for(&cluster, &script)?,
            other => machine(&cluster)?.with(other, &script)?,
        };

        let outcome = fakes.setup(&["k8s"], &[("NAMESPACE", "shop")])?;

        assert_eq!(outcome.code, Some(1), "{words}: {outcome:?}");
        ensure!(outcome.stderr.contains(words), "{words}: {}", outcome.stderr);
    }
    Ok(())
}

#[test]
fn a_component_whose_crds_are_missing_is_named() -> Result<()> {
    let cluster = Cluster::start("kind-demo", &[])?;
    machine(&cluster)?.setup(&["k8s", "--dry-run"], &[])?.good()?;

    for (component, version) in [
        ("cert-manager", "cert-manager.io/v1"),
        ("mesh", "networking.istio.io/v1"),
        ("monitoring", "monitoring.coreos.com/v1"),
    ] {
        let fakes = machine(&cluster)?.with_components(&[component])?;

        let outcome = fakes.setup(&["k8s"], &[])?;

        assert_eq!(outcome.code, Some(1), "{outcome:?}");
        let words =
            format!("k8s/components/{component} needs {version}, and the cluster has no such");
        ensure!(outcome.stderr.contains(&words), "{outcome:?}");
        ensure!(!outcome.stderr.contains("quota"), "{outcome:?}");
        ensure!(!fakes.calls().iter().any(|call| call.starts_with("docker build")));
    }
    assert_eq!(cluster.changes(), Vec::<String>::new());
    Ok(())
}

#[test]
fn the_cause_of_a_stalled_rollout_is_reported_while_it_waits() -> Result<()> {
    for (call, answer, words) in [
        (
            "*ReplicaFailure*",
            "echo 'pods \"x\" is forbidden: exceeded quota: small'",
            "quota is used up",
        ),
        ("*'get pods'*", "echo ' Unschedulable'", "no node has room"),
        (
            "*'get events'*",
            "echo \"2999-01-01T00:00:00Z api-service-x FailedMount secret not found\"",
            "a Secret is missing",
        ),
    ] {
        let cluster = Cluster::start("kind-demo", &[])?;
        // It waits until it was looked at twice, as a rollout waits for its deadline.
        let waits = "*'rollout status'*)\n\
                     until [ \"$(grep -c 'get events' \"$PLACE/calls\")\" -ge 2 ]; do sleep 0.1; done\n\
                     echo 'exceeded its progress deadline' >&2; exit 1 ;;";
        let fakes = machine_but_for(&cluster, &format!("{waits}\n{call}) {answer} ;;"))?;

        let outcome = fakes.setup(&["k8s"], &[])?;

        assert_eq!(outcome.code, Some(1), "{outcome:?}");
        let shown = outcome.stderr.find("still waiting: api-service: ");
        let failed = outcome.stderr.find("exceeded its progress deadline");
        ensure!(shown.is_some() && shown < failed, "{words}: {}", outcome.stderr);
        assert_eq!(outcome.stderr.matches(words).count(), 2, "{}", outcome.stderr);
        assert_eq!(outcome.stderr.matches("still waiting").count(), 1, "{}", outcome.stderr);
    }
    Ok(())
}

#[test]
fn a_warning_of_an_earlier_attempt_is_no_trouble_of_this_one() -> Result<()> {
    let cluster = Cluster::start("kind-demo", &[])?;
    let old = "*'get events'*) echo '2001-01-01T00:00:00Z api-service-x FailedMount gone' ;;";
    let fakes = machine_but_for(&cluster, old)?;

    let outcome = fakes.setup(&["k8s"], &[])?.good()?;

    ensure!(!outcome.stderr.contains("still waiting"), "{outcome:?}");
    Ok(())
}
