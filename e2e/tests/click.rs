//! What a person sees: the page in a real Chromium, before and after a click.

use std::fs;
use std::net::TcpListener;

use anyhow::Result;
use e2e::binaries::{target, workspace};
use e2e::browser::Browser;
use e2e::curl::Curl;
use e2e::identity::Identity;
use e2e::openssl::Server;
use e2e::pki::TestPki;

#[test]
fn a_click_shows_the_data_and_what_each_end_proved() -> Result<()> {
    let pki = TestPki::new()?;
    let api = pki.api().start()?;
    let client = pki.client(&api).start()?;
    let browser = Browser::start()?;
    browser.open(&client.url("/"))?;
    assert_eq!(browser.evaluate("return document.title")?, "mTLS Demo Client");
    assert_eq!(browser.text("#fetch")?, "Fetch Secure Data");
    assert_eq!(browser.text("#message")?, "");

    browser.fetch()?;

    assert_eq!(browser.text("#message")?, "This data is secured with mTLS!");
    assert!(browser.text("#status")?.starts_with("Both ends proved themselves"));
    assert_eq!(browser.text("#client-claim strong")?, "client-service");
    assert_eq!(browser.text("#server-claim strong")?, "api-service");
    for name in ["client", "server"] {
        let service = if name == "client" { "client-service" } else { "api-service" };
        let card = browser.text(&format!("#{name}-certificate"))?;
        let spiffe_id = format!("spiffe://mtls-demo.local/ns/default/sa/{service}");
        let usage = format!("{name}Auth");
        for fact in [service, &spiffe_id, &usage, "mtls-demo authority", "29 days left", "P-256"] {
            assert!(card.contains(fact), "{fact}: {card}");
        }
    }
    let facts = browser.text("#tls-facts")?;
    for fact in ["TLSv1.3", "TLS_AES_256_GCM_SHA384", "X25519MLKEM768", "h2"] {
        assert!(facts.contains(fact), "{fact}: {facts}");
    }
    assert_eq!(browser.text("#tls-witness")?, "Both ends report the same.");
    assert_eq!(browser.console()?, Vec::<String>::new());
    Ok(())
}

#[test]
fn the_page_speaks_of_the_address_at_which_it_is_opened() -> Result<()> {
    let pki = TestPki::new()?;
    let api = pki.api().start()?;
    let client = pki.client(&api).set("ALLOWED_HOSTS", "node-7.example").start()?;
    let port = client.address.port();
    let browser = Browser::resolving(&["node-7.example"])?;

    for (host, words, open) in [
        ("127.0.0.1", "Meant for loopback", false),
        ("localhost", "Meant for loopback", false),
        ("node-7.example", "Not on loopback", true),
    ] {
        let origin = format!("http://{host}:{port}");
        browser.open(&origin)?;
        browser.fetch()?;

        assert_eq!(browser.text("#message")?, "This data is secured with mTLS!", "{host}");
        let leg = browser.text("#leg-1")?;
        assert!(leg.contains(words), "{host}: {leg}");
        assert_eq!(browser.text("footer code")?, format!("curl {origin}/proxy/data"));
        // A header that a browser ignores at this address would be an error here.
        assert_eq!(browser.console()?, Vec::<String>::new(), "{host}");
        let headers = Curl::get(&client.url("/")).with(&["-i", "-H", &format!("Host: {host}:1")]);
        let headers = headers.run()?.body.to_ascii_lowercase();
        assert_eq!(headers.contains("cross-origin-opener-policy"), !open, "{headers}");
    }
    Ok(())
}

#[test]
fn behind_a_proxy_that_ends_https_the_page_says_so_and_escapes_header_values() -> Result<()> {
    let pki = TestPki::new()?;
    let api = pki.api().start()?;
    let client = pki.client(&api).set("HOST", "0.0.0.0").start()?;
    let page = |headers: &[&str]| -> Result<String> {
        let arguments: Vec<&str> = headers.iter().flat_map(|header| ["-H", header]).collect();
        let port = client.address.port();
        let answer = Curl::get(&format!("http://127.0.0.1:{port}/")).with(&["-i"]);
        Ok(answer.with(&arguments).run()?.body)
    };

    let behind = page(&["Host: demo.example", "X-Forwarded-Proto: https"])?;
    let plain = page(&["Host: demo.example", "X-Forwarded-Proto: gopher"])?;
    let hostile = page(&["Host: a'b&c.example"])?;

    assert!(behind.contains("curl https://demo.example/proxy/data"), "{behind}");
    assert!(behind.contains("A proxy before client-service ends HTTPS"), "{behind}");
    assert!(behind.to_ascii_lowercase().contains("cross-origin-opener-policy"), "{behind}");
    assert!(plain.contains("curl http://demo.example/proxy/data"), "{plain}");
    assert!(plain.contains("Not on loopback"), "{plain}");
    assert!(!hostile.contains("a'b&c"), "{hostile}");
    Ok(())
}

