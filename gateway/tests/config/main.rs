//! The gateway's file: what it means, and each problem with it to the letter, by line and column.

#![allow(clippy::unwrap_used, reason = "what fails in a helper fails the test")]

mod files;
mod listeners;
mod meaning;
mod routes;
mod values;

use gateway::config::Config;

/// A listener that wants certificates, on lines 1 to 4; what is appended begins on line 5.
const SECURE: &str = r#"[[listener]]
name = "secure"
listen = "127.0.0.1:8443"
identity = "pki"
"#;

/// A listener of each kind, on lines 1 to 24.
const LISTENERS: &str = r#"[[listener]]
name = "secure"
listen = "127.0.0.1:8443"
identity = "pki"
[[listener]]
name = "optional"
listen = "127.0.0.1:8444"
identity = "pki"
client_certificates = "optional"
[[listener]]
name = "open"
listen = "127.0.0.1:8445"
identity = "pki"
client_certificates = "off"
[[listener]]
name = "plain"
listen = "127.0.0.1:8080"
plain = true
[[listener]]
name = "redirect"
listen = "127.0.0.1:8081"
redirect_to_https = 8443

[[route]]
"#;

/// The least that a route must have.
const UP: &str = "upstreams = [\"http://a\"]\n";

/// Asserts the whole output, `gateway.toml:` left out.
#[track_caller]
fn assert_problems(text: &str, lines: &[&str]) {
    let problems = problems(text);
    let shown: Vec<&str> =
        problems.lines().map(|line| line.strip_prefix("gateway.toml:").unwrap_or(line)).collect();
    assert_eq!(shown, lines, "\n{text}");
}

fn problems(text: &str) -> String {
    Config::parse("gateway.toml", text).map(|_| ()).map_err(|p| p.to_string()).unwrap_err()
}
