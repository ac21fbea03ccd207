//! `certs secrets`: which identities are printed, which are refused, and that no file is left.

use std::{fs, path::Path, process::Command};

use base64::{Engine, prelude::BASE64_STANDARD};
use serde_json::Value;
use tempfile::TempDir;

use crate::{bad, files, good, openssl};

#[test]
fn secrets_prints_the_three_identities_as_the_services_load_them() {
    let place = tempfile::tempdir().unwrap();
    good(&place, &["init"]);
    let before = files(place.path());

    let secrets = documents(&good(&place, &["secrets"]));

    assert_eq!(secrets.len(), 3);
    for (secret, name) in secrets.iter().zip(["api-service", "client-service", "gateway"]) {
        assert_eq!(secret["apiVersion"], "v1");
        assert_eq!(secret["kind"], "Secret");
        assert_eq!(secret["type"], "kubernetes.io/tls");
        let metadata = serde_json::json!({
            "name": format!("{name}-certs"),
            "namespace": "default",
            "labels": { "app": name, "app.kubernetes.io/part-of": "mtls-demo" },
        });
        assert_eq!(secret["metadata"], metadata);
        let keys: Vec<&String> = secret["data"].as_object().unwrap().keys().collect();
        assert_eq!(keys, ["tls.crt", "tls.key", "ca.crt", "ca.crl"]);
        for (file, content) in mounted(secret) {
            assert_eq!(content, fs::read(place.path().join(name).join(file)).unwrap());
        }
    }
    assert_eq!(files(place.path()), before);
}

#[test]
fn the_files_that_a_pod_mounts_from_a_secret_are_fit_for_use() {
    let place = tempfile::tempdir().unwrap();
    good(&place, &["init"]);
    let secrets = documents(&good(&place, &["secrets"]));
    let pod = tempfile::tempdir().unwrap();

    for (secret, purpose) in secrets.iter().zip(["sslserver", "sslclient", "sslserver"]) {
        let name = secret["metadata"]["labels"]["app"].as_str().unwrap();
        fs::create_dir(pod.path().join(name)).unwrap();
        for (file, content) in mounted(secret) {
            fs::write(pod.path().join(name).join(file), content).unwrap();
        }

        let certs = pod.path().join(name).display().to_string();
        let answer = good(&pod, &["verify", &certs, "--revocation", "required"]);
        assert!(!answer.contains("fault"), "{answer}");
        assert_eq!(crate::verify(pod.path(), name, purpose), format!("{name}/tls.crt: OK\n"));
    }
}

#[test]
fn json_has_the_same_content_as_yaml() {
    let place = tempfile::tempdir().unwrap();
    good(&place, &["init", "--namespace", "demo"]);

    let yaml = documents(&good(&place, &["secrets", "--namespace", "demo"]));
    let json: Value =
        serde_json::from_str(&good(&place, &["secrets", "--output", "json"])).unwrap();

    assert_eq!(json["kind"], "List");
    assert_eq!(json["items"], Value::Array(yaml));
    assert_eq!(json["items"][0]["metadata"]["namespace"], "demo");
}

#[test]
fn a_single_identity_can_be_requested_even_without_a_list() {
    let place = tempfile::tempdir().unwrap();
    good(&place, &["init"]);
    good(&place, &["issue", "123", "--usage", "server", "--dns", "123"]);
    fs::remove_file(place.path().join("123/ca.crl")).unwrap();

    let of_none = documents(&good(&place, &["secrets", "--name", "123"]));
    let of_shop = documents(&good(&place, &["secrets", "--name", "123", "--namespace", "1e3"]));

    assert_eq!(of_none.len(), 1);
    assert_eq!(of_none[0]["metadata"]["namespace"], Value::Null);
    assert_eq!(of_none[0]["metadata"]["labels"]["app"], "123");
    assert_eq!(of_none[0]["data"]["ca.crl"], Value::Null);
    assert_eq!(of_shop[0]["metadata"]["namespace"], "1e3");
}

