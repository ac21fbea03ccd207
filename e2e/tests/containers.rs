//! The images and the compose file, on a real engine. Without one, each test says that it was
//! skipped. They run one after the other: see .config/nextest.toml.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use anyhow::{Context, Result, ensure};
use e2e::binaries::workspace;
use e2e::clicks::Clicks;
use e2e::curl::Curl;
use e2e::deadline::eventually;
use e2e::engine::{Engine, TAG, TARGETS};
use e2e::identity::Identity;
use e2e::pki::TestPki;
use e2e::stack::Stack;

#[test]
fn each_image_is_one_small_binary_without_a_key_and_without_a_shell() -> Result<()> {
    let Some(engine) = Engine::with_images()? else {
        return Ok(());
    };
    let pki = TestPki::new()?;
    let key = pki.identity("api-service").key();
    ensure!(holds_a_key(&fs::read(key)?), "a key is not found where there is one");

    for name in TARGETS {
        let image = format!("mtls-demo/{name}:{TAG}");
        let fact = |template| engine.docker(&["image", "inspect", "--format", template, &image]);
        let size: usize = fact("{{.Size}}")?.parse()?;
        let id = engine.docker(&["create", &image])?;
        let content = engine.docker_bytes(&["export", &id]);
        engine.docker(&["rm", &id])?;
        let content = content?;

        println!("{image}: {:.1} MB", size as f64 / 1e6);
        ensure!(size < 20_000_000, "{image} has {size} bytes");
        let files = files(&content)?;
        let binary = format!("usr/local/bin/{name}");
        assert_eq!(files, [binary.as_str()], "{image} holds more than its binary");
        ensure!(!holds_a_key(&content), "{image} holds a private key");
        assert_eq!(fact("{{.Config.User}}")?, "65532:65532");
        assert_eq!(fact("{{index .Config.Labels \"org.opencontainers.image.licenses\"}}")?, "MIT");
        assert_eq!(fact("{{index .Config.Healthcheck.Test 1}}")?, format!("/{binary}"));
    }
    Ok(())
}

#[test]
fn the_image_of_certs_issues_into_a_mounted_directory_of_the_user() -> Result<()> {
    let Some(engine) = Engine::with_images()? else {
        return Ok(());
    };
    let place = tempfile::tempdir()?;
    let user =
        format!("{}:{}", rustix::process::getuid().as_raw(), rustix::process::getgid().as_raw());
    let volume = format!("{}:/certs/pki", place.path().display());
    let image = format!("mtls-demo/certs:{TAG}");
    let run = ["run", "--rm", "--pull", "never", "--network", "none", "--read-only"];
    let run =
        [&run[..], &["--cap-drop", "ALL", "--user", &user, "--volume", &volume, &image]].concat();

    let made = engine.docker(&[&run[..], &["init"]].concat())?;
    let secrets = engine.docker(&[&run[..], &["secrets", "--name", "api-service"]].concat())?;

    ensure!(made.contains("api-service     made: server"), "{made}");
    ensure!(secrets.contains("name: \"api-service-certs\""), "it prints another Secret");
    let key = Identity::at(place.path().join("api-service")).key();
    assert_eq!(fs::metadata(&key)?.permissions().mode() & 0o777, 0o600);
    fs::read_to_string(key)?;
    Ok(())
}

