//! `certs inspect https://HOST:PORT`, against OpenSSL's server and against other listeners.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::time::{Duration, Instant};

use crate::server::{OpensslServer, listen};
use crate::{bad, good};

/// The part of the output about the server, as label and value.
fn rows(answer: &str) -> Vec<(String, String)> {
    let rows = answer.lines().skip(1).take_while(|line| !line.is_empty());
    let row = |line: &str| {
        let (label, value) = line.split_at(28);
        (label.trim().to_owned(), value.to_owned())
    };
    rows.map(row).collect()
}

fn row(answer: &str, label: &str) -> String {
    let row = rows(answer).into_iter().find(|(has, _)| has == label);
    assert!(row.is_some(), "{label} in {answer}");
    row.unwrap().1
}

fn root(place: &tempfile::TempDir) -> String {
    let text =
        good(place, &["inspect", &place.path().join("ca/ca.crt").display().to_string(), "--json"]);
    let json: serde_json::Value = serde_json::from_str(&text).unwrap();
    json["certificates"][0]["chain"][0].as_str().unwrap().to_owned()
}

const TLS13: &str = "TLS_AES_256_GCM_SHA384, x25519, no ALPN";
const TLS12: &str = "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384, x25519, no ALPN";
const VERIFY: [&str; 3] = ["-CAfile", "ca/ca.crt", "-verify_return_error"];

#[test]
fn a_server_that_requests_no_certificate_is_shown_and_verified_in_both_versions() {
    let place = tempfile::tempdir().unwrap();
    good(&place, &["init"]);
    let server = OpensslServer::start(place.path(), "api-service", &[]);

    let answer = good(&place, &["inspect", &server.url()]);

    let root = root(&place);
    let by = place.path().join("ca/ca.crt");
    let chain = format!("good by {}: O=mtls-demo,CN=api-service <- {root}", by.display());
    let expected = [
        ("TLSv1.3", TLS13),
        ("TLSv1.2", TLS12),
        ("client certificate", "not requested"),
        ("chain", &chain),
    ];
    assert_eq!(rows(&answer), expected.map(|(a, b)| (a.to_owned(), b.to_owned())));
    let first = format!("{} at 127.0.0.1:{}\n", server.url(), server.port);
    assert!(answer.starts_with(&first), "{answer}");
    assert!(answer.contains(&format!("\n{} shows 1 certificate\n", server.url())), "{answer}");
    assert!(answer.contains("\n  extendedKeyUsage          serverAuth\n"), "{answer}");
}

#[test]
fn a_certificate_request_and_its_authorities_are_shown_in_both_versions() {
    let place = tempfile::tempdir().unwrap();
    good(&place, &["init"]);
    let root = root(&place);
    let optional = "requested, but not required in TLS (it may still be in HTTP)";

    for (arguments, words) in [
        (
            ["-Verify", "1", "-tls1_3"],
            "required: without one it sends the alert certificate_required (116)",
        ),
        (
            ["-Verify", "1", "-tls1_2"],
            "required: without one it sends the alert handshake_failure (40)",
        ),
        (["-verify", "1", "-tls1_3"], optional),
        (["-verify", "1", "-tls1_2"], optional),
    ] {
        let arguments = [arguments.as_slice(), &VERIFY].concat();
        let server = OpensslServer::start(place.path(), "api-service", &arguments);

        let answer = good(&place, &["inspect", &server.url()]);

        assert_eq!(row(&answer, "client certificate"), words, "{arguments:?}");
        assert_eq!(row(&answer, "of authorities"), root, "{arguments:?}");
        let (taken, other, suite) = match arguments[2] {
            "-tls1_3" => ("TLSv1.3", "TLSv1.2", TLS13),
            _ => ("TLSv1.2", "TLSv1.3", TLS12),
        };
        assert_eq!(row(&answer, taken), suite);
        let refused = "refused: the other side refused us: its alert was protocol_version (70)";
        assert_eq!(row(&answer, other), refused);
    }
}

#[test]
fn a_presented_identity_is_reported_as_accepted_or_refused_with_the_reason() {
    let place = tempfile::tempdir().unwrap();
    good(&place, &["init"]);
    let directory = |name: &str| place.path().join(name).display().to_string();

    for version in ["-tls1_3", "-tls1_2"] {
        let arguments = [["-Verify", "1", version].as_slice(), &VERIFY].concat();
        let server = OpensslServer::start(place.path(), "api-service", &arguments);
        let present = |name: &str| {
            let path = directory(name);
            let answer = good(&place, &["inspect", &server.url(), "--identity", &path]);
            row(&answer, "presented")
        };

        let client = directory("client-service");
        let taken = format!("O=mtls-demo,CN=client-service of {client}: accepted");
        assert_eq!(present("client-service"), taken);
        let api = directory("api-service");
        let refused = format!(
            "O=mtls-demo,CN=api-service of {api}: refused, the server sent the alert \
             unsupported_certificate (43)"
        );
        assert_eq!(present("api-service"), refused);
    }
    let server = OpensslServer::start(place.path(), "api-service", &[]);
    let client = directory("client-service");
    let answer = good(&place, &["inspect", &server.url(), "--identity", &client]);
    let presented = row(&answer, "presented");
    assert!(presented.ends_with(": refused, it was not requested"), "{presented}");
}

