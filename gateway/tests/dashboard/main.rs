//! The dashboard: what it shows of a running gateway, to which clients, and that nothing of what
//! strangers wrote becomes a part of the page.

#![allow(clippy::unwrap_used, reason = "what fails in a helper fails the test")]

mod support;

use serde_json::{Value, json};

use self::support::{DashboardFixture, eventually};

#[tokio::test(flavor = "multi_thread")]
async fn page_and_state_show_what_the_gateway_does() {
    let fixture = DashboardFixture::open();
    let good = fixture.caller("good");
    assert_eq!(good.ask("/live").await, 200);
    for _ in 0..3 {
        assert_eq!(good.ask("/dead").await, 502);
    }

    let state = fixture.state();
    let page = fixture.get("/?still", "localhost").body;

    let listeners = state["listeners"].as_array().unwrap();
    let security: Vec<&str> = listeners.iter().map(|it| it["terms"].as_str().unwrap()).collect();
    let all = [
        "client certificate required",
        "client certificate optional",
        "HTTPS, client certificates off",
        "redirects to https at 8443",
        "plain HTTP, no client verification",
    ];
    assert_eq!(security, all);
    for listener in listeners {
        let address = listener["address"].as_str().unwrap();
        assert!(!address.ends_with(":0") && page.contains(address), "{address}");
    }

    let [store, dead, open] = state["routes"].as_array().unwrap().as_slice() else {
        panic!("three routes: {state}");
    };
    assert_eq!(store["name"], "live");
    assert_eq!(store["host"], "*");
    assert_eq!(store["pathPrefix"], "/live");
    assert_eq!(store["listeners"], json!(["secure"]));
    assert_eq!(store["allow"], r#"[{ common_name = "good" }]"#);
    assert_eq!(store["upstreams"][0]["health"], "up");
    assert_eq!(store["upstreams"][0]["lastFailure"], Value::Null);
    assert_eq!(dead["identityHeaders"], json!(["Forwarded"]));
    assert_eq!(dead["upstreams"][0]["health"], "out");
    assert!(dead["upstreams"][0]["lastFailure"].as_str().unwrap().contains("cannot connect"));
    assert_eq!(open["anonymous"], true);
    assert!(page.contains("any caller, even without a certificate"));
    assert!(page.contains("[{ common_name = &#34;good&#34; }]"));
    assert!(page.contains("cannot connect"));

    let identity = &state["identities"][0];
    assert_eq!(identity["subject"], "CN=gateway");
    assert_eq!(identity["daysLeft"], 2);
    assert_eq!(identity["standing"], "soon");
    assert_eq!(identity["roots"][0]["standing"], "good");
    assert_eq!(identity["lists"][0]["stale"], false);
    assert!(page.contains("2 days left"));
    assert_eq!(state["refusals"], json!([]));
}

#[tokio::test(flavor = "multi_thread")]
async fn text_from_a_foreign_certificate_is_escaped() {
    let fixture = DashboardFixture::open();
    let name = "<script>alert(1)</script>\u{202e}";
    assert_eq!(fixture.caller("good").ask("/live").await, 200);

    assert_eq!(fixture.caller(name).ask("/live").await, 403);

    let refusal = &fixture.state()["refusals"][0];
    assert_eq!(refusal["code"], "not-allowed");
    assert_eq!((&refusal["side"], &refusal["peerRole"]), (&json!("server"), &json!("client")));
    assert_eq!(refusal["commonName"], "<script>alert(1)</script>\\u{202e}");
    let page = fixture.get("/", "localhost").body;
    assert!(page.contains("&#60;script&#62;alert(1)&#60;/script&#62;\\u{202e}"), "{page}");
    assert!(page.contains(refusal["sentence"].as_str().unwrap()));
    assert!(page.contains(refusal["remedy"].as_str().unwrap()));
    assert!(!page.contains("<script"));
}

#[test]
fn on_loopback_only_loopback_names_are_answered() {
    let fixture = DashboardFixture::open();

    for path in ["/", "/state", "/assets/dashboard.css", "/metrics", "/handshakes"] {
        for host in ["localhost", "127.0.0.1:9002", "[::1]"] {
            assert_eq!(fixture.get(path, host).status, 200, "{path} {host}");
        }
        for host in ["evil.example", "localhost.evil.example", "127.0.0.1.nip.io", ""] {
            let answer = fixture.get(path, host);

            assert_ne!(answer.status, 200, "{path} {host}");
            assert!(!answer.body.contains("secure"), "{path} {host}");
        }
    }
    assert_eq!(fixture.get("/state", "evil.example").status, 421);
}

#[test]
fn the_page_refreshes_itself_unless_still_and_is_not_cached() {
    let fixture = DashboardFixture::open();

    let (follows, still) = (fixture.get("/", "localhost"), fixture.get("/?still", "localhost"));

    assert!(follows.head.contains("refresh: 5\r\n"));
    assert!(!still.head.contains("refresh:"));
    for answer in [follows, still, fixture.get("/state", "localhost")] {
        assert!(answer.head.contains("cache-control: no-store\r\n"), "{}", answer.head);
        assert!(answer.head.contains("x-content-type-options: nosniff\r\n"));
        assert!(answer.head.contains("default-src 'none'; style-src 'self';"));
        assert!(answer.head.contains("frame-ancestors 'none'"));
        assert!(!answer.head.contains("unsafe"));
    }
}

#[test]
fn a_rejected_file_is_shown_with_its_problems() {
    let fixture = DashboardFixture::open();
    assert_eq!(fixture.state()["lastReload"]["ok"], true);

    fixture.rewrite("[<b>");

    let state = eventually(|| Some(fixture.state()).filter(|it| it["lastReload"]["ok"] == false));
    assert!(state["lastReload"]["problems"][0].as_str().unwrap().contains("not TOML"));
    assert_eq!(state["listeners"].as_array().unwrap().len(), 5);
    let page = fixture.get("/", "localhost").body;
    assert!(page.contains("was rejected") && page.contains("not TOML") && !page.contains("<b>"));
}
