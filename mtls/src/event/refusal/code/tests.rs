//! The page of refusals is what the enum says.

use std::fmt::Write;
use std::path::Path;

use super::Code;
use crate::event::alert::Alert;

#[test]
fn the_name_in_logs_is_the_name_in_json() {
    for code in Code::ALL {
        assert_eq!(serde_json::to_value(code).unwrap(), code.as_str());
    }
}

/// `UPDATE_DOCS=1` writes it.
#[test]
fn the_page_of_refusals_is_up_to_date() {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/refusals.md");

    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(&page, written()).unwrap();
    }

    let hint = "UPDATE_DOCS=1 cargo test -p mtls the_page_of_refusals writes it anew";
    assert_eq!(std::fs::read_to_string(page).unwrap(), written(), "{hint}");
}

fn written() -> String {
    let mut text = PREFACE.to_owned();
    for code in Code::ALL {
        let (name, sentence, remedy) = (code.as_str(), code.sentence(), code.remedy());
        let alert = alert(code);
        let sent = alert.map_or_else(|| "none of its own".to_owned(), |a| format!("`{a}`"));
        let shown = alert.map_or_else(String::new, |alert| format!(" alert=\"{alert}\""));
        write!(
            text,
            "\n## {name}\n\n\
             - **Meaning:** {sentence}.\n\
             - **Remedy:** {remedy}.\n\
             - **Alert to the peer:** {sent}.\n\n\
             ```\nWARN refused: {sentence} peer=192.0.2.7:41234 code=\"{name}\"{shown} remedy=\"{remedy}\"\n```\n",
        )
        .unwrap();
    }
    text
}

/// The alert that a code has by itself; of others it depends on the case.
fn alert(code: Code) -> Option<Alert> {
    let error = match code {
        Code::NoCertificate => rustls::Error::NoCertificatesPresented,
        Code::NoCommonProtocol => rustls::Error::NoApplicationProtocol,
        Code::TooManyConnections => return Some(Alert::of(Alert::INTERNAL_ERROR)),
        Code::ConnectionLost
        | Code::HandshakeTimeout
        | Code::HeaderTimeout
        | Code::NotAllowed
        | Code::NotTls
        | Code::ProtocolError
        | Code::RefusedByPeer
        | Code::TooManyResets
        | Code::UnsupportedAlgorithm
        | Code::UnsupportedVersion => return None,
        _ => rustls::Error::InvalidCertificate(code.certificate_error()),
    };
    Alert::sent_for(&error)
}

const PREFACE: &str = "\
# Refusals

Each rejected handshake or request has a code, which is the same in the log, in the metric `mtls_refusals_total`, in `/handshakes`, in
problems (RFC 9457) and on the page. A log line adds what is particular to the case after the sentence: whose certificate, which
name, since when. Where TLS has no alert for a reason, the peer gets `certificate_unknown`. This page is generated from the code by a
test; the words are explained in the [glossary](glossary.md).
";
