//! What cert-manager is asked for is what `certs init` makes, but for its life.

use std::fs;

use anyhow::{Context, Result};
use authority::{Authority, AuthorityRequest, LeafRequest, Lifetime, Usage};
use e2e::curl::Curl;
use e2e::deadline::eventually;
use e2e::identity::Identity;
use e2e::manifests::{Manifests, list};
use e2e::pki::TestPki;
use e2e::service::{Launch, Service};
use serde_json::{Value, json};

#[test]
fn cert_manager_is_asked_for_the_names_and_uses_that_certs_init_gives() -> Result<()> {
    for namespace in ["default", "demo"] {
        let pki = TestPki::in_namespace(namespace)?;
        let manifests = match namespace {
            "default" => Manifests::with(&["cert-manager"])?,
            other => Manifests::in_namespace(other)?,
        };

        for name in ["api-service", "client-service", "gateway"] {
            let asked = &manifests.one("Certificate", name)?["spec"];
            let made = made(&pki, name)?;

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

/// The files of the steps in docs/kubernetes.md, *From our authority to cert-manager's*.
#[test]
fn leaves_of_our_root_without_a_list_are_trusted_by_pods_that_still_have_one() -> Result<()> {
    let pki = TestPki::new()?;
    let old_api = pki.api().start()?;
    let old_client = pki.client(&old_api).start()?;
    assert_eq!(Curl::get(&old_client.url("/proxy/data")).run()?.status, 200);

    // As cert-manager's CA Issuer signs with our key: the names of each Certificate, for a day.
    let new = |name: &str, authority: &Authority| -> Result<Identity> {
        let asked = Manifests::with(&["cert-manager"])?;
        let asked = &asked.one("Certificate", name)?["spec"];
        let mut request = LeafRequest::new(name).lifetime("24h".parse::<Lifetime>()?);
        request =
            request.usage(if name == "client-service" { Usage::Client } else { Usage::Server });
        for dns in list(&asked["dnsNames"]).filter_map(Value::as_str) {
            request = request.dns(dns);
        }
        request = request.spiffe(asked["uris"][0].as_str().context("a SPIFFE ID")?);
        let leaf = authority.issue(&request)?;
        let roots = authority.root().pem();
        let directory = pki.path().join(format!("new-{}", leaf.serial())).join(name);
        Identity::write(directory, &leaf.chain_pem(), &leaf.key_pem(), roots)
    };
    let ours = pki.authority()?;
    let api = pki.api().identity(&new("api-service", &ours)?).start()?;
    let client = |api: &Service, authority: &Authority| -> Result<Service> {
        pki.client(api).identity(&new("client-service", authority)?).start()
    };
    for (client, what) in [
        (pki.client(&api).start()?, "an old client and a new API"),
        (client(&old_api, &ours)?, "a new client and an old API"),
        (client(&api, &ours)?, "both new"),
    ] {
        assert_eq!(Curl::get(&client.url("/proxy/data")).run()?.status, 200, "{what}");
    }
    // The root that cert-manager would make for itself is the reason for the steps.
    let its_own = Authority::generate(&AuthorityRequest::default())?;
    let stranger = client(&old_api, &its_own)?;
    assert_eq!(Curl::get(&stranger.url("/proxy/data")).run()?.status, 502);
    Ok(())
}

#[test]
fn a_running_pod_refuses_a_vanished_list_stays_ready_and_says_so() -> Result<()> {
    let pki = TestPki::new()?;
    let api = pki.api().start()?;
    let client = pki.client(&api).start()?;
    let check = || -> Result<(bool, bool)> {
        let ready: Value = serde_json::from_str(&api.admin("/readyz")?)?;
        let reload = list(&ready["checks"]).find(|check| check["name"] == "reload");
        let ok = reload.and_then(|check| check["ok"].as_bool()).context("a check")?;
        Ok((ready["ready"] == true, ok))
    };
    assert_eq!(check()?, (true, true));

    fs::remove_file(pki.identity("api-service").directory().join("ca.crl"))?;
    eventually("the refused reload", || Ok((!check()?.1).then_some(())))?;

    assert_eq!(check()?, (true, false), "ready, but the files were refused");
    assert_eq!(Curl::get(&client.url("/proxy/data")).run()?.status, 200);
    let restarted = pki.api().start()?;
    let client = pki.client(&restarted).start()?;
    assert_eq!(Curl::get(&client.url("/proxy/data")).run()?.status, 200);
    Ok(())
}

/// The certificate of an identity, as a service that lives on it shows it.
fn made(pki: &TestPki, name: &'static str) -> Result<Value> {
    let service = if name == "client-service" { name } else { "api-service" };
    let service = Launch::of(service).identity(&pki.identity(name)).start()?;
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