#[test]
fn the_page_says_that_the_api_is_down_or_an_impostor_and_recovers() -> Result<()> {
    let pki = TestPki::new()?;
    let api = pki.api().start()?;
    let (port, client) = (api.address.port(), pki.client(&api).start()?);
    let browser = Browser::start()?;
    browser.open(&client.url("/"))?;
    browser.fetch()?;
    assert_eq!(browser.text("#error")?, "");

    api.stop()?.good()?;
    browser.fetch()?;
    let down = browser.text("#error")?;
    let other_pki = TestPki::new()?;
    let impostor = other_pki.api().set("PORT", port).start()?;
    browser.fetch()?;
    let refused = browser.text("#error")?;
    let shown = browser.text("#refused-certificate")?;
    impostor.stop()?.good()?;
    let _api = pki.api().set("PORT", port).start()?;
    browser.fetch()?;

    assert!(down.contains("The API cannot be reached"), "{down}");
    for words in ["client-service refused the API", "unknown-issuer", "unknown_ca (48)"] {
        assert!(refused.contains(words), "{words}: {refused}");
    }
    assert!(
        shown.contains("Refused by client-service") && shown.contains("api-service"),
        "{shown}"
    );
    assert_eq!(browser.text("#message")?, "This data is secured with mTLS!");
    assert_eq!(browser.text("#error")?, "");
    Ok(())
}

#[test]
fn the_page_says_that_the_own_certificate_was_refused() -> Result<()> {
    let pki = TestPki::new()?;
    let other_pki = TestPki::new()?;
    let api = pki.api().start()?;
    let good = pki.client(&api).start()?;
    let stranger = pki.client(&api).identity(&stranger(&pki, &other_pki)?).start()?;
    let browser = Browser::start()?;
    browser.open(&good.url("/"))?;
    browser.fetch()?;
    assert_eq!(browser.text("#error")?, "");

    browser.open(&stranger.url("/"))?;
    browser.fetch()?;

    let refused = browser.text("#error")?;
    for words in ["The API refused client-service", "refused-by-peer", "unknown_ca (48)"] {
        assert!(refused.contains(words), "{words}: {refused}");
    }
    assert_eq!(browser.text("#leg-2 .tag")?, "refused-by-peer");
    assert_eq!(api.refusals(1)?[0]["code"], "unknown-issuer");
    Ok(())
}

#[test]
fn the_page_says_which_trouble_it_was() -> Result<()> {
    let pki = TestPki::new()?;
    let directory = pki.path().join("answers");
    fs::create_dir_all(directory.join("api"))?;
    let server = Server::of_files(&pki.identity("api-service"), &directory)?;
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let silent = format!("https://localhost:{}", listener.local_addr()?.port());
    let (client, patient) = (pki.client_calling(&server.url()), pki.client_calling(&silent));
    let (client, patient) = (client.start()?, patient.set("HANDSHAKE_TIMEOUT", "1s").start()?);
    let browser = Browser::start()?;

    browser.open(&client.url("/"))?;
    for (answer, headline) in [
        (
            "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n<garbage>",
            "The API’s answer makes no sense",
        ),
        ("HTTP/1.1 200 OK\r\nContent-Length: 999\r\n\r\n{", "The API’s answer makes no sense"),
        ("HTTP/1.1 500 Oh\r\nContent-Length: 2\r\n\r\n{}", "The API itself failed"),
        ("", "The API itself failed"),
    ] {
        fs::write(directory.join("api/data"), answer)?;
        browser.fetch()?;
        assert_eq!(browser.text("#error h2")?, headline, "{answer:?}");
    }
    browser.open(&patient.url("/"))?;
    browser.fetch()?;

    assert_eq!(browser.text("#error h2")?, "The API took too long");
    Ok(())
}

#[test]
fn a_narrow_phone_scrolls_in_one_direction_only() -> Result<()> {
    let pki = TestPki::new()?;
    let api = pki.api().start()?;
    let client = pki.client(&api).start()?;
    let browser = Browser::start()?;
    browser.resize(320, 640)?;
    browser.open(&client.url("/"))?;
    let before = width(&browser)?;

    browser.fetch()?;
    let with_data = width(&browser)?;
    api.stop()?.good()?;
    browser.fetch()?;
    let with_problem = width(&browser)?;

    assert_eq!([before, with_data, with_problem], [320; 3]);
    Ok(())
}

/// The picture for the README; `UPDATE_SCREENSHOT=1` puts it there.
#[test]
fn the_readmes_picture_is_the_page_after_a_click() -> Result<()> {
    let pki = TestPki::new()?;
    let api = pki.api().start()?;
    let client = pki.client(&api).start()?;
    let browser = Browser::start()?;
    browser.open(&client.url("/"))?;
    browser.fetch()?;
    let height = browser
        .evaluate("return document.getElementById('connection').getBoundingClientRect().bottom")?;
    let height = height.as_f64().unwrap_or_default().ceil() as u32;
    browser.resize(1280, height + 32)?;
    browser.evaluate("document.getAnimations().forEach((animation) => animation.finish())")?;

    let picture = browser.screenshot()?;

    assert!(picture.starts_with(b"\x89PNG"));
    let update = std::env::var_os("UPDATE_SCREENSHOT").is_some();
    let directory = if update { workspace().join("docs") } else { target()? };
    fs::create_dir_all(&directory)?;
    fs::write(directory.join("page.png"), picture)?;
    Ok(())
}

/// A client service of another pki that trusts this pki too.
fn stranger(pki: &TestPki, other_pki: &TestPki) -> Result<Identity> {
    let identity = other_pki.identity("client-service");
    let read = |identity: &Identity| fs::read_to_string(identity.roots());
    let roots = read(&identity)? + &read(&pki.identity("client-service"))?;
    let (chain, key) = (identity.chain(), identity.key());
    let directory = other_pki.path().join("strangers/client-service");
    Identity::write(directory, &fs::read_to_string(chain)?, &fs::read_to_string(key)?, &roots)
}

fn width(browser: &Browser) -> Result<i64> {
    let width = browser.evaluate("return document.documentElement.scrollWidth")?;
    Ok(width.as_i64().unwrap_or_default())
}