#[test]
fn a_chain_is_refused_with_the_reason_that_a_client_would_give() {
    let (place, stranger) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    good(&place, &["init"]);
    good(&stranger, &["init"]);
    good(&place, &["issue", "db", "--usage", "server", "--dns", "db"]);
    let by = place.path().join("ca/ca.crt");
    let refused = |server: &OpensslServer| row(&good(&place, &["inspect", &server.url()]), "chain");

    let server = OpensslServer::start(stranger.path(), "api-service", &[]);
    let words = refused(&server);
    let start = format!(
        "NOT good by {}: the certificate was issued by an authority that is not trusted here: it \
         names {}",
        by.display(),
        root(&stranger)
    );
    assert!(words.starts_with(&start), "{words}");
    let server = OpensslServer::start(place.path(), "client-service", &[]);
    let words = refused(&server);
    assert!(words.contains("it is for clientAuth, and serverAuth is needed (wrong-purpose)"));
    let server = OpensslServer::start(place.path(), "db", &[]);
    let words = refused(&server);
    assert!(words.contains("localhost was dialled, and it has db (wrong-name)"), "{words}");
}

#[test]
fn without_an_authority_the_chain_is_shown_but_not_verified() {
    let (place, empty) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    good(&place, &["init"]);
    let server = OpensslServer::start(place.path(), "api-service", &[]);

    let answer = good(&empty, &["inspect", &server.url()]);

    let missing = empty.path().join("ca/ca.crt");
    let expected = format!("not verified: there is no {}", missing.display());
    assert_eq!(row(&answer, "chain"), expected);
}

#[test]
fn a_server_has_the_common_json_form() {
    let place = tempfile::tempdir().unwrap();
    good(&place, &["init"]);
    let arguments = [["-Verify", "1", "-tls1_3"].as_slice(), &VERIFY].concat();
    let server = OpensslServer::start(place.path(), "api-service", &arguments);

    let answer = good(&place, &["inspect", &server.url(), "--json"]);

    let json: serde_json::Value = serde_json::from_str(&answer).unwrap();
    assert_eq!(
        json["versions"][0],
        serde_json::json!({
            "version": "TLSv1.3",
            "tls": {
                "version": "TLSv1.3",
                "cipherSuite": "TLS_AES_256_GCM_SHA384",
                "keyExchange": "x25519",
                "alpn": null,
                "serverName": "localhost",
            },
            "refusal": null,
        })
    );
    assert_eq!(json["versions"][1]["refusal"]["code"], "refused-by-peer");
    let alert = serde_json::json!({"number": 116, "name": "certificate_required"});
    let request = serde_json::json!({
        "request": "required", "authorities": [root(&place)], "alert": alert,
    });
    assert_eq!(json["clientCertificate"], request);
    assert_eq!(json["trust"]["verdict"], "good");
    assert_eq!(json["keyProven"], true);
    assert_eq!(json["presented"], serde_json::Value::Null);
    assert_eq!(json["certificates"][0]["subject"]["CN"], "api-service");
    assert_eq!(json["certificates"][0]["extendedKeyUsage"], serde_json::json!(["serverAuth"]));
}

#[test]
fn a_listener_without_tls_gets_one_clear_line() {
    let place = tempfile::tempdir().unwrap();
    let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let http = listen(|mut tcp| {
        let _ = tcp.read(&mut [0; 1024]);
        let _ = tcp.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n");
    });
    let deaf = listen(drop);

    let say = |port: u16| bad(&place, 1, &["inspect", &format!("https://127.0.0.1:{port}")]);

    assert_eq!(
        say(closed),
        format!(
            "error: cannot connect to 127.0.0.1:{closed}: Connection refused (os error 111): is \
             the server up, and is it this port?\n"
        )
    );
    assert_eq!(
        say(http),
        format!(
            "error: https://127.0.0.1:{http} does not speak TLS: what arrived is not TLS; is it \
             http://, or another port?\n"
        )
    );
    let lost = "the connection ended in the middle of the handshake (connection-lost)";
    assert_eq!(
        say(deaf),
        format!(
            "error: no TLS handshake with https://127.0.0.1:{deaf}: TLSv1.3: {lost}; TLSv1.2: \
             {lost}\n"
        )
    );
}

#[test]
fn a_silent_server_times_out_after_five_seconds() {
    let place = tempfile::tempdir().unwrap();
    let kept = std::sync::Mutex::new(Vec::new());
    let silent = listen(move |tcp| kept.lock().unwrap().push(tcp));
    let began = Instant::now();

    let words = bad(&place, 1, &["inspect", &format!("https://127.0.0.1:{silent}")]);

    let took = began.elapsed();
    assert_eq!(
        words,
        format!(
            "error: no TLS handshake with https://127.0.0.1:{silent} within 5 s: does it speak TLS \
             at all?\n"
        )
    );
    assert!(took >= Duration::from_secs(5) && took < Duration::from_secs(9), "{took:?}");
}

#[test]
fn a_url_that_names_no_server_is_refused() {
    let place = tempfile::tempdir().unwrap();

    let words = bad(&place, 1, &["inspect", "http://localhost:3000"]);

    assert_eq!(
        words,
        "error: \"http://localhost:3000\" is no server: give https://HOST:PORT, such as \
         https://localhost:3000\n"
    );
}
