//! Envoy on both sides of the gateway at once, each side by HTTP/1.1 and by HTTP/2, with mutual TLS
//! on both.

use std::process::Command;

use anyhow::Result;
use e2e::curl::Curl;
use e2e::envoy::Envoy;
use e2e::gateway::{Gateway, secure};
use e2e::pki::TestPki;
use e2e::port::Port;
use e2e::program::Program;

#[test]
fn envoy_calls_and_is_called_by_both_versions_of_http() -> Result<()> {
    let both = Both::start()?;
    for (caller, name) in [(&both.callers[0], "http1"), (&both.callers[1], "http2")] {
        for (path, protocol) in [("/1", "HTTP/1.1"), ("/2", "HTTP/2")] {
            let url = format!("http://{}{path}", caller.address());
            let answer = Curl::get(&url).with(&["-D", "-"]).run()?;

            assert_eq!(answer.status, 200, "{name} {path}: {answer:?}");
            let said = &answer.body;
            assert!(said.contains("Envoy was here"), "{said}");
            for line in [
                &format!("x-protocol: {protocol}\r"),
                "x-peer: spiffe://mtls-demo.local/ns/default/sa/gateway\r",
            ] {
                assert!(said.contains(line), "{name} {path}: no {line} in {said}");
            }
            assert!(said.contains("sa/client-service"), "{said}");
        }
    }
    assert_eq!(both.envoy.count("cluster.gateway1.upstream_cx_http1_total")?, 1);
    assert_eq!(both.envoy.count("cluster.gateway2.upstream_cx_http2_total")?, 1);
    Ok(())
}

#[test]
fn a_load_of_http2_goes_through_with_envoys_certificate() -> Result<()> {
    let both = Both::start()?;
    let url = format!("http://{}/2", both.callers[1].address());
    let mut h2load = Command::new("h2load");
    h2load.args(["-n", "3000", "-c", "4", "-m", "20", &url]);

    let said = Program::run(&mut h2load, "nghttp2-client", b"")?.good()?.stdout;

    let all = "requests: 3000 total, 3000 started, 3000 done, 3000 succeeded, 0 failed, 0 errored";
    assert!(said.contains(all), "{said}");
    assert!(said.contains("status codes: 3000 2xx"), "{said}");
    Ok(())
}

/// Envoy, the gateway between its two sides, and the authority of both.
struct Both {
    callers: [Port; 2],
    envoy: Envoy,
    _gateway: Gateway,
    _pki: TestPki,
    _services: [Port; 2],
}

impl Both {
    fn start() -> Result<Self> {
        let pki = TestPki::new()?;
        let services = [Port::reserve()?, Port::reserve()?];
        let route = |number: usize| {
            format!(
                "[[route]]\npath_prefix = \"/{number}\"\nupstreams = [\"https://{}\"]\n\
                 [route.upstream_tls]\nidentity = \"certs/pki/gateway\"\n\
                 server_name = \"api-service\"\n\
                 spiffe_id = \"spiffe://mtls-demo.local/ns/default/sa/api-service\"\n",
                services[number - 1].address()
            )
        };
        let gateway =
            Gateway::start(&pki, &format!("{}{}{}", secure("required"), route(1), route(2)))?;
        let callers = [Port::reserve()?, Port::reserve()?];
        let (caller, service) = (pki.identity("client-service"), pki.identity("api-service"));
        let envoy = Envoy::start(
            "envoy.yaml",
            &[
                ("CALLER1", &callers[0].number),
                ("CALLER2", &callers[1].number),
                ("SERVICE1", &services[0].number),
                ("SERVICE2", &services[1].number),
                ("CALLER", &caller.directory().display()),
                ("SERVICE", &service.directory().display()),
                ("GATEWAY", &gateway.service.address.port()),
            ],
            &[&callers[0], &callers[1], &services[0], &services[1]],
        )?;
        Ok(Self { callers, envoy, _gateway: gateway, _pki: pki, _services: services })
    }
}