#[test]
fn compose_starts_all_and_only_the_client_service_reaches_the_api() -> Result<()> {
    let Some(engine) = Engine::with_images()? else {
        return Ok(());
    };
    let stack = Stack::up(&engine, "")?;
    for service in ["api-service", "client-service", "certs-watch"] {
        stack.healthy(service)?;
    }
    let page = stack.page();

    let click = Curl::get(&format!("{page}/proxy/data")).run()?;
    let rebound = Curl::get(&page).with(&["-H", "Host: evil.example"]).run()?;

    assert_eq!(click.status, 200, "{click:?}");
    let name = click.json()?["apiResponse"]["clientCert"]["subject"]["CN"].take();
    assert_eq!(name, "client-service");
    assert_eq!(rebound.status, 421);
    assert_eq!(stack.fact("api-service", "{{len .HostConfig.PortBindings}}")?, "0");
    let network = |name| format!("{{{{(index .NetworkSettings.Networks \"{name}\").IPAddress}}}}");
    let api = stack.fact("api-service", &network(stack.name("backend")))?;
    ensure!(reaches(&engine, &stack.name("backend"), &api)?, "the API is not there at all");
    for outside in [stack.name("web"), stack.name("httpbin"), "bridge".to_owned()] {
        ensure!(!reaches(&engine, &outside, &api)?, "the API is reached from {outside}");
    }
    for service in ["api-service", "client-service", "certs-watch"] {
        let locked = "{{.HostConfig.ReadonlyRootfs}} {{.HostConfig.CapDrop}} \
                      {{.HostConfig.SecurityOpt}} {{.Config.User}}";
        let locked = stack.fact(service, locked)?;
        assert_eq!(locked, "true [ALL] [no-new-privileges:true] 65532:65532", "{service}");
    }
    let mounts = "{{range .Mounts}}{{.Name}} {{.Destination}} {{.RW}} {{end}}";
    for service in ["api-service", "client-service"] {
        let own = format!("{} /certs false ", stack.name(service));
        assert_eq!(stack.fact(service, mounts)?.trim(), own.trim());
    }
    assert_eq!(stack.down()?, "");
    Ok(())
}

#[test]
fn a_rotation_in_the_volume_loses_no_click() -> Result<()> {
    let Some(engine) = Engine::with_images()? else {
        return Ok(());
    };
    let stack = Stack::up(&engine, "")?;
    stack.healthy("client-service")?;
    let page = stack.page();
    let serials = || -> Result<[String; 2]> {
        let seen = Curl::get(&format!("{page}/proxy/data")).run()?.json()?;
        let client = &seen["apiResponse"]["clientCert"]["serialNumber"];
        let api = &seen["clientInfo"]["serverCert"]["serialNumber"];
        Ok([client.to_string(), api.to_string()])
    };
    let before = serials()?;
    let clicks = Clicks::start(&page, 4_000, 8)?;
    clicks.answered(200)?;

    // The API shows its new certificate to new connections, and the client opens new ones for a new
    // certificate of its own: renewed in this order, one click shows both.
    let renew = ["exec", "-T", "certs-watch", "certs", "renew"];
    stack.compose(&[&renew[..], &["api-service"]].concat())?;
    eventually("the API to have read its new certificate", || {
        let log = stack.compose(&["logs", "--no-color", "api-service"])?;
        Ok(log.contains("identity reloaded").then_some(()))
    })?;
    stack.compose(&[&renew[..], &["client-service"]].concat())?;

    eventually("both new certificates to be in use", || {
        let now = serials()?;
        Ok((now[0] != before[0] && now[1] != before[1]).then_some(()))
    })?;
    let after = clicks.count_answered();
    clicks.all_good()?;
    println!("{after} of 4000 clicks were answered when both certificates were in use");
    Ok(())
}

#[test]
fn a_restart_and_a_kill_of_each_service_are_healed() -> Result<()> {
    let Some(engine) = Engine::with_images()? else {
        return Ok(());
    };
    let stack = Stack::up(&engine, "")?;
    stack.healthy("client-service")?;

    for service in ["api-service", "client-service"] {
        let clicks = Clicks::with_retries(&stack.page(), 5_000, 2)?;

        stack.compose(&["restart", service])?;
        stack.healthy(service)?;
        crash(&engine, &stack, service)?;
        stack.healthy(service)?;

        println!("{} clicks were answered when {service} was healed", clicks.count_answered());
        clicks.all_good()?;
    }
    assert_eq!(stack.down()?, "");
    Ok(())
}

#[test]
fn the_gateway_puts_httpbin_behind_mutual_tls() -> Result<()> {
    let Some(engine) = Engine::with_images()? else {
        return Ok(());
    };
    engine.stand_in("httpbin")?;
    let stack = Stack::up(&engine, "gateway")?;
    stack.healthy("gateway")?;
    let exec = ["exec", "-T", "certs-watch", "certs", "issue", "me", "--usage", "client"];
    stack.compose(&exec)?;
    let place = tempfile::tempdir()?;
    let me = place.path().join("me");
    let from = format!("{}:/certs/pki/me", stack.container("certs-watch")?);
    engine.docker(&["cp", &from, &me.display().to_string()])?;
    let me = Identity::at(me);
    let port = stack.published("gateway", "8443")?;
    let port = port.rsplit_once(':').context("a published port must have an address")?.1;
    let url = format!("https://localhost:{port}/status/418");

    let teapot = eventually("httpbin", || {
        let answer = Curl::get(&url).presenting(&me).run()?;
        Ok((answer.status != 502).then_some(answer))
    })?;
    let stranger = Curl::get(&url).trusting(&me).run()?;

    assert_eq!(teapot.status, 418, "{teapot:?}");
    assert_eq!((stranger.status, stranger.alert), (0, Some(116)), "{stranger:?}");
    Ok(())
}

