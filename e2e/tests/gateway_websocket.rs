//! WebSocket through the gateway, between the client and the server of PyPI's `websockets`.

use anyhow::Result;
use e2e::deadline::eventually;
use e2e::gateway::{Gateway, secure};
use e2e::identity::Identity;
use e2e::pki::TestPki;
use e2e::port::Port;
use e2e::program::Program;
use e2e::python;
use serde_json::{Value, json};

#[test]
fn messages_of_all_sizes_and_the_codes_of_the_end_pass_unchanged() -> Result<()> {
    let pki = TestPki::new()?;
    let (port, _server) = server(None)?;
    let gateway = Gateway::before(&pki, "required", &format!("http://{}", port.address()))?;

    let shown = ask(&gateway, &pki.identity("client-service"))?;

    is_whole(&shown);
    let who = shown["who"].to_string();
    assert!(who.contains("sa/client-service"), "{who}");
    Ok(())
}

#[test]
fn so_they_do_where_the_service_demands_a_certificate_too() -> Result<()> {
    let pki = TestPki::new()?;
    let (port, _server) = server(Some(&pki.identity("api-service")))?;
    let route = format!(
        "[[route]]\nupstreams = [\"https://{}\"]\n[route.upstream_tls]\n\
         identity = \"certs/pki/gateway\"\nserver_name = \"api-service\"\n",
        port.address()
    );
    let gateway = Gateway::start(&pki, &format!("{}{route}", secure("required")))?;

    is_whole(&ask(&gateway, &pki.identity("client-service"))?);
    Ok(())
}

#[test]
fn a_tunnel_does_not_outlive_the_trust_in_its_client() -> Result<()> {
    let pki = TestPki::new()?;
    let leaver = pki.issue("leaver", &[])?;
    let (port, _server) = server(None)?;
    let gateway = Gateway::before(&pki, "required", &format!("http://{}", port.address()))?;
    let hold = |identity: &Identity| -> Result<Program> {
        let mut command = python::script("websocket_holder.py")?;
        command.arg(gateway.url("/").replace("https", "wss")).arg(identity.directory());
        let holder = Program::start(&mut command, "python3")?;
        eventually("an echo", || Ok(holder.stdout().contains("hello").then_some(())))?;
        Ok(holder)
    };
    let mut stays = hold(&pki.identity("client-service"))?;
    let leaves = hold(&leaver)?;

    pki.certs(&["revoke", "leaver"])?;

    assert_eq!(leaves.end()?.stdout, "hello\ncut off\n");
    assert!(stays.ended()?.is_none());
    Ok(())
}

fn is_whole(shown: &Value) {
    let expected = json!({
        "text": "hello",
        "large": [4 * 1024 * 1024, true],
        "fragments": true,
        "ping": true,
        "order": true,
        "own close": [4001, "that will do"],
        "normal": [1000, "good bye"],
        "private": [4321, "as agreed"],
        "failed": [1011, "it broke"],
    });
    for (what, expected) in expected.as_object().into_iter().flatten() {
        assert_eq!(&shown[what], expected, "{what}: {shown}");
    }
    assert!(shown["deflate"].to_string().contains("permessage-deflate"), "{shown}");
}

fn server(identity: Option<&Identity>) -> Result<(Port, Program)> {
    let port = Port::reserve()?;
    let mut command = python::script("websocket_server.py")?;
    command.arg(port.number.to_string()).args(identity.map(Identity::directory));
    let mut program = Program::start(&mut command, "python3")?;
    port.is_taken_by(&mut program)?;
    Ok((port, program))
}

fn ask(gateway: &Gateway, identity: &Identity) -> Result<Value> {
    let mut command = python::script("websocket_client.py")?;
    command.arg(gateway.url("/").replace("https", "wss")).arg(identity.directory());
    let said = Program::run(&mut command, "python3", b"")?.good()?.stdout;
    Ok(serde_json::from_str(&said)?)
}
