//! A client certificate with a name that cannot be decoded is refused in the handshake, whatever
//! good names stand beside it.

#![allow(clippy::unwrap_used, reason = "what fails in a helper fails the test")]

mod support;

use authority::{Leaf, LeafRequest, Usage};
use serde_json::Value;
use support::{Gateway, Message, TestClient, TestPki, Upstream, eventually};

const REQUEST: &str = "GET / HTTP/1.1\r\nhost: localhost\r\n\r\n";
const SUBJECT_ALT_NAME: [u64; 4] = [2, 5, 29, 17];

#[tokio::test]
async fn a_name_that_cannot_be_decoded_beside_a_spiffe_id_is_refused_in_the_handshake() {
    let (pki, upstream) = (TestPki::new(), Upstream::good().await);
    let id = uri(TestPki::CALLER.as_bytes());
    let good = issue(&pki, &[names(&[&id])]);
    let bad_uris = [&b"spiffe://mtls-demo.local/\xff"[..], b"https://a.example/\xc3\xa9", b""];
    let mut refused: Vec<Leaf> = Vec::new();
    for bad in bad_uris.map(uri) {
        refused.push(issue(&pki, &[names(&[&id, &bad])]));
        refused.push(issue(&pki, &[names(&[&bad, &id])]));
    }
    // No names at all, and a second extension with names.
    refused.push(issue(&pki, &[names(&[])]));
    refused.push(issue(&pki, &[names(&[&id]), names(&[&uri(b"spiffe://mtls-demo.local/b")])]));

    for client_certificates in ["required", "optional"] {
        let gateway = Gateway::start(&format!(
            "{}[[route]]\nallow = [{{ spiffe_id = {:?} }}]\nupstreams = [{:?}]\n",
            pki.listener(client_certificates),
            TestPki::CALLER,
            upstream.url()
        ))
        .await;
        let answer = ask(&pki, &gateway, &good).await.unwrap();
        assert_eq!(answer.status(), 200, "{client_certificates}");
        let shown = upstream.take_received().concat();
        assert!(shown.contains(&format!("URI={}", TestPki::CALLER)), "{shown}");

        for (index, leaf) in refused.iter().enumerate() {
            let answer = ask(&pki, &gateway, leaf).await;

            assert!(answer.is_none(), "{client_certificates} {index}: {:?}", answer.unwrap().head);
            let shown = eventually("its refusal", || refusals(&gateway).get(index).cloned()).await;
            assert_eq!(shown["code"], "bad-encoding", "{shown}");
            assert!(shown["spiffe_id"].is_null(), "{shown}");
        }
        assert_eq!(refusals(&gateway).len(), refused.len());
        assert_eq!(upstream.received(), Vec::<String>::new(), "{client_certificates}");
    }
}

/// The answer to a request with this certificate, if any.
async fn ask(pki: &TestPki, gateway: &Gateway, leaf: &Leaf) -> Option<Message> {
    pki.write("asking", leaf);
    let mut client =
        TestClient::presenting(&pki.of("asking"), gateway.address("secure"), "http/1.1");
    client.send(REQUEST).await;
    client.try_answer().await
}

/// The log lines of refused handshakes.
fn refusals(gateway: &Gateway) -> Vec<Value> {
    let is = |line: &Value| line["message"].as_str().unwrap_or_default().starts_with("refused: ");
    gateway.log().into_iter().filter(is).collect()
}

/// A client with each of these as a subjectAltName.
fn issue(pki: &TestPki, alternative_names: &[Vec<u8>]) -> Leaf {
    let request = LeafRequest::new("caller").usage(Usage::Client);
    let request = alternative_names
        .iter()
        .fold(request, |request, names| request.extension(&SUBJECT_ALT_NAME, false, names));
    pki.authority.issue(&request).unwrap()
}

/// A `GeneralName` that is a URI.
fn uri(text: &[u8]) -> Vec<u8> {
    element(0x86, text)
}

/// `GeneralNames`
fn names(names: &[&[u8]]) -> Vec<u8> {
    element(0x30, &names.concat())
}

fn element(tag: u8, content: &[u8]) -> Vec<u8> {
    let length = u8::try_from(content.len()).unwrap();
    assert!(length < 0x80 || tag == 0x30, "a name must be short");
    let header = if length < 0x80 { vec![tag, length] } else { vec![tag, 0x81, length] };
    [header, content.to_vec()].concat()
}
