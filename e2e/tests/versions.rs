//! What is spoken: versions of TLS and of HTTP, the key exchange, and that no session is resumed.

use std::net::SocketAddr;

use anyhow::Result;
use e2e::curl::Curl;
use e2e::expected::RunningApi;
use e2e::openssl::{Client, Server};
use e2e::pki::TestPki;

#[test]
fn two_of_ours_agree_on_tls_1_3_with_a_hybrid_key_exchange() -> Result<()> {
    let pki = TestPki::new()?;
    let api = pki.api().start()?;
    let client = pki.client(&api).start()?;

    let answer = Curl::get(&client.url("/proxy/data")).run()?;

    assert_eq!((answer.status, answer.content_type.as_str()), (200, "application/json"));
    let answer = answer.json()?;
    let (ours, theirs) = (&answer["clientInfo"]["tls"], &answer["apiResponse"]["tls"]);
    assert_eq!(ours, theirs);
    assert_eq!(ours["version"], "TLSv1.3");
    assert_eq!(ours["keyExchange"], "X25519MLKEM768");
    assert_eq!(ours["cipherSuite"], "TLS_AES_256_GCM_SHA384");
    assert_eq!((&ours["alpn"], &ours["serverName"]), (&"h2".into(), &"localhost".into()));
    let line = client.logged("the handshake", |line| line["message"] == "server authenticated")?;
    for (field, fact) in
        [("version", "version"), ("cipher_suite", "cipherSuite"), ("key_exchange", "keyExchange")]
    {
        assert_eq!(line[field], ours[fact]);
    }
    assert!(line["duration_us"].as_u64().is_some_and(|duration| duration > 0), "{line}");
    let line = api.logged("the client", |line| line["message"] == "client authenticated")?;
    assert_eq!(line["cn"], "client-service");
    assert_eq!(line["spiffe_id"], "spiffe://mtls-demo.local/ns/default/sa/client-service");
    Ok(())
}

#[test]
fn tls_1_1_is_refused_and_1_2_and_1_3_are_not() -> Result<()> {
    let pki = TestPki::new()?;
    let good = pki.identity("client-service");
    let running = RunningApi::open(&pki, pki.api())?;
    let client =
        |version: &str| Client::to(running.api.address, &good).with(&[version]).presenting(&good);
    for version in ["-tls1_3", "-tls1_2"] {
        let answer = client(version)?.request()?;
        assert!(answer.stdout.contains("This data is secured with mTLS!"), "{version} {answer:?}");
    }

    for version in ["-tls1_1", "-tls1"] {
        let answer = client(version)?.with(&["-cipher", "DEFAULT@SECLEVEL=0"]).request()?;

        assert!(!answer.stdout.contains("HTTP/1.1"), "{answer:?}");
        assert!(answer.alert.is_some(), "{answer:?}");
        running.reports(version, "unsupported-version", answer.alert)?;
    }
    Ok(())
}

#[test]
fn no_ticket_is_offered_and_no_session_resumed() -> Result<()> {
    let pki = TestPki::new()?;
    let good = pki.identity("client-service");
    let api = pki.api().start()?;

    // OpenSSL's own server gives out sessions: what it gives is offered to ours.
    let generous = Server::presenting(&pki.identity("api-service"), &["-www"])?;
    let address = SocketAddr::from(([127, 0, 0, 1], generous.port));

    for (version, name) in [("-tls1_3", "TLSv1.3"), ("-tls1_2", "TLSv1.2")] {
        let file = |name: &str| pki.path().join(format!("{version}.{name}")).display().to_string();
        let (foreign, ours) = (file("foreign"), file("ours"));
        let keep =
            |client: Client, file: &str| client.with(&[version, "-sess_out", file]).request();
        keep(Client::to(address, &good), &foreign)?;
        assert!(std::fs::exists(&foreign)?);

        let first = keep(Client::to(api.address, &good).presenting(&good)?, &ours)?;
        let second = Client::to(api.address, &good)
            .presenting(&good)?
            .with(&[version, "-sess_in", &foreign]);
        let second = second.request()?;

        assert!(!std::fs::exists(&ours)?, "a session was given out");
        for answer in [first, second] {
            assert!(answer.stdout.contains("This data is secured with mTLS!"), "{answer:?}");
            assert!(answer.stdout.contains(&format!("New, {name}")), "{answer:?}");
            for offered in ["Reused", "TLS session ticket:", "New Session Ticket arrived"] {
                assert!(!answer.stdout.contains(offered), "{answer:?}");
            }
        }
    }

    let accepted = api.events()?;
    assert_eq!(accepted.len(), 4);
    assert!(accepted.iter().all(|event| event["clientCert"]["subject"]["CN"] == "client-service"));
    Ok(())
}

#[test]
fn http_1_1_and_2_are_both_spoken_and_alpn_chooses() -> Result<()> {
    let pki = TestPki::new()?;
    let good = pki.identity("client-service");
    let api = pki.api().start()?;

    for (option, version, alpn) in [
        ("--http1.1", "1.1", Some("http/1.1")),
        ("--http2", "2", Some("h2")),
        ("--no-alpn", "1.1", None),
    ] {
        let url = api.url("/api/data");
        let answer = Curl::get(&url).presenting(&good).with(&[option]).run()?;

        assert_eq!((answer.status, answer.http_version.as_str()), (200, version));
        assert_eq!(answer.json()?["tls"]["alpn"].as_str(), alpn);
    }
    Ok(())
}
