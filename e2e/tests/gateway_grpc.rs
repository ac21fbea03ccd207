//! gRPC through the gateway, between the client and the server of PyPI's `grpcio`.

use anyhow::Result;
use e2e::gateway::{Gateway, secure};
use e2e::identity::Identity;
use e2e::pki::TestPki;
use e2e::port::Port;
use e2e::program::Program;
use e2e::python;
use serde_json::{Value, json};

#[test]
fn calls_of_every_kind_and_their_ends_pass_to_a_service_without_tls() -> Result<()> {
    let pki = TestPki::new()?;
    let (port, _server) = server(None)?;
    let route = format!(
        "[[route]]\npath_prefix = \"/test.Test\"\nupstreams = [\"h2c://{}\"]\n",
        port.address()
    );
    let gateway = Gateway::start(&pki, &format!("{}{route}", secure("required")))?;

    let shown = ask(&gateway, &pki.identity("client-service"))?;

    is_whole(&shown);
    let who = shown["unary"].as_str().unwrap_or_default();
    assert!(who.starts_with("hello|") && who.contains("sa/client-service"), "{who}");
    assert!(!who.contains("forged"), "{who}");
    Ok(())
}

#[test]
fn so_they_do_to_a_service_that_demands_a_certificate() -> Result<()> {
    let pki = TestPki::new()?;
    let (port, _server) = server(Some(&pki.identity("api-service")))?;
    let route = format!(
        "[[route]]\npath_prefix = \"/test.Test\"\nupstreams = [\"https://{}\"]\n\
         [route.upstream_tls]\nidentity = \"certs/pki/gateway\"\nserver_name = \"api-service\"\n",
        port.address()
    );
    let gateway = Gateway::start(&pki, &format!("{}{route}", secure("required")))?;

    is_whole(&ask(&gateway, &pki.identity("client-service"))?);
    Ok(())
}

fn is_whole(shown: &Value) {
    let expected = json!({
        "status": "OK",
        "trailers": { "x-trailer": "after", "x-bytes-bin": "00ff" },
        "large": true,
        "trailers of": {
            "17000": true,
            "40000": true,
            "60000": true,
            "70000": "INTERNAL",
            "200000": "INTERNAL",
            "300000": "INTERNAL",
        },
        "count": true,
        "add": 500_000,
        "echo": true,
        "fail": [
            "FAILED_PRECONDITION",
            "nothing is ready: 100 % sure, grüße",
            { "x-trailer": "of a failure" },
        ],
        "missing": "UNIMPLEMENTED",
        "half": [["first", "second"], "DATA_LOSS", "the rest is lost"],
        // Our 404 is a problem, which gRPC's own table turns into this.
        "no route": "UNIMPLEMENTED",
    });
    for (what, expected) in expected.as_object().into_iter().flatten() {
        assert_eq!(&shown[what], expected, "{what}: {shown}");
    }
}

fn server(identity: Option<&Identity>) -> Result<(Port, Program)> {
    let port = Port::reserve()?;
    let mut command = python::script("grpc_server.py")?;
    command.arg(port.number.to_string()).args(identity.map(Identity::directory));
    let mut program = Program::start(&mut command, "python3")?;
    port.is_taken_by(&mut program)?;
    Ok((port, program))
}

fn ask(gateway: &Gateway, identity: &Identity) -> Result<Value> {
    let mut command = python::script("grpc_client.py")?;
    command.arg(gateway.service.address.port().to_string()).arg(identity.directory());
    let said = Program::run(&mut command, "python3", b"")?.good()?.stdout;
    Ok(serde_json::from_str(&said)?)
}
