//! Settings that will not do: one clear line for each, all of them at once, exit code 78, before
//! any socket is bound.

use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use anyhow::{Result, ensure};
use e2e::identity::Identity;
use e2e::pki::TestPki;
use e2e::service::Launch;

#[test]
fn an_unfit_identity_is_reported_with_its_file_and_the_remedy() -> Result<()> {
    let pki = TestPki::new()?;
    let other_pki = TestPki::new()?;
    pki.api().start()?;
    pki.client_calling("https://localhost:1").start()?;
    let past = ["--not-before", "2020-01-01T00:00:00Z", "--not-after", "2021-01-01T00:00:00Z"];
    let ended = pki.issue("ended", &past)?;
    let copy = |name: &str| copy_of(&pki, name);
    let with = |name: &str, file: &str, content: &str| -> Result<Identity> {
        let identity = copy(name)?;
        fs::write(identity.directory().join(file), content)?;
        Ok(identity)
    };
    let without = |name: &str, file: &str| -> Result<Identity> {
        let identity = copy(name)?;
        fs::remove_file(identity.directory().join(file))?;
        Ok(identity)
    };
    let foreign = |file: &str| {
        fs::read_to_string(other_pki.identity("client-service").directory().join(file))
    };
    let init = "certs -- init";

    let rows: [(Identity, &[&str]); 13] = [
        (Identity::at(pki.path().join("nowhere")), &["no identity directory", "nowhere", init]),
        (without("chain-missing", "tls.crt")?, &["no file", "chain-missing/tls.crt", init]),
        (without("key-missing", "tls.key")?, &["no file", "key-missing/tls.key", init]),
        (without("roots-missing", "ca.crt")?, &["no file", "roots-missing/ca.crt", init]),
        (with("chain-empty", "tls.crt", "")?, &["no certificate in", "chain-empty/tls.crt", init]),
        (with("key-garbage", "tls.key", "garbage")?, &["no private key in", "key-garbage/tls.key"]),
        (with("roots-garbage", "ca.crt", GARBAGE)?, &["roots-garbage/ca.crt"]),
        (
            with("list-garbage", "ca.crl", "garbage")?,
            &["no revocation list", "list-garbage/ca.crl"],
        ),
        (with("chain-garbage", "tls.crt", GARBAGE)?, &["chain-garbage/tls.crt"]),
        (
            with("key-foreign", "tls.key", &foreign("tls.key")?)?,
            &["key-foreign/tls.key", "does not belong"],
        ),
        (
            with("root-foreign", "ca.crt", &foreign("ca.crt")?)?,
            &["root-foreign/tls.crt", "not trusted"],
        ),
        (ended, &["ended/tls.crt", "has expired", "renew"]),
        (
            pki.identity("api-service"),
            &["api-service/tls.crt", "not fit for a client", "clientAuth"],
        ),
    ];

    rows.iter().try_for_each(|(identity, words)| {
        let client = pki.client_calling("https://localhost:1").identity(identity);
        refuses_to_start(&client, &[("CERT_PATH", words)])
    })
}

#[test]
fn an_identity_unfit_for_a_server_is_reported_too() -> Result<()> {
    let pki = TestPki::new()?;
    pki.api().start()?;

    let wrong = pki.identity("client-service");

    let words: &[&str] = &["client-service/tls.crt", "not fit for a server", "serverAuth"];
    refuses_to_start(&pki.api().identity(&wrong), &[("CERT_PATH", words)])
}

#[test]
fn an_unreadable_file_is_reported_with_its_mode_and_the_user() -> Result<()> {
    let pki = TestPki::new()?;
    let identity = copy_of(&pki, "closed")?;
    let (key, api) = (identity.key(), pki.api().identity(&identity));
    for directory in [pki.path(), identity.directory().to_owned()] {
        fs::set_permissions(directory, fs::Permissions::from_mode(0o755))?;
    }
    fs::set_permissions(&key, fs::Permissions::from_mode(0o640))?;
    let (api, user) = if rustix::process::geteuid().is_root() {
        (api.user(65534), "65534")
    } else {
        fs::set_permissions(&key, fs::Permissions::from_mode(0o000))?;
        (api, "user")
    };

    let mode = if user == "user" { "mode 0000" } else { "mode 0640, owner user root (0)" };

    refuses_to_start(&api, &[("CERT_PATH", &["closed/tls.key", mode, user, "make it readable"])])
}

#[test]
fn unknown_values_are_reported_all_at_once_with_valid_ones() -> Result<()> {
    let pki = TestPki::new()?;
    pki.api().start()?;
    let bad: [(&str, &str, &[&str]); 16] = [
        ("HOST", "nowhere.example", &["nowhere.example", "127.0.0.1"]),
        ("PORT", "65536", &["65536", "digits"]),
        ("ADMIN_HOST", "", &["127.0.0.1"]),
        ("ADMIN_PORT", "http", &["http", "digits"]),
        ("LOG_FORMAT", "xml", &["xml", "json"]),
        ("RUST_LOG", "mtls=loud", &["level"]),
        ("HANDSHAKE_TIMEOUT", "10", &["10", "10s"]),
        ("IDLE_TIMEOUT", "-1s", &["-1s", "10s"]),
        ("MAX_HEADER_BYTES", "1KiB", &["8KiB"]),
        ("MAX_BODY_BYTES", "1MB", &["1MB", "1MiB"]),
        ("MAX_CONNECTIONS", "0", &["1 at least"]),
        ("MAX_CONNECTION_AGE", "5", &["5", "10s"]),
        ("MAX_REQUESTS", "many", &["many", "digits"]),
        ("POLICY_FILE", "policy.toml", &["not supported yet"]),
        ("REVOCATION", "maybe", &["maybe", "required, checked or off"]),
        ("CERT_PATH", "/nowhere", &["/nowhere"]),
    ];

    let api = bad.iter().fold(pki.api(), |api, (name, value, _)| api.set(name, value));

    let shown: Vec<_> = bad.iter().map(|(name, _, words)| (*name, *words)).collect();
    refuses_to_start(&api, &shown)
}

