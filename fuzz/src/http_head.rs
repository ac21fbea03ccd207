//! Request heads, through a running gateway: what the gateway forwards has one meaning, and no
//! spoofed identity.
//!
//! `/admin` leads to one upstream and the rest to another, so a path that some server reads as
//! `/admin` must never arrive at the other.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{LazyLock, Mutex, PoisonError};
use std::thread::spawn;
use std::time::{Duration, Instant};

use gateway::headers::forged::is_forged;
use http::HeaderName;
use service_kit::process;

use crate::request_path::is_read_as_admin;

/// The gateway's listener.
static GATEWAY: LazyLock<SocketAddr> = LazyLock::new(start);

/// The heads that arrived at the upstream of all paths except `/admin`.
static ARRIVED: Mutex<Vec<Vec<u8>>> = Mutex::new(Vec::new());

pub fn body(data: &[u8]) {
    // The next request ends the connection, unless the input makes it a part of itself.
    send(&[data, GOOD].concat(), Duration::from_millis(200));
    let good = send(GOOD, PATIENCE);
    assert!(good.starts_with(b"HTTP/1.1 200 "), "{}", String::from_utf8_lossy(&good));
    let heads = std::mem::take(&mut *ARRIVED.lock().unwrap_or_else(PoisonError::into_inner));
    heads.iter().for_each(|head| is_sound(head));
}

pub fn seeds() -> Vec<Vec<u8>> {
    [
        "GET /a/b;c=d/e?f HTTP/1.1\r\nHost: localhost\r\nX-Forwarded-For: 1\r\n\r\n",
        "GET /%61dmin/../x HTTP/1.1\r\nHost: localhost:8080\r\nX-SSL-Client-CN: x\r\n\r\n",
        "GET /;/admin/x HTTP/1.1\r\nHost: localhost\r\n\r\n",
        "GET http://localhost/x//admin HTTP/1.1\r\nHost: localhost\r\n\r\n",
        "POST /x HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\n\r\nabcde",
        "POST /x HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nTE: trailers\r\n\r\n5\r\nabcde\r\n0\r\na: b\r\n\r\n",
        "GET /a HTTP/1.1\r\nHost: localhost\r\nConnection: x-y\r\nX-Y: 1\r\nCookie: a\r\n\r\nGET /b HTTP/1.1\r\nHost: localhost\r\n\r\n",
    ]
    .map(|head| head.as_bytes().to_vec())
    .to_vec()
}

fn is_sound(head: &[u8]) {
    let text = String::from_utf8_lossy(head);
    let (line, fields) = text.split_once("\r\n").expect("a head must have a first line");
    let [_, target, "HTTP/1.1"] = line.split(' ').collect::<Vec<_>>()[..] else {
        panic!("{line:?} arrived");
    };
    let path = target.split('?').next().unwrap_or_default();
    assert!(!is_read_as_admin(path), "{target} arrived");
    let fields: Vec<(&str, &str)> = fields
        .lines()
        .filter(|line| !line.is_empty())
        .map(|line| line.split_once(": ").expect("a field must have a name"))
        .collect();
    let values = |wanted: &str| -> Vec<&str> {
        let of_it = fields.iter().filter(|(name, _)| name.eq_ignore_ascii_case(wanted));
        of_it.map(|(_, value)| *value).collect()
    };
    for (name, _) in &fields {
        let name = HeaderName::from_bytes(name.as_bytes()).expect("it must be a name");
        assert!(!is_forged(&name), "{name} arrived");
    }
    assert_eq!(values("host").len(), 1, "{text}");
    match (&values("content-length")[..], &values("transfer-encoding")[..]) {
        ([], [] | ["chunked"]) => {}
        ([length], []) => assert!(length.bytes().all(|b| b.is_ascii_digit()), "{text}"),
        _ => panic!("two ends of one body: {text}"),
    }
}

/// Sends bytes, and returns the response when nothing arrives for this long.
fn send(data: &[u8], patience: Duration) -> Vec<u8> {
    let mut stream = TcpStream::connect(*GATEWAY).expect("the gateway must take it");
    stream.set_read_timeout(Some(patience)).expect("a time limit must be set");
    let mut answer = Vec::new();
    // A gateway that refuses may close before everything was sent.
    let _ = stream.write_all(data);
    let _ = stream.read_to_end(&mut answer);
    answer
}

/// An upstream that answers one request on each connection, and records its head.
fn upstream(keep: impl Fn(Vec<u8>) + Clone + Send + 'static) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port must be free");
    let address = listener.local_addr().expect("it must have an address");
    spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let keep = keep.clone();
            spawn(move || {
                let _ = stream.set_read_timeout(Some(PATIENCE));
                let (mut head, mut byte) = (Vec::new(), [0]);
                while !head.ends_with(b"\r\n\r\n") && stream.read(&mut byte).is_ok_and(|n| n == 1) {
                    head.extend(byte);
                }
                keep(head);
                let answer = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
                let _ = stream.write_all(answer).and_then(|()| stream.shutdown(Shutdown::Write));
                let _ = stream.read_to_end(&mut Vec::new());
            });
        }
    });
    address
}

fn start() -> SocketAddr {
    let others = upstream(|head| {
        if !head.is_empty() {
            ARRIVED.lock().unwrap_or_else(PoisonError::into_inner).push(head);
        }
    });
    let admin = upstream(drop);
    let free = TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr());
    let address = free.expect("a port must be free");
    let place = tempfile::tempdir().expect("there must be a directory").keep();
    let file = place.join("gateway.toml");
    let headers = "identity_headers = { client_cert = false, client_cert_chain = false, x_forwarded_client_cert = false, x_forwarded = false }";
    let config = format!(
        "[admin]\nlisten = \"127.0.0.1:0\"\n\
         [[listener]]\nname = \"plain\"\nplain = true\nlisten = \"{address}\"\n\
         [[route]]\nname = \"admin\"\npath_prefix = \"/admin\"\nanonymous = true\nupstreams = [\"http://{admin}\"]\n\
         [[route]]\nname = \"others\"\nanonymous = true\nupstreams = [\"http://{others}\"]\n{headers}\n"
    );
    std::fs::write(&file, config).expect("it must be written");
    let settings = gateway::Settings::check(file, "text", "off");
    let settings = settings.unwrap_or_else(|problems| panic!("{problems}"));
    let (stop, shutdown) = process::Shutdown::channel();
    spawn(move || {
        let runtime = tokio::runtime::Runtime::new().expect("there must be a runtime");
        let _stop = stop;
        runtime.block_on(gateway::serve(settings, shutdown)).expect("the gateway must serve");
    });
    let deadline = Instant::now() + PATIENCE;
    while TcpStream::connect(address).is_err() {
        assert!(Instant::now() < deadline, "the gateway does not listen");
        std::thread::yield_now();
    }
    address
}

const GOOD: &[u8] = b"GET /fine HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
const PATIENCE: Duration = Duration::from_secs(5);
