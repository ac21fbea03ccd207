//! Who may come where nobody was verified.

#![allow(clippy::unwrap_used, reason = "what fails in a helper fails the test")]

mod support;

use support::{Gateway, PLAIN, TestClient, Upstream};

#[tokio::test]
async fn without_client_verification_only_anonymous_routes_answer() {
    let upstream = Upstream::good().await;
    let gateway = Gateway::start(&format!(
        "{PLAIN}[[route]]\nname = \"all\"\nupstreams = [{url:?}]\n\
         [[route]]\npath_prefix = \"/open\"\nanonymous = true\nupstreams = [{url:?}]\n\
         [[route]]\npath_prefix = \"/some\"\nallow = [{{ dns = \"a\" }}]\nupstreams = [{url:?}]\n",
        url = upstream.url(),
    ))
    .await;
    let ask = async |path: &str| {
        let get = format!("GET {path} HTTP/1.1\r\nHost: a\r\n\r\n");
        TestClient::exchange(gateway.address("plain"), get).await.unwrap()
    };

    assert_eq!(ask("/open").await.status(), 200);
    for path in ["/", "/some", "/opening"] {
        let refused = ask(path).await;

        assert_eq!(refused.status(), 403, "{path}");
        assert_eq!(refused.field("content-type"), Some("application/problem+json"));
        assert!(refused.text().contains("\"code\":\"no-certificate\""), "{}", refused.text());
    }
    assert_eq!(upstream.requests().len(), 1);
    let note = |event: &serde_json::Value| event["message"].as_str().unwrap().contains("all");
    gateway.logged("a note of the route that answers nobody", note).await;
}
