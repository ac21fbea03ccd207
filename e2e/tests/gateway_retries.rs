//! nginx behind the gateway, closing each connection after twenty requests, under the load of
//! h2load: no request is lost, and none that could have an effect is made twice.

use std::process::Command;

use anyhow::Result;
use e2e::gateway::{Gateway, secure};
use e2e::nginx::Nginx;
use e2e::pki::TestPki;
use e2e::program::Program;

#[test]
fn nginx_that_closes_connections_often_costs_no_request() -> Result<()> {
    let pki = TestPki::new()?;
    for (http2, scheme) in [("http2", "h2c"), ("", "http")] {
        for method in ["GET", "POST"] {
            let nginx = Nginx::start("nginx_plain.conf", &[("HTTP2", &http2)])?;
            let upstream = format!("{scheme}://{}", nginx.port.address());
            let route = format!("[[route]]\nanonymous = true\nupstreams = [\"{upstream}\"]\n");
            let gateway = Gateway::start(&pki, &format!("{}{route}", secure("optional")))?;
            let mut h2load = Command::new("h2load");
            h2load.args(["-n", "1200", "-c", "8", "-m", "8", "-H"]);
            h2load.arg(format!(":method: {method}")).arg(gateway.url("/"));

            let said = Program::run(&mut h2load, "nghttp2-client", b"")?.good()?.stdout;

            assert!(said.contains("status codes: 1200 2xx"), "{method} {scheme}: {said}");
            let answered =
                nginx.answered()?.lines().filter(|line| *line == format!("{method} 200")).count();
            if method == "POST" || scheme == "h2c" {
                assert_eq!(answered, 1200, "{method} {scheme}");
            } else {
                assert!(answered >= 1200, "{method} {scheme}: {answered}");
            }
        }
    }
    Ok(())
}

#[test]
fn fields_of_http_2_reach_nginx_as_http_1_has_them() -> Result<()> {
    let pki = TestPki::new()?;
    let nginx = Nginx::start("nginx_plain.conf", &[("HTTP2", &"")])?;
    let upstream = format!("http://{}", nginx.port.address());
    let gateway = Gateway::before(&pki, "required", &upstream)?;
    let good = pki.identity("client-service");
    let mut nghttp = Command::new("nghttp");
    nghttp.arg("--cert").arg(good.chain()).arg("--key").arg(good.key());
    // nghttp sends each cookie as a field of its own.
    nghttp.args(["-H", "cookie: a=1", "-H", "cookie: b=2", "-H", "te: trailers"]);
    nghttp.args(["-H", ":method: POST"]).arg(gateway.url("/"));

    let said = Program::run(&mut nghttp, "nghttp2-client", b"")?.good()?.stdout;

    let shown: Vec<&str> = said.trim().split('|').collect();
    assert_eq!(shown[..4], ["a=1; b=2", "0", "trailers", "te"], "{said}");
    // A Via of the caller stays as a field of its own, and nginx before 1.23 shows one field only.
    assert!(shown[4].starts_with("2.0 gateway-"), "{said}");
    let curl = gateway.curl("/", &good).with(&["--http2", "-H", "cookie: a=1; b=2"]).run()?;
    assert!(curl.body.starts_with("a=1; b=2||"), "{curl:?}");
    Ok(())
}