#[test]
fn the_client_services_own_settings_are_checked_too() -> Result<()> {
    let pki = TestPki::new()?;
    pki.client_calling("https://localhost:1").start()?;
    let bad: [(&str, &str, &[&str]); 6] = [
        (
            "API_SERVICE_URL",
            "http://localhost:3000",
            &["http://localhost:3000", "https://HOST:PORT"],
        ),
        ("API_SPIFFE_ID", "api-service", &["api-service", "spiffe://"]),
        ("API_RESOLVE", "api-service-pods", &["api-service-pods", "HOST:PORT"]),
        ("WEB_CERT_PATH", "/nowhere", &["/nowhere"]),
        ("ALLOWED_HOSTS", "demo.example:80", &["demo.example:80", "without ports"]),
        ("LAB_CERT_PATH", "/lab", &["not supported yet"]),
    ];

    let client = pki.client_calling("");
    let client = bad.iter().fold(client, |client, (name, value, _)| client.set(name, value));

    let shown: Vec<_> = bad.iter().map(|(name, _, words)| (*name, *words)).collect();
    refuses_to_start(&client, &shown)
}

#[test]
fn flags_are_listed_beside_their_variables_and_an_unknown_one_exits_2() -> Result<()> {
    for name in ["api-service", "client-service"] {
        let help = Launch::of(name).argument("--help").run()?.good()?.stdout;
        for (flag, variable) in [
            ("--cert-path", "CERT_PATH"),
            ("--port", "PORT"),
            ("--revocation", "REVOCATION"),
            ("--max-connections", "MAX_CONNECTIONS"),
            ("--max-connection-age", "MAX_CONNECTION_AGE"),
            ("--log-filter", "RUST_LOG"),
        ] {
            ensure!(
                help.contains(flag) && help.contains(&format!("[env: {variable}=")),
                "{flag}: {help}"
            );
        }

        let unknown = Launch::of(name).argument("--prot").argument("1").run()?;

        assert_eq!(unknown.code, Some(2), "{unknown:?}");
        assert!(unknown.stderr.contains("--prot"), "{unknown:?}");
    }
    Ok(())
}

#[test]
fn a_port_that_is_taken_is_one_clear_line() -> Result<()> {
    let pki = TestPki::new()?;
    let taken = TcpListener::bind("127.0.0.1:0")?;
    let address = taken.local_addr()?;

    for setting in ["PORT", "ADMIN_PORT"] {
        let outcome = pki.api().set(setting, address.port()).set("LOG_FORMAT", "text").run()?;

        assert_eq!(outcome.code, Some(1), "{outcome:?}");
        let said = outcome.stdout + &outcome.stderr;
        assert_eq!(said.trim().lines().count(), 1, "{said}");
        for words in ["cannot listen on", &address.to_string(), &format!("set {setting}")] {
            assert!(said.contains(words), "{words}: {said}");
        }
    }
    Ok(())
}

/// The service ends with 78 and prints these problems, a line each, and nothing else; it bound no
/// socket, for its port is taken, and it does not complain of that.
fn refuses_to_start(service: &Launch, problems: &[(&str, &[&str])]) -> Result<()> {
    let taken = TcpListener::bind("127.0.0.1:0")?;
    let port = taken.local_addr()?.port();
    let named = |name: &str| problems.iter().any(|(setting, _)| *setting == name);
    let service = if named("PORT") { service.clone() } else { service.clone().set("PORT", port) };

    let outcome = service.run()?;

    let said = &outcome.stderr;
    ensure!(outcome.code == Some(78), "{outcome:?}");
    ensure!(outcome.stdout.is_empty(), "{outcome:?}");
    let lines: Vec<_> = said.lines().collect();
    ensure!(lines.len() == problems.len() + 1, "{} problems: {said}", problems.len());
    for (setting, words) in problems {
        let line = lines.iter().find(|line| line.starts_with(&format!("{setting}: ")));
        let fits = line.is_some_and(|line| words.iter().all(|word| line.contains(word)));
        ensure!(fits, "{setting} {words:?}: {said}");
    }
    ensure!(lines.last().is_some_and(|line| line.contains("is not started")), "{said}");
    Ok(())
}

/// A copy of the client service's identity, to be spoilt.
fn copy_of(pki: &TestPki, name: &str) -> Result<Identity> {
    let role = if name == "closed" { "api-service" } else { "client-service" };
    let (from, to) = (pki.identity(role), pki.path().join(name));
    fs::create_dir_all(&to)?;
    for file in ["tls.crt", "tls.key", "ca.crt", "ca.crl"] {
        fs::copy(from.directory().join(file), Path::new(&to).join(file))?;
    }
    Ok(Identity::at(to))
}

const GARBAGE: &str = "-----BEGIN CERTIFICATE-----\nZ2FyYmFnZQ==\n-----END CERTIFICATE-----\n";
