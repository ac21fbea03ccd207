//! A second run under an autoscaler, and the logs.

use anyhow::{Context, Result, ensure};
use e2e::cluster::Cluster;
use serde_json::Value;

use crate::{machine, machine_but_for};

#[test]
fn a_rerun_leaves_the_number_of_pods_to_the_autoscaler() -> Result<()> {
    let cluster = Cluster::start("kind-demo", &[])?;
    let fakes = machine(&cluster)?;
    // As manifests before this one were applied, with two replicas, and scaled to four since.
    let rendered = cluster.kubectl(&["kustomize", "k8s"], "")?.good()?.stdout;
    let older = rendered.replace("progressDeadlineSeconds: 120", "replicas: 2");
    cluster.kubectl(&["apply", "-n", "default", "-f", "-"], &older)?.good()?;
    let deployment = || -> Result<Value> {
        cluster.object("default", "deployments", "api-service")?.context("a Deployment")
    };
    let mut scaled = deployment()?;
    let annotation = "kubectl.kubernetes.io/last-applied-configuration";
    let applied = |deployment: &Value| -> Result<Value> {
        let text = deployment["metadata"]["annotations"][annotation].as_str().context("text")?;
        Ok(serde_json::from_str(text)?)
    };
    assert_eq!(applied(&scaled)?["spec"]["replicas"], 2);
    scaled["spec"]["replicas"] = 4.into();
    cluster.put("deployments", &scaled)?;

    fakes.setup(&["k8s"], &[])?.good()?;
    let first = deployment()?;
    fakes.setup(&["k8s"], &[])?.good()?;

    for deployment in [first, deployment()?] {
        assert_eq!(deployment["spec"]["replicas"], 4);
        assert_eq!(applied(&deployment)?["spec"]["replicas"], Value::Null);
        assert_eq!(deployment["spec"]["progressDeadlineSeconds"], 120, "the rest was applied");
    }
    Ok(())
}

/// The test above fails without `set-last-applied`: apply alone forgets the number.
#[test]
fn apply_alone_would_reset_the_number_of_pods() -> Result<()> {
    let cluster = Cluster::start("kind-demo", &[])?;
    let fakes = machine_but_for(&cluster, "*set-last-applied*) cat ;;")?;
    let rendered = cluster.kubectl(&["kustomize", "k8s"], "")?.good()?.stdout;
    let older = rendered.replace("progressDeadlineSeconds: 120", "replicas: 2");
    cluster.kubectl(&["apply", "-n", "default", "-f", "-"], &older)?.good()?;

    fakes.setup(&["k8s"], &[])?.good()?;

    let deployment = cluster.object("default", "deployments", "api-service")?;
    assert_eq!(deployment.context("a Deployment")?["spec"]["replicas"], 1);
    Ok(())
}

#[test]
fn logs_follows_both_services_from_their_first_line() -> Result<()> {
    let cluster = Cluster::start("kind-demo", &[])?;
    let logs = "*' logs '*) echo followed ;;";
    let (fakes, empty) = (machine_but_for(&cluster, logs)?, machine_but_for(&cluster, logs)?);
    let nowhere = empty.setup(&["logs"], &[("NAMESPACE", "shop")])?;
    fakes.setup(&["k8s"], &[("NAMESPACE", "shop")])?.good()?;

    let outcome = fakes.setup(&["logs"], &[("NAMESPACE", "shop")])?.good()?;

    assert_eq!(nowhere.code, Some(1));
    ensure!(nowhere.stderr.contains("neither in namespace shop"), "{nowhere:?}");
    assert_eq!(outcome.stdout, "followed\n");
    let call = "kubectl -n shop logs -l app in (api-service,client-service) --prefix --follow \
                --tail=-1 --max-log-requests=20";
    ensure!(fakes.calls().iter().any(|other| other == call), "{:#?}", fakes.calls());
    Ok(())
}
