//! How the gateway ends: what was begun is finished first, and nothing new is begun.

use anyhow::Result;
use e2e::curl::Answer;
use e2e::gateway::{Gateway, secure};
use e2e::pki::TestPki;
use e2e::reflector::Reflector;

#[test]
fn sigterm_lets_a_slow_request_finish_and_takes_no_other() -> Result<()> {
    let pki = TestPki::new()?;
    let good = pki.identity("client-service");
    for version in ["--http1.1", "--http2"] {
        let reflector = Reflector::start()?;
        let gateway = Gateway::before(&pki, "required", &reflector.url())?;
        let slow = gateway.curl("/wait", &good).with(&[version]).start()?;
        assert_eq!(reflector.next()?, "/wait");

        gateway.service.terminate()?;
        gateway
            .service
            .logged("the end of listening", |line| line["message"] == "stopped listening")?;
        let late = gateway.curl("/", &good).run()?;
        let ready: serde_json::Value = serde_json::from_str(&gateway.service.admin("/readyz")?)?;
        reflector.release()?;
        let answer = Answer::of(slow.end()?)?;

        // 7: nobody listens.
        assert_eq!(late.code, Some(7), "{version}: {late:?}");
        assert_eq!(ready["ready"], false);
        assert_eq!((answer.status, answer.body.as_str()), (200, "late"), "{version}: {answer:?}");
        assert_eq!(gateway.service.end()?.code, Some(0));
    }
    Ok(())
}

#[test]
fn what_does_not_finish_in_time_is_cut_off() -> Result<()> {
    let pki = TestPki::new()?;
    let good = pki.identity("client-service");
    let reflector = Reflector::start()?;
    let config = format!(
        "{}[[route]]\nupstreams = [\"{}\"]\n[limits]\ndrain_timeout = \"500ms\"\n",
        secure("required"),
        reflector.url()
    );
    let gateway = Gateway::start(&pki, &config)?;
    let stuck = gateway.curl("/wait", &good).start()?;
    assert_eq!(reflector.next()?, "/wait");

    let outcome = gateway.service.stop()?;

    assert_eq!(outcome.code, Some(0));
    assert!(outcome.stdout.contains("did not finish within the drain timeout"), "{outcome:?}");
    assert_ne!(stuck.end()?.code, Some(0));
    Ok(())
}
