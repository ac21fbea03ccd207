//! A rolling update: as in a cluster, the new replica is ready and new connections lead to it
//! before the old one is stopped.

use anyhow::{Result, ensure};
use e2e::balancer::Balancer;
use e2e::clicks::Clicks;
use e2e::pki::TestPki;
use e2e::service::Service;

#[test]
fn none_of_10_000_requests_is_lost_while_each_service_is_replaced() -> Result<()> {
    let pki = TestPki::new()?;
    let launch_api = pki.api().set("RUST_LOG", QUIET);
    let api = launch_api.start()?;
    let api_address = Balancer::before(api.address)?;
    let url = format!("https://localhost:{}", api_address.address.port());
    let launch_client = pki.client_calling(&url).set("RUST_LOG", QUIET);
    let client = launch_client.start()?;
    let client_address = Balancer::before(client.address)?;
    let clicks = Clicks::start(&format!("http://{}", client_address.address), COUNT, 16)?;

    clicks.answered(COUNT / 5)?;
    let new_api = launch_api.start()?;
    replace(api, &new_api, &api_address)?;
    clicks.answered(COUNT / 2)?;
    let new_client = launch_client.start()?;
    replace(client, &new_client, &client_address)?;
    let in_time = clicks.count_answered();

    assert!(in_time < COUNT, "the clicks were over before the services were replaced");
    clicks.all_good()?;
    for service in [new_api, new_client] {
        assert!(service.admin("/metrics")?.contains("http_requests_total"), "it had no request");
        service.stop()?;
    }
    Ok(())
}

/// Leads new connections elsewhere, and then stops the old replica, which it must do in
/// order while its callers still have connections open.
fn replace(old: Service, new: &Service, before: &Balancer) -> Result<()> {
    before.forward_to(new.address);
    let outcome = old.stop()?;
    ensure!(outcome.code == Some(0), "{outcome:?}");
    Ok(())
}

const COUNT: usize = 10_000;
/// No line for each of them.
const QUIET: &str = "warn,service_kit::server=info";