#[test]
fn prometheus_sees_both_services_and_the_rules() -> Result<()> {
    let Some(engine) = Engine::with_images()? else {
        return Ok(());
    };
    if !workspace().join("k8s/components/monitoring/rules.yaml").exists() {
        println!("SKIPPED: the profile observability was NOT tested: there are no rules yet");
        return Ok(());
    }
    println!("SKIPPED: Grafana was NOT tested: it cannot be pulled, and Debian has none");
    engine.stand_in("prometheus")?;
    let stack = Stack::up(&engine, "observability-without-grafana")?;
    stack.compose(&["up", "--detach", "--no-build", "prometheus"])?;
    let prometheus = format!("http://{}", stack.published("prometheus", "9090")?);

    for job in ["api-service", "client-service"] {
        let query = format!("{prometheus}/api/v1/query?query=up%7Bjob%3D%22{job}%22%7D");
        eventually(&format!("Prometheus to see {job}"), || {
            let answer = Curl::get(&query).run()?;
            Ok(answer.body.contains("\"1\"").then_some(()))
        })?;
    }
    let rules = Curl::get(&format!("{prometheus}/api/v1/rules")).run()?;

    ensure!(rules.body.contains("MtlsCertificateExpired"), "{}", rules.body);
    Ok(())
}

/// Ends a container's process as a crash does; docker's own kill would count as wanted.
fn crash(engine: &Engine, stack: &Stack, service: &str) -> Result<()> {
    let process = stack.fact(service, "{{.State.Pid}}")?;
    if rustix::process::geteuid().is_root() && fs::exists(format!("/proc/{process}"))? {
        let process = process.parse().ok().and_then(rustix::process::Pid::from_raw);
        let process = process.context("a process must have a number")?;
        rustix::process::kill_process(process, rustix::process::Signal::KILL)?;
    } else {
        println!(
            "SKIPPED: a crash of {service} was NOT tested: that takes root on the engine's host"
        );
        engine.docker(&["restart", "--time", "0", &stack.container(service)?])?;
    }
    Ok(())
}

/// Whether a stranger on a network comes through to the API's port.
fn reaches(engine: &Engine, network: &str, api: &str) -> Result<bool> {
    let image = "rust:1.95-slim-bookworm";
    let try_it = format!("if timeout 3 bash -c 'exec 3<>/dev/tcp/{api}/3000'; then echo in; fi");
    let arguments = ["run", "--rm", "--network", network, "--entrypoint", "bash", image, "-c"];
    Ok(engine.docker(&[&arguments[..], &[&try_it]].concat())? == "in")
}

/// The files of an archive that are not empty; docker itself adds empty ones to mount over.
fn files(archive: &[u8]) -> Result<Vec<String>> {
    let mut files = Vec::new();
    let mut at = 0;
    while let Some(header) = archive.get(at..at + 512).filter(|header| header[0] != 0) {
        let text = |range: std::ops::Range<usize>| {
            String::from_utf8_lossy(&header[range]).trim_matches(['\0', ' ']).to_owned()
        };
        let size = usize::from_str_radix(&text(124..136), 8)?;
        if size > 0 {
            files.push(text(0..100));
        }
        at += 512 + size.div_ceil(512) * 512;
    }
    Ok(files)
}

/// Whether a key in PEM stands anywhere; the label alone is in every program that reads one.
fn holds_a_key(content: &[u8]) -> bool {
    let label = b"PRIVATE KEY-----\n";
    let mut found = content.windows(label.len()).enumerate().filter(|(_, window)| window == label);
    found.any(|(at, _)| {
        let key = &content[at + label.len()..];
        key.iter().take(48).filter(|byte| byte.is_ascii_alphanumeric()).count() > 40
    })
}
