//! The dashboard's queries and the alert rules, in a real Prometheus that scrapes our services.

use std::collections::BTreeSet;
use std::fs;
use std::net::TcpListener;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Result, ensure};
use e2e::binaries::workspace;
use e2e::curl::Curl;
use e2e::deadline::eventually;
use e2e::manifests::{Manifests, list};
use e2e::pki::TestPki;
use e2e::program::Program;
use e2e::service::Service;
use serde_json::Value;
use tempfile::TempDir;

#[test]
fn every_query_of_the_dashboard_answers_and_a_revoked_client_raises_its_alert() -> Result<()> {
    let pki = TestPki::new()?;
    let api = pki.api().start()?;
    let client = pki.client(&api).start()?;
    let prometheus = Prometheus::scraping(&[("api-service", &api), ("client-service", &client)])?;
    let click = || Curl::get(&client.url("/proxy/data")).run();
    assert_eq!(click()?.status, 200);
    Curl::get(&api.url("/api/data")).trusting(&pki.identity("client-service")).run()?;
    api.refusals(1)?;
    prometheus.answers("mtls_refusals_total{code=\"no-certificate\"}")?;
    // A foreign client is no alarm; that nobody answered yet was one, before the first scrape.
    eventually("quiet", || Ok(prometheus.alerts()?.is_empty().then_some(())))?;
    let (of_faults, of_traffic): (Vec<_>, Vec<_>) = queries()?.into_iter().partition(|query| {
        query.contains("mtls_connections_ended_total") || query.contains("mtls_reloads_total")
    });
    let call = Curl::get(&api.url("/api/data")).presenting(&pki.identity("gateway"));
    for query in &of_traffic {
        // A rate is one of what goes on: a handshake and a request at each look.
        eventually(query, || {
            click()?;
            call.run()?;
            Ok(prometheus.has(query)?.then_some(()))
        })?;
    }

    pki.certs(&["revoke", "client-service", "--reason", "key-compromise"])?;
    eventually("the refusal of the revoked client", || {
        let is_refused = click()?.json()?["refusal"]["alert"]["name"] == "certificate_revoked";
        Ok(is_refused.then_some(()))
    })?;

    let alert = "MtlsRevokedCertificateUsed";
    eventually(alert, || Ok(prometheus.alerts()?.contains(alert).then_some(())))?;
    assert_eq!(of_faults.len(), 2, "{of_faults:?}");
    for query in &of_faults {
        prometheus.answers(query)?;
    }
    for rule in prometheus.rules()? {
        assert_eq!(rule["health"], "ok", "{rule}");
    }
    Ok(())
}

#[test]
fn rules_and_dashboard_name_only_metrics_that_the_services_export() -> Result<()> {
    let pki = TestPki::new()?;
    let api = pki.api().start()?;
    let client = pki.client(&api).start()?;
    assert_eq!(Curl::get(&client.url("/proxy/data")).run()?.status, 200);
    Curl::get(&api.url("/api/data")).trusting(&pki.identity("client-service")).run()?;
    api.refusals(1)?;
    pki.certs(&["revoke", "client-service"])?;
    eventually("the cut of the revoked client", || {
        Ok(api.admin("/metrics")?.contains("mtls_connections_ended_total").then_some(()))
    })?;

    let exported = names(&(api.admin("/metrics")? + &client.admin("/metrics")?));

    let rules = fs::read_to_string(monitoring().join("rules.yaml"))?;
    let mut used = names(&rules);
    used.extend(names(&queries()?.join("\n")));
    assert!(used.len() > 10, "{used:?}");
    let unknown: Vec<_> = used.difference(&exported).collect();
    assert!(unknown.is_empty(), "{unknown:?} are not among {exported:?}");
    Ok(())
}

#[test]
fn the_monitor_scrapes_the_admin_port_of_every_pod_of_ours() -> Result<()> {
    let manifests = Manifests::with(&["monitoring"])?;
    let monitor = &manifests.one("PodMonitor", "mtls-demo")?["spec"];
    let endpoint = &monitor["podMetricsEndpoints"][0];
    let mut pods = manifests.pods();
    pods.extend(Manifests::example("httpbin")?.pods());

    for pod in &pods {
        assert!(e2e::manifests::selects(&monitor["selector"], &pod.labels), "{}", pod.name);
        assert!((9000..=9002).contains(&pod.port(&endpoint["port"])?), "{}", pod.name);
        // Whence the label "job" comes, which rules and dashboard know.
        assert!(pod.labels.contains_key("app"), "{}", pod.name);
    }
    assert_eq!(monitor["jobLabel"], "app");
    assert_eq!(endpoint["path"], "/metrics");
    Ok(())
}

