//! docs/adding-a-service.md is followed with the service of which it speaks: every block of it is run,
//! or used as the file that it is.

mod kubernetes;
mod workshop;

use std::fs;
use std::process::Command;

use anyhow::{Context, Result, ensure};
use e2e::binaries::workspace;
use e2e::gateway::Gateway;
use e2e::page::{Page, shell};
use e2e::port::Port;
use e2e::program::Program;
use e2e::service::Launch;
use serde_json::{Value, json};

use self::workshop::Workshop;

#[test]
fn a_service_without_tls_gets_a_listener_that_requires_a_certificate() -> Result<()> {
    let workshop = Workshop::new()?;
    let issued = workshop.page.run("sh issue", workshop.path())?.good()?;
    ensure!(issued.stdout.contains("server    fit: CN=orders"), "{issued:?}");
    let behind = Port::reserve()?;
    let page = workshop.page.clone().with("127.0.0.1:8000", behind.address());
    let service = page.with(" 8000\n", format!(" {}\n", behind.number)).block("sh service")?;
    let (files, serve) = service.trim_end().split_once('\n').context("two commands")?;
    shell(files, workshop.path())?.good()?;
    let mut command = Command::new("sh");
    command.args(["-c", &format!("exec {serve}")]).current_dir(workshop.path());
    let mut server = Program::start(&mut command, "python3")?;
    behind.is_taken_by(&mut server)?;

    workshop.page.write("toml orders.toml", workshop.path())?;
    let start = workshop.page.block("sh start")?;
    let (check, start) = start.trim_end().split_once('\n').context("two commands")?;
    shell(check, workshop.path())?.good()?;
    assert_eq!(start, "cargo run -p gateway -- --config orders.toml");
    let file = workshop.page.clone().with("127.0.0.1:8000", behind.address());
    let file = file.with(":8443", ":0").with(":9002", ":0").block("toml orders.toml")?;
    let gateway = Gateway::start(&workshop.pki, &file)?;

    workshop.is_answered_as_the_page_says(&gateway.service)
}

#[test]
fn the_service_in_rust_is_the_example_and_is_answered_alike() -> Result<()> {
    let workshop = Workshop::new()?;
    workshop.page.run("sh issue", workshop.path())?.good()?;
    let file = "service-kit/examples/orders.rs";
    let example = fs::read_to_string(workspace().join(file))?;
    assert_eq!(workshop.page.block(&format!("rust {file}"))?, example);
    let manifest = workshop.page.block("toml orders/Cargo.toml")?;
    let manifest: toml::Table = manifest.parse()?;
    let whole: toml::Table = fs::read_to_string(workspace().join("Cargo.toml"))?.parse()?;
    for name in manifest["dependencies"].as_table().context("a table")?.keys() {
        ensure!(whole["workspace"]["dependencies"].get(name).is_some(), "{name}");
        ensure!(example.contains(&name.replace('-', "_")), "{name} is not needed");
    }

    let settings = workshop.page.block("sh start-rust")?;
    let mut launch = Launch::example("orders").directory(workshop.path());
    for (name, value) in settings.split(' ').map_while(|word| word.split_once('=')) {
        let value = if name.ends_with("PORT") { "0" } else { value };
        launch = launch.set(name, value);
    }

    workshop.is_answered_as_the_page_says(&launch.start()?)
}

#[test]
fn in_compose_it_has_a_volume_and_a_network_of_its_own() -> Result<()> {
    let workshop = Workshop::new()?;
    workshop.page.write("toml orders.toml", workshop.path())?;
    workshop.page.run("sh gateway-file", workshop.path())?.good()?;
    workshop.page.write("yaml compose.orders.yml", workshop.path())?;
    for file in ["docker-compose.yml", "Dockerfile"] {
        fs::copy(workspace().join(file), workshop.path().join(file))?;
    }

    workshop.page.run("sh dockerfile", workshop.path())?.good()?;

    let built = fs::read_to_string(workshop.path().join("Dockerfile"))?;
    ensure!(built.contains("mkdir -p /out/bin ") && built.contains(" /out/pki/certs/pki/orders "));
    let answers = |tool: &&str| {
        shell(&format!("{tool} version"), workshop.path())
            .is_ok_and(|outcome| outcome.good().is_ok())
    };
    let Some(tool) = ["docker compose", "docker-compose"].into_iter().find(answers) else {
        println!("SKIPPED: compose.orders.yml was NOT validated: there is no docker compose");
        return Ok(());
    };
    let page = workshop.page.clone().with("docker compose", tool);
    page.run("sh compose-config", workshop.path())?.good()?;
    let whole = page.block("sh compose-config")?.replace(" --quiet", "");
    let whole: Value = serde_saphyr::from_str(&shell(&whole, workshop.path())?.good()?.stdout)?;
    let using = |what: &str, signs: &[&str]| -> Vec<String> {
        let services = whole["services"].as_object().into_iter().flatten();
        let uses =
            |service: &Value| signs.iter().any(|sign| service[what].to_string().contains(sign));
        services.filter(|(_, s)| uses(s)).map(|(name, _)| name.clone()).collect()
    };
    assert_eq!(using("networks", &["\"orders\""]), ["client-service", "orders"]);
    // As docker-compose prints a volume, and as the newer one does.
    let volume = ["\"orders:", "\"source\":\"orders\""];
    assert_eq!(using("volumes", &volume), ["certs", "certs-watch", "orders"]);
    assert_eq!(whole["networks"]["orders"]["internal"], true);
    for service in ["orders", "orders-app"] {
        let service = &whole["services"][service];
        assert_eq!((&service["read_only"], &service["cap_drop"]), (&json!(true), &json!(["ALL"])));
        ensure!(service["ports"].is_null(), "{service}");
    }
    Ok(())
}

#[test]
fn every_block_of_the_page_is_followed() -> Result<()> {
    let followed = [
        "sh issue",
        "sh service",
        "toml orders.toml",
        "sh start",
        "sh call",
        "sh calls",
        "text refusals",
        "rust service-kit/examples/orders.rs",
        "sh start-rust",
        "toml orders/Cargo.toml",
        "sh gateway-file",
        "yaml compose.orders.yml",
        "sh dockerfile",
        "sh compose-config",
        // Only by hand: it builds images.
        "sh compose-up",
        "sh secret",
        "yaml k8s/orders/orders.yaml",
        "yaml k8s/orders/kustomization.yaml",
        "sh apply",
        "sh copy",
    ];

    assert_eq!(Page::read(PAGE)?.fences(), followed);
    Ok(())
}

/// Below `docs/`.
const PAGE: &str = "adding-a-service.md";
