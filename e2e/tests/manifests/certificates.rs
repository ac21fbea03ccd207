//! What cert-manager is asked for is what `certs init` makes, but for its life.

use anyhow::Result;
use e2e::house::House;
use e2e::manifests::{Manifests, list};
use e2e::service::Launch;
use serde_json::{Value, json};

#[test]
fn cert_manager_is_asked_for_the_names_and_uses_that_certs_init_gives() -> Result<()> {
    for namespace in ["default", "demo"] {
        let house = House::in_namespace(namespace)?;
        let manifests = match namespace {
            "default" => Manifests::with(&["cert-manager"])?,
            other => Manifests::in_namespace(other)?,
        };

        for name in ["api-service", "client-service", "gateway"] {
            let asked = &manifests.one("Certificate", name)?["spec"];
            let made = made(&house, name)?;

            assert_eq!(asked["commonName"], made["subject"]["CN"]);
            assert_eq!(asked["subject"]["organizations"], json!([made["subject"]["O"]]));
            let names = &made["subjectAltNames"];
            assert_eq!(asked["dnsNames"], names["dns"], "{name}");
            assert_eq!(asked["uris"], names["uri"], "{name}");
            assert_eq!(asked["ipAddresses"], names["ip"], "{name}");
            assert_eq!(sorted(&asked["usages"]), usages(&made), "{name}");
            assert_eq!(asked["privateKey"]["algorithm"], "ECDSA");
            assert_eq!(asked["privateKey"]["size"], made["publicKey"]["bits"]);
            assert_eq!(asked["secretName"], format!("{name}-certs"));
            assert_eq!(asked["secretTemplate"]["labels"]["app"], name);
        }
    }
    Ok(())
}

#[test]
fn leaves_live_a_day_and_get_a_new_key_each_time_and_their_authority_keeps_its_own() -> Result<()> {
    let manifests = Manifests::with(&["cert-manager"])?;

    let mut leaves = 0;
    for certificate in manifests.all("Certificate") {
        let spec = &certificate["spec"];
        let issuer =
            manifests.one("Issuer", spec["issuerRef"]["name"].as_str().unwrap_or_default())?;
        if spec["isCA"] == true {
            assert_eq!(issuer["spec"], json!({ "selfSigned": {} }));
            assert_eq!(spec["privateKey"]["rotationPolicy"], "Never");
            assert_eq!(
                manifests.one("Issuer", "mtls-demo")?["spec"]["ca"]["secretName"],
                spec["secretName"]
            );
        } else {
            leaves += 1;
            assert_eq!(issuer["metadata"]["name"], "mtls-demo");
            assert_eq!((&spec["duration"], &spec["renewBefore"]), (&json!("24h"), &json!("8h")));
            assert_eq!(spec["privateKey"]["rotationPolicy"], "Always");
        }
    }
    assert_eq!(leaves, 3);
    Ok(())
}

/// The certificate of an identity, as a service that lives on it shows it.
fn made(house: &House, name: &'static str) -> Result<Value> {
    let service = if name == "client-service" { name } else { "api-service" };
    let service = Launch::of(service).identity(&house.identity(name)).start()?;
    Ok(serde_json::from_str(&service.admin("/identity")?)?)
}

/// RFC 5280's names as cert-manager has them.
fn usages(certificate: &Value) -> Vec<String> {
    let names = list(&certificate["keyUsage"]).chain(list(&certificate["extendedKeyUsage"]));
    let mut usages: Vec<String> = names
        .filter_map(Value::as_str)
        .map(|name| match name {
            "clientAuth" => "client auth".to_owned(),
            "digitalSignature" => "digital signature".to_owned(),
            "serverAuth" => "server auth".to_owned(),
            other => other.to_owned(),
        })
        .collect();
    usages.sort();
    usages
}

fn sorted(usages: &Value) -> Vec<String> {
    let mut usages: Vec<String> =
        list(usages).filter_map(Value::as_str).map(str::to_owned).collect();
    usages.sort();
    usages
}
