//! The test fixture: the gateway as a process, its clients, and its upstreams.

#![allow(dead_code, unused_imports, reason = "each test crate uses its own part of the fixture")]
#![allow(clippy::unwrap_used, reason = "what fails in a helper fails the test")]

#[path = "../../../mtls/tests/support/deadline.rs"]
mod deadline;
#[path = "../../../mtls/tests/support/frame.rs"]
mod frame;
pub(crate) mod frames;
mod gateway;
mod http2;
mod message;
mod pki;
mod test_client;
mod upstream;

pub(crate) use self::deadline::{eventually, within};
pub(crate) use self::frame::frame;
pub(crate) use self::gateway::Gateway;
pub(crate) use self::http2::{Http2, block};
pub(crate) use self::message::{Message, Talk};
pub(crate) use self::pki::TestPki;
pub(crate) use self::test_client::{End, TestClient, client};
pub(crate) use self::upstream::{OK, Upstream, Visit};

/// A plain listener on a free port, called `plain`.
pub(crate) const PLAIN: &str = "[admin]\nlisten = \"127.0.0.1:0\"\n\
    [[listener]]\nname = \"plain\"\nlisten = \"127.0.0.1:0\"\nplain = true\n";

/// A gateway with one plain listener and one route, which leads to these upstreams; `more` stands
/// in the route's table.
pub(crate) async fn plain_gateway(upstreams: &[&Upstream], more: &str) -> Gateway {
    Gateway::start(&format!("{PLAIN}{}{more}", plain_route(upstreams))).await
}

/// A route that anyone may take, without the identity headers.
pub(crate) fn plain_route(upstreams: &[&Upstream]) -> String {
    let urls: Vec<String> = upstreams.iter().map(|one| format!("{:?}", one.url())).collect();
    format!(
        "[[route]]\nanonymous = true\nupstreams = [{}]\n\
         identity_headers = {{ x_forwarded = false }}\n",
        urls.join(", ")
    )
}
