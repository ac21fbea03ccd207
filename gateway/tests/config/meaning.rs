//! What a file means.

use std::path::PathBuf;
use std::time::Duration;

use gateway::config::{
    ClientCertificates, Config, HostPattern, IdentityHeaders, ListenerSettings, Security, Timeouts,
    Upstream, UpstreamScheme, UpstreamTls,
};
use mtls::field_limits::FieldLimits;
use mtls::limits::Limits;
use mtls::pki::trust::Revocation;

use super::{SECURE, UP};

const EXAMPLE: &str = r#"
[admin]
listen = "127.0.0.1:9002"

[[listener]]
name = "secure"
listen = "127.0.0.1:8443"
identity = "certs/pki/gateway"
client_certificates = "required"        # required | optional | off

[[listener]]
name = "plain"
listen = "127.0.0.1:8080"
redirect_to_https = 8443                # 308, host, path and query kept; or: plain = true

[[route]]
listeners = ["secure"]                  # needed where several listeners take routes
host = "server.local"                   # exact, or "*.local"; absent: any
path_prefix = "/status"                 # absent: any
upstreams = ["http://127.0.0.1:8000", "http://127.0.0.1:8001"]
allow = [{ spiffe_id = "spiffe://mtls-demo.local/ns/default/sa/client-service" }]

[[route]]
listeners = ["secure"]
path_prefix = "/api"
upstreams = ["https://localhost:3000"]
[route.upstream_tls]                    # presents its own certificate, always verifies the other's
identity = "certs/pki/gateway"
server_name = "api-service"
spiffe_id = "spiffe://mtls-demo.local/ns/default/sa/api-service"   # optional, checked besides the name
"#;

#[test]
fn the_example_of_the_design_means_what_it_says() {
    let config = Config::parse("gateway.toml", EXAMPLE).unwrap();

    assert_eq!(config.admin, "127.0.0.1:9002".parse().unwrap());
    let required = ClientCertificates::Required;
    let identity = PathBuf::from("certs/pki/gateway");
    let tls = Security::Tls { client_certificates: required, identity: identity.clone() };
    let listener = |name: &str, listen: &str, security| ListenerSettings {
        name: name.to_owned(),
        listen: listen.parse().unwrap(),
        security,
    };
    assert_eq!(
        config.listeners,
        [
            listener("secure", "127.0.0.1:8443", tls),
            listener("plain", "127.0.0.1:8080", Security::Redirect(8443)),
        ]
    );

    let [status, api] = config.routes.as_slice() else { panic!("there are two routes") };
    let upstream = |scheme, authority: &'static str| Upstream {
        scheme,
        authority: authority.parse().unwrap(),
    };
    assert_eq!(status.name, "server.local/status");
    assert_eq!(status.listeners, ["secure"]);
    assert_eq!(status.host, HostPattern::Exact("server.local".to_owned()));
    assert_eq!(status.path_prefix.as_str(), "/status");
    assert_eq!(
        status.upstreams,
        [
            upstream(UpstreamScheme::Http, "127.0.0.1:8000"),
            upstream(UpstreamScheme::Http, "127.0.0.1:8001"),
        ]
    );
    assert_eq!(
        status.allow.as_ref().unwrap().to_string(),
        "[{ spiffe_id = \"spiffe://mtls-demo.local/ns/default/sa/client-service\" }]"
    );
    assert_eq!(status.upstream_tls, None);

    assert_eq!(api.name, "*/api");
    assert_eq!(api.host, HostPattern::Any);
    assert!(api.allow.is_none() && !api.anonymous);
    assert_eq!(api.upstreams, [upstream(UpstreamScheme::Https, "localhost:3000")]);
    assert_eq!(
        api.upstream_tls,
        Some(UpstreamTls {
            identity,
            server_name: Some("api-service".to_owned()),
            spiffe_id: Some("spiffe://mtls-demo.local/ns/default/sa/api-service".parse().unwrap()),
        })
    );
}

#[test]
fn what_is_absent_has_the_defaults_of_the_design() {
    let config = Config::parse("gateway.toml", format!("{SECURE}[[route]]\n{UP}")).unwrap();

    assert_eq!(config.admin, "127.0.0.1:9002".parse().unwrap());
    assert_eq!(config.limits, Limits::default());
    assert_eq!(config.drain_timeout, Duration::from_secs(20));
    assert_eq!(config.log_refusals_per_second, 50);
    assert_eq!((config.max_requests, config.max_requests_total), (1000, 1000));
    assert_eq!(config.revocation, Revocation::Checked);
    let [route] = config.routes.as_slice() else { panic!("there is one route") };
    assert_eq!((route.name.as_str(), route.path_prefix.as_str()), ("*/", "/"));
    assert_eq!(route.listeners, ["secure"]);
    assert_eq!(route.identity_headers, IdentityHeaders::default());
    assert_eq!(route.timeouts, Timeouts::default());
    let required = ClientCertificates::Required;
    let Security::Tls { client_certificates, .. } = &config.listeners[0].security else {
        panic!("the listener speaks TLS")
    };
    assert_eq!(*client_certificates, required);
}