#[test]
fn names_of_another_namespace_are_refused() {
    let place = tempfile::tempdir().unwrap();
    good(&place, &["init"]);
    good(&place, &["issue", "torn", "--dns", "torn.a.svc", "--dns", "torn.b.svc.cluster.local"]);
    good(&place, &["secrets", "--namespace", "default"]);

    let moved = bad(&place, 1, &["secrets", "--namespace", "demo"]);
    let torn = bad(&place, 1, &["secrets", "--name", "torn"]);

    assert_eq!(moved.matches("\"certs init --dir DIR --namespace demo\"").count(), 3, "{moved}");
    assert!(
        moved.contains("gateway: the names in it are of namespace default, not demo"),
        "{moved}"
    );
    assert!(torn.contains("of namespaces a and b: issue one for each"), "{torn}");
}

#[test]
fn an_identity_that_services_would_refuse_is_not_printed() {
    let place = tempfile::tempdir().unwrap();
    good(&place, &["init"]);
    good(&place, &["issue", "Upper"]);
    good(&place, &["issue", "brief", "--not-before", "2020-01-01T00:00:00Z", "--lifetime", "30d"]);
    good(&place, &["secrets", "--name", "client-service"]);
    let other = place.path().join("gateway/tls.key");
    fs::copy(other, place.path().join("client-service/tls.key")).unwrap();

    let mixed = bad(&place, 1, &["secrets"]);
    let all = bad(&place, 1, &["secrets", "--name", "Upper", "--name", "brief", "--name", "none"]);

    assert!(mixed.contains("client-service/tls.key does not match"), "{mixed}");
    assert_eq!(all.matches("error: ").count(), 3, "{all}");
    for words in ["\"Upper\" is not a name for a Secret", "brief/tls.crt is not fit", "none: run"] {
        assert!(all.contains(words), "{words}: {all}");
    }
}

#[test]
fn a_terminal_gets_no_private_key_unless_requested() {
    let place = tempfile::tempdir().unwrap();
    good(&place, &["init"]);

    let refused = at_a_terminal(&place, "secrets");
    let shown = at_a_terminal(&place, "secrets --show-keys");

    assert!(refused.contains("private keys are not printed to a terminal"), "{refused}");
    assert!(!refused.contains("kind: Secret"), "{refused}");
    assert_eq!(shown.matches("kind: Secret").count(), 3, "{shown}");
}

#[test]
fn invalid_arguments_of_secrets_are_reported_together() {
    let place = tempfile::tempdir().unwrap();

    let words =
        bad(&place, 1, &["secrets", "--name", "../a", "--namespace", "a_b", "--output", "xml"]);

    for problem in
        ["\"../a\" is not a name", "\"a_b\" is not a namespace", "\"xml\" is not an output format"]
    {
        assert!(words.contains(problem), "{problem}: {words}");
    }
}

#[test]
fn openssl_reads_the_content_of_a_secret() {
    let place = tempfile::tempdir().unwrap();
    good(&place, &["init", "--namespace", "demo"]);
    let secrets = documents(&good(&place, &["secrets", "--name", "api-service"]));
    for (file, content) in mounted(&secrets[0]) {
        fs::write(place.path().join(file), content).unwrap();
    }

    let of_key = openssl(place.path(), &["pkey", "-in", "tls.key", "-pubout"]);
    let text = openssl(place.path(), &["x509", "-in", "tls.crt", "-noout", "-pubkey", "-text"]);

    assert!(text.contains(&of_key), "{text}");
    assert!(text.contains("URI:spiffe://mtls-demo.local/ns/demo/sa/api-service"), "{text}");
}

/// The documents of a stream, read by an independent parser.
fn documents(yaml: &str) -> Vec<Value> {
    serde_saphyr::from_multiple(yaml).unwrap()
}

fn mounted(secret: &Value) -> Vec<(&str, Vec<u8>)> {
    let data = secret["data"].as_object().unwrap().iter();
    data.map(|(file, content)| {
        (file.as_str(), BASE64_STANDARD.decode(content.as_str().unwrap()).unwrap())
    })
    .collect()
}

/// The output of the command on a terminal, which `script` of util-linux provides.
fn at_a_terminal(place: &TempDir, arguments: &str) -> String {
    let certs = Path::new(env!("CARGO_BIN_EXE_certs")).display();
    let line = format!("{certs} {arguments} --dir {}", place.path().display());
    let mut command = Command::new("script");
    let output = command.args(["-qec", &line, "/dev/null"]).output().unwrap();
    String::from_utf8(output.stdout).unwrap()
}
