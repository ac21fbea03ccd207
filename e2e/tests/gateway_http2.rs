//! HTTP/2 as RFC 9113 has it: each way to break its rules, made of PyPI's `hyperframe` and `hpack`,
//! gets the answer that the RFC asks for, and does no harm to others.
//!
//! The frames are read by hyper's `h2`. Where it answers otherwise than the RFC has it, that is
//! written down here too, so that a change is seen.

use std::collections::BTreeMap;

use anyhow::Result;
use e2e::gateway::Gateway;
use e2e::httpbin::Httpbin;
use e2e::pki::TestPki;
use e2e::program::Program;
use e2e::python;

#[test]
fn violations_of_http2_get_the_rfcs_error_and_others_are_still_served() -> Result<()> {
    let pki = TestPki::new()?;
    let httpbin = Httpbin::start()?;
    let gateway = Gateway::before(&pki, "required", &httpbin.url())?;
    let good = pki.identity("client-service");
    let mut command = python::script("http2_violations.py")?;
    command.arg(gateway.service.address.port().to_string()).arg(good.directory());

    let said = Program::run(&mut command, "python3", b"")?.good()?.stdout;
    let shown: BTreeMap<String, String> = serde_json::from_str(&said)?;

    let by_the_rfc = AS_THE_RFC_HAS_IT
        .iter()
        .flat_map(|(answer, names)| names.iter().map(move |name| (*name, *answer)));
    let otherwise = OTHERWISE.iter().map(|(name, _, ours)| (*name, *ours));
    let expected: BTreeMap<String, String> = by_the_rfc
        .chain(otherwise)
        .map(|(name, answer)| (name.to_owned(), answer.to_owned()))
        .collect();
    assert_eq!(shown, expected);
    assert_eq!(gateway.curl("/get", &good).with(&["--http2"]).run()?.status, 200);
    let memory = gateway.peak_memory()?;
    assert!(memory < 64 * 1024, "{memory} KiB");
    Ok(())
}

/// GOAWAY ends the connection and RST_STREAM the stream, with a code of section 7:
/// 1 PROTOCOL_ERROR, 3 FLOW_CONTROL_ERROR, 5 STREAM_CLOSED, 6 FRAME_SIZE_ERROR,
/// 7 REFUSED_STREAM, 9 COMPRESSION_ERROR, 11 ENHANCE_YOUR_CALM. A side that may end a stream may end the connection too (section 5.4).
const AS_THE_RFC_HAS_IT: &[(&str, &[&str])] = &[
    (
        "status 200",
        &[
            "nothing wrong",
            // What is unknown is ignored (sections 4.1, 5.5 and 6.5.2).
            "a frame of an unknown kind",
            "an unknown setting",
            "the reserved bit",
            "unknown flags",
        ],
    ),
    ("status 431", &["a head that is larger than allowed"]),
    ("closed", &["no preface"]),
    (
        "GOAWAY 1",
        &[
            "CONTINUATION after END_HEADERS",
            "DATA on an idle stream",
            "DATA on stream 0",
            "ENABLE_PUSH of 2",
            "GOAWAY on a stream",
            "HEADERS on stream 0",
            "MAX_FRAME_SIZE of 1",
            "PING on a stream",
            "PUSH_PROMISE from a client",
            "RST_STREAM on an idle stream",
            "SETTINGS on a stream",
            "WINDOW_UPDATE of 0",
            "WINDOW_UPDATE of 0 on a stream",
            "WINDOW_UPDATE on an idle stream",
            "a block broken by another frame",
            "a block continued on another stream",
            "a field name in upper case",
            "a line break in a value",
            "a stream with a lower number",
            "a stream with an even number",
            "an unknown pseudo-header",
            "padding longer than DATA",
        ],
    ),
    ("GOAWAY 3", &["a window over 2^31-1"]),
    ("GOAWAY 6", &["a frame larger than SETTINGS_MAX_FRAME_SIZE"]),
    ("GOAWAY 11", &["a flood of CONTINUATION", "a flood of streams that are reset at once"]),
    (
        "RST_STREAM 1",
        &[
            "DATA longer than Content-Length",
            "DATA shorter than Content-Length",
            "HEADERS without an end after DATA",
            "TE that is not trailers",
            "Transfer-Encoding",
            "a field of the connection",
            "a pseudo-header after a field",
            "a pseudo-header of answers",
            "a pseudo-header twice",
            "a stream that depends on itself",
            "an empty :path",
            "no :method",
            "no :path",
            "no :scheme",
        ],
    ),
    ("RST_STREAM 3", &["a stream's window over 2^31-1"]),
    ("RST_STREAM 7", &["more streams than SETTINGS_MAX_CONCURRENT_STREAMS"]),
];

/// What is broken, what the RFC asks for, and what `h2` does: the error is another, or it hears no
/// error where nothing is lost.
const OTHERWISE: &[(&str, &str, &str)] = &[
    ("DATA after END_STREAM", "RST_STREAM 5", "GOAWAY 1"),
    ("INITIAL_WINDOW_SIZE over 2^31-1", "GOAWAY 3", "GOAWAY 1"),
    ("PING of 7 bytes", "GOAWAY 6", "GOAWAY 1"),
    ("PRIORITY of 4 bytes", "RST_STREAM 6", "GOAWAY 1"),
    ("RST_STREAM of 3 bytes", "GOAWAY 6", "GOAWAY 1"),
    ("SETTINGS acknowledged with a payload", "GOAWAY 6", "GOAWAY 1"),
    ("SETTINGS of 5 bytes", "GOAWAY 6", "GOAWAY 1"),
    ("WINDOW_UPDATE of 3 bytes", "GOAWAY 6", "GOAWAY 1"),
    ("a field block that is no HPACK", "GOAWAY 9", "GOAWAY 1"),
    ("a preface without SETTINGS", "GOAWAY 1", "nothing"),
    // It is left out, and the request goes on without it.
    ("a pseudo-header in trailers", "RST_STREAM 1", "status 405"),
];