#[test]
fn every_key_is_read_into_its_place() {
    let text = r#"
revocation = "required"
[admin]
listen = "[::1]:9100"
[limits]
handshake_timeout = "1s"
header_timeout = "2s"
idle_timeout = "3m"
max_connection_age = "7m"
drain_timeout = "500ms"
max_header_bytes = "16KiB"
max_header_fields = 17
max_response_header_bytes = "18KiB"
max_connections = 5
max_connections_per_address = 6
max_requests = 7
max_requests_total = 9
log_refusals_per_second = 8
[[listener]]
name = "plain"
listen = "0.0.0.0:0"
plain = true
[[listener]]
name = "other"
listen = "0.0.0.0:0"
identity = "pki"
client_certificates = "off"
plain = false
[[route]]
name = "the way"
listeners = ["plain", "other"]
host = "*.Example.COM"
anonymous = true
lends_identity = true
upstreams = ["https://a"]
[route.upstream_tls]
identity = "pki"
[route.identity_headers]
client_cert = false
client_cert_chain = false
forwarded = true
x_forwarded = false
x_forwarded_client_cert = true
x_forwarded_client_cert_pem = true
[route.timeouts]
connect = "1s"
first_byte = "2s"
idle = "3s"
"#;

    let config = Config::parse("gateway.toml", text).unwrap();

    assert_eq!(config.admin, "[::1]:9100".parse().unwrap());
    assert_eq!(config.revocation, Revocation::Required);
    let seconds = Duration::from_secs;
    assert_eq!(
        config.limits,
        Limits::with(|limits| {
            limits.handshake_timeout = seconds(1);
            limits.header_timeout = seconds(2);
            limits.idle_timeout = seconds(180);
            limits.max_connection_age = seconds(420);
            limits.max_connections = 5;
            limits.max_connections_per_address = 6;
            limits.max_header_bytes = 16 * 1024;
        })
    );
    assert_eq!(config.request_fields, FieldLimits { bytes: 16 * 1024, fields: 17 });
    assert_eq!(config.response_fields, FieldLimits { bytes: 18 * 1024, fields: 17 });
    assert_eq!(config.drain_timeout, Duration::from_millis(500));
    assert_eq!((config.max_requests, config.max_requests_total), (7, 9));
    assert_eq!(config.log_refusals_per_second, 8);
    assert_eq!(config.listeners[0].security, Security::Plain);
    let route = &config.routes[0];
    assert_eq!(route.name, "the way");
    assert_eq!(route.listeners, ["plain", "other"]);
    assert_eq!(route.host, HostPattern::Wildcard("example.com".to_owned()));
    assert!(route.anonymous);
    assert_eq!(
        route.identity_headers,
        IdentityHeaders {
            client_cert: false,
            client_cert_chain: false,
            forwarded: true,
            x_forwarded: false,
            x_forwarded_client_cert: true,
            x_forwarded_client_cert_pem: true,
        }
    );
    assert_eq!(
        route.timeouts,
        Timeouts { connect: seconds(1), first_byte: seconds(2), idle: seconds(3) }
    );
}

#[test]
fn an_array_is_any_of_its_tables_and_a_table_all_of_its_keys() {
    let allow = r#"allow = [
  { dns = "a", common_name = "b" },
  { any = [{ ip = "::1" }, { email = "a@b" }], organization = "o" },
  { all = [{ uri = "urn:x" }, { any = [{ issuer = "CN=x" }] }] },
]"#;

    let config = Config::parse("gateway.toml", format!("{SECURE}[[route]]\n{UP}{allow}")).unwrap();

    assert_eq!(
        config.routes[0].allow.as_ref().unwrap().to_string(),
        "[{ all = [{ dns = \"a\" }, { common_name = \"b\" }] }, \
         { all = [{ organization = \"o\" }, { any = [{ ip = \"::1\" }, { email = \"a@b\" }] }] }, \
         { all = [{ uri = \"urn:x\" }, { any = [{ issuer = \"CN=x\" }] }] }]"
    );
}