#[test]
fn the_operator_gets_the_rules_that_promtool_tested_and_grafana_the_dashboard() -> Result<()> {
    let manifests = Manifests::with(&["monitoring"])?;
    let rules = fs::read_to_string(monitoring().join("rules.yaml"))?;
    let tested = fs::read_to_string(monitoring().join("rules-test.yaml"))?;
    let rules: Value = serde_saphyr::from_str(&rules)?;

    assert_eq!(manifests.one("PrometheusRule", "mtls-demo")?["spec"]["groups"], rules["groups"]);
    let rules = list(&rules["groups"]).flat_map(|group| list(&group["rules"]));
    for rule in rules.filter_map(|rule| rule["alert"].as_str()) {
        assert!(tested.contains(&format!("alertname: {rule}\n")), "{rule} has no test");
    }
    let dashboard = manifests.one("ConfigMap", "mtls-demo-dashboard")?;
    assert_eq!(dashboard["metadata"]["labels"]["grafana_dashboard"], "1");
    let shown: Value =
        serde_json::from_str(dashboard["data"]["mtls-demo.json"].as_str().unwrap_or_default())?;
    assert_eq!(shown["uid"], "mtls-demo");
    Ok(())
}

/// A Prometheus of this test's own.
struct Prometheus {
    _directory: TempDir,
    _program: Program,
    url: String,
}

impl Prometheus {
    /// Starts it, and waits until it has seen every service.
    fn scraping(services: &[(&str, &Service)]) -> Result<Self> {
        let directory = tempfile::tempdir()?;
        let mut jobs = String::new();
        for (name, service) in services {
            let admin = service.admin;
            jobs += &format!(
                "  - job_name: {name}\n    static_configs: [{{ targets: ['{admin}'] }}]\n"
            );
        }
        let config = directory.path().join("prometheus.yaml");
        let rules = monitoring().join("rules.yaml");
        fs::write(
            &config,
            format!(
                "global: {{ scrape_interval: 500ms, scrape_timeout: 500ms, evaluation_interval: 500ms }}\n\
                 rule_files: ['{}']\nscrape_configs:\n{jobs}",
                rules.display()
            ),
        )?;
        // It does not print which port it was given for port 0.
        let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
        let mut command = Command::new("prometheus");
        command
            .arg(format!("--config.file={}", config.display()))
            .arg(format!("--storage.tsdb.path={}", directory.path().join("data").display()))
            .arg(format!("--web.listen-address=127.0.0.1:{port}"));
        let program = Program::start(&mut command, "prometheus")?;
        let url = format!("http://127.0.0.1:{port}");
        let prometheus = Self { _directory: directory, _program: program, url };
        let ready = Curl::get(&format!("{}/-/ready", prometheus.url));
        eventually("Prometheus", || Ok((ready.run()?.status == 200).then_some(())))?;
        for (name, _) in services {
            prometheus.answers(&format!("up{{job=\"{name}\"}} == 1"))?;
        }
        Ok(prometheus)
    }

    /// Waits until a query has an answer.
    fn answers(&self, query: &str) -> Result<()> {
        eventually(query, || Ok(self.has(query)?.then_some(())))
    }

    /// Whether a query has an answer, and one that is a number.
    fn has(&self, query: &str) -> Result<bool> {
        let query = format!("query={query}");
        let answer = self.ask("/api/v1/query", &["-G", "--data-urlencode", &query])?;
        let mut series = list(&answer["result"]);
        Ok(series.any(|series| series["value"][1] != "NaN"))
    }

    /// The alerts that are pending or fire.
    fn alerts(&self) -> Result<BTreeSet<String>> {
        let answer = self.ask("/api/v1/alerts", &[])?;
        let names =
            list(&answer["alerts"]).filter_map(|alert| alert["labels"]["alertname"].as_str());
        Ok(names.map(str::to_owned).collect())
    }

    fn rules(&self) -> Result<Vec<Value>> {
        let answer = self.ask("/api/v1/rules", &[])?;
        let rules = list(&answer["groups"]).flat_map(|group| list(&group["rules"]));
        Ok(rules.cloned().collect())
    }

    fn ask(&self, path: &str, arguments: &[&str]) -> Result<Value> {
        let answer = Curl::get(&format!("{}{path}", self.url)).with(arguments).run()?;
        let mut json = answer.json()?;
        ensure!(json["status"] == "success", "{json}");
        Ok(json["data"].take())
    }
}

/// The queries of the dashboard, as Grafana fills them in for all services.
fn queries() -> Result<Vec<String>> {
    let dashboard: Value =
        serde_json::from_str(&fs::read_to_string(monitoring().join("dashboard.json"))?)?;
    let targets = list(&dashboard["panels"]).flat_map(|panel| list(&panel["targets"]));
    let queries = targets.filter_map(|target| target["expr"].as_str());
    Ok(queries.map(|q| q.replace("$job", ".*").replace("$__rate_interval", "1m")).collect())
}

/// The names of metrics in a text.
fn names(text: &str) -> BTreeSet<String> {
    let words = text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
    let metrics = words.filter(|word| word.starts_with("mtls_") || word.starts_with("http_"));
    metrics.map(str::to_owned).collect()
}

fn monitoring() -> PathBuf {
    workspace().join("k8s/components/monitoring")
}
