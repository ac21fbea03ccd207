//! `certs rollover … --wait URL…`, against test services with prepared responses.

use std::{
    fs,
    io::{Read, Write},
    net::{TcpListener, TcpStream},
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::{bad, files, good};

#[test]
fn each_step_waits_until_the_service_shows_what_was_written() {
    let place = tempfile::tempdir().unwrap();
    good(&place, &["init"]);
    let directory = place.path().join("api-service");
    // It reports the old content of its directory, then an error, then the new content.
    let service = |place: &TempDir, arguments: &[&str]| {
        let before = identity(&directory);
        let directory = directory.clone();
        let url = serve(move |asked| match asked {
            0 | 1 => (200, before.to_string()),
            2 => (503, "{}".to_owned()),
            3 => (200, "not JSON".to_owned()),
            _ => (200, identity(&directory).to_string()),
        });
        good(place, &[arguments, &["--wait", &url, &format!("{url}/identity")]].concat())
    };

    for (step, shown) in [
        ("begin", "shows the root mtls-demo authority "),
        ("issue", "shows its new leaf, serial "),
        ("finish", " no more\n"),
    ] {
        let answer = service(&place, &["rollover", step]);

        assert_eq!(answer.matches(shown).count(), 2, "{answer}");
        // A second run polls again.
        let again = service(&place, &["rollover", step]);
        assert_eq!(again.matches(shown).count(), 2, "{again}");
    }

    good(&place, &["rollover", "begin"]);
    good(&place, &["rollover", "issue"]);
    let answer = service(&place, &["rollover", "abort"]);
    for shown in ["shows the root ", "shows its new leaf, serial ", " no more\n"] {
        assert!(answer.contains(shown), "{answer}");
    }
}

#[test]
fn a_service_that_times_out_is_named_with_what_it_shows() {
    let place = tempfile::tempdir().unwrap();
    good(&place, &["init"]);
    let old = identity(&place.path().join("api-service"));
    let serial = old["serialNumber"].as_str().unwrap().to_owned();
    let stuck = serve(move |_| (200, old.to_string()));
    let broken = serve(|_| (500, String::new()));
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let silent_url = format!("http://{}", silent.local_addr().unwrap());
    let closed = {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        format!("http://{}", listener.local_addr().unwrap())
    };
    let started = Instant::now();

    let urls = [&stuck, &broken, &silent_url, &closed].map(String::as_str);
    let end = ["--wait-timeout", "1s"];
    let words = bad_beside_progress(&place, &[&["rollover", "begin", "--wait"], &urls[..], &end]);

    assert!(started.elapsed() < Duration::from_secs(20));
    assert!(words.starts_with("error: after 1s not every service shows what was written: "));
    for expected in [
        format!("{stuck}/identity does not show the root mtls-demo authority "),
        format!("{broken}/identity answers 500 Internal Server Error"),
        format!("{silent_url}/identity does not answer"),
        format!("{closed}/identity cannot be reached (Connection refused"),
        "all files are written: see what those services log, then run the same command again"
            .to_owned(),
    ] {
        assert!(words.contains(&expected), "{expected} in {words}");
    }
    assert!(good(&place, &["rollover", "status"]).contains("begun: both roots"));

    let begin = ["rollover", "issue", "--wait", &stuck, "--wait-timeout", "1s"];
    let words = bad_beside_progress(&place, &[&begin]);
    let expected = format!("still shows a leaf that was not issued now, serial {serial}");
    assert!(words.contains(&expected), "{words}");
}

#[test]
fn all_invalid_arguments_are_reported_before_anything_is_written() {
    let place = tempfile::tempdir().unwrap();
    good(&place, &["init"]);
    let before = files(place.path());

    let words = bad(
        &place,
        1,
        &["rollover", "begin", "--wait", "https://a:9000", "a:9000", "--wait-timeout", "soon"],
    );

    let lines: Vec<&str> = words.lines().collect();
    assert_eq!(lines.len(), 3, "{words}");
    assert!(lines[0].contains("\"soon\" is not a lifetime"), "{words}");
    assert!(lines[1].contains("--wait \"https://a:9000\" is not an admin address"), "{words}");
    assert!(lines[2].contains("--wait \"a:9000\" is not an admin address"), "{words}");
    assert_eq!(files(place.path()), before);
}

fn bad_beside_progress(place: &TempDir, arguments: &[&[&str]]) -> String {
    let output = crate::run(place, &arguments.concat());
    assert_eq!(output.status.code(), Some(1));
    String::from_utf8(output.stderr).unwrap()
}

/// The fields of `/identity` that matter here, for a service with this directory.
fn identity(directory: &std::path::Path) -> Value {
    let read = |file: &str| {
        let text = fs::read_to_string(directory.join(file)).unwrap();
        authority::Certificate::read_all(&text).unwrap()
    };
    let roots = read("ca.crt");
    let roots = roots.iter().map(|root| json!({ "fingerprint256": root.fingerprint256() }));
    json!({
        "serialNumber": read("tls.crt")[0].serial().to_string(),
        "roots": roots.collect::<Vec<Value>>(),
        "daysLeft": 29,
    })
}

/// Responds to each request with what `answer` returns for its number, until the test ends.
fn serve(answer: impl Fn(usize) -> (u16, String) + Send + Sync + 'static) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let answer = Arc::new(answer);
    thread::spawn(move || {
        for (asked, stream) in listener.incoming().enumerate() {
            let _ = reply(stream.unwrap(), answer(asked));
        }
    });
    url
}

fn reply(mut stream: TcpStream, (status, body): (u16, String)) -> std::io::Result<()> {
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") {
        stream.read_exact(&mut byte)?;
        head.extend_from_slice(&byte);
    }
    assert!(head.starts_with(b"GET /identity HTTP/1.1\r\n"));
    write!(
        stream,
        "HTTP/1.1 {status} {}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}",
        if status == 200 { "OK" } else { "Internal Server Error" },
        body.len()
    )
}
