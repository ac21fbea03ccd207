//! A gateway that runs, with a service behind it that answers and one that does not.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use authority::{Authority, AuthorityRequest, Leaf, LeafRequest, RevocationListRequest, Usage};
use bytes::Bytes;
use http::Request;
use http_body_util::{BodyExt, Empty};
use mtls::client::{Client, ConnectOptions};
use mtls::connection::Connections;
use mtls::credentials::CredentialStore;
use mtls::event::Events;
use mtls::limits::Limits;
use mtls::pki::role::Role;
use mtls::pki::trust::Revocation;
use serde_json::Value;
use tempfile::TempDir;
use time::OffsetDateTime;

pub(crate) struct DashboardFixture {
    admin: SocketAddr,
    authority: Authority,
    directory: TempDir,
    gateway: Child,
}

/// A caller with a certificate.
pub(crate) struct TestClient {
    client: Client<Empty<Bytes>>,
    secure: String,
}

pub(crate) struct Answer {
    pub(crate) body: String,
    /// Lower case, each field ended by CR and LF.
    pub(crate) head: String,
    pub(crate) status: u16,
}

impl DashboardFixture {
    pub(crate) fn open() -> Self {
        let authority = Authority::generate(&AuthorityRequest::default()).unwrap();
        let directory = tempfile::tempdir().unwrap();
        let now = OffsetDateTime::now_utc();
        let request = LeafRequest::new("gateway").dns("localhost").usage(Usage::Both);
        let request = request.not_before(now - time::Duration::days(27));
        let request = request.not_after(now + time::Duration::hours(60));
        let own = authority.issue(&request).unwrap();
        let identity = keep(&authority, &own, directory.path().join("gateway"));
        let file = directory.path().join("gateway.toml");
        fs::write(&file, config(&identity.display().to_string(), service(), nobody())).unwrap();

        let mut gateway = Command::new(env!("CARGO_BIN_EXE_gateway"))
            .args(["--log-format", "json", "--config"])
            .arg(&file)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let log = BufReader::new(gateway.stdout.take().unwrap());
        let mut lines = log.lines().map_while(Result::ok);
        let admin = lines.find_map(|line| {
            let line: Value = serde_json::from_str(&line).unwrap();
            let shown = line["message"] == "admin is listening";
            shown.then(|| line["address"].as_str().unwrap().parse().unwrap())
        });
        thread::spawn(move || lines.for_each(drop));
        Self { admin: admin.unwrap(), authority, directory, gateway }
    }

    pub(crate) fn get(&self, path: &str, host: &str) -> Answer {
        let mut socket = TcpStream::connect(self.admin).unwrap();
        let request = format!("GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
        socket.write_all(request.as_bytes()).unwrap();
        let mut answer = String::new();
        socket.read_to_string(&mut answer).unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        let status = head.get(9..12).unwrap().parse().unwrap();
        Answer { body: body.to_owned(), head: format!("{}\r\n", head.to_lowercase()), status }
    }

    pub(crate) fn state(&self) -> Value {
        serde_json::from_str(&self.get("/state", "localhost").body).unwrap()
    }

    /// A caller whose certificate has this common name.
    pub(crate) fn caller(&self, name: &str) -> TestClient {
        let leaf = self.authority.issue(&LeafRequest::new(name)).unwrap();
        let own = self.directory.path().join(leaf.serial().to_string());
        let own = keep(&self.authority, &leaf, own);
        let store = CredentialStore::load(own, &[Role::Client], Revocation::Checked).unwrap();
        let address: SocketAddr =
            self.state()["listeners"][0]["address"].as_str().unwrap().parse().unwrap();
        let client = Client::new(
            Arc::new(store),
            ConnectOptions::default(),
            &Limits::default(),
            Connections::new(Events::new(0)),
        );
        TestClient { client, secure: format!("https://localhost:{}", address.port()) }
    }

    /// Has the gateway's file say something else.
    pub(crate) fn rewrite(&self, content: &str) {
        fs::write(self.directory.path().join("gateway.toml"), content).unwrap();
    }
}

impl Drop for DashboardFixture {
    fn drop(&mut self) {
        let _ = self.gateway.kill();
        let _ = self.gateway.wait();
    }
}

impl TestClient {
    /// The status of the answer.
    pub(crate) async fn ask(&self, path: &str) -> u16 {
        let request = Request::get(format!("{}{path}", self.secure)).body(Empty::new()).unwrap();
        let answer = self.client.request(request).await.unwrap();
        let status = answer.status().as_u16();
        answer.into_body().collect().await.unwrap();
        status
    }
}

pub(crate) fn eventually<T>(mut look: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + Duration::from_secs(20);
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(Instant::now() < deadline, "it did not come to that in time");
        thread::sleep(Duration::from_millis(20));
    }
}

fn keep(authority: &Authority, leaf: &Leaf, directory: PathBuf) -> PathBuf {
    fs::create_dir(&directory).unwrap();
    let list = authority.revocation_list(&RevocationListRequest::new(1)).unwrap();
    for (name, content) in [
        ("tls.crt", leaf.chain_pem().as_str()),
        ("tls.key", &leaf.key_pem()),
        ("ca.crt", authority.root().pem()),
        ("ca.crl", list.pem()),
    ] {
        fs::write(directory.join(name), content).unwrap();
    }
    directory
}

/// A service that says yes to everything.
fn service() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for socket in listener.incoming() {
            let mut reader = BufReader::new(socket.unwrap());
            let mut line = String::new();
            while reader.read_line(&mut line).is_ok_and(|length| length > 2) {
                line.clear();
            }
            let answer = b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
            let _ = reader.into_inner().write_all(answer);
        }
    });
    address
}

/// An address where nobody listens.
fn nobody() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
}

fn config(identity: &str, live: SocketAddr, dead: SocketAddr) -> String {
    format!(
        r#"
[admin]
listen = "127.0.0.1:0"

[[listener]]
name = "secure"
listen = "127.0.0.1:0"
identity = "{identity}"

[[listener]]
name = "lenient"
listen = "127.0.0.2:0"
identity = "{identity}"
client_certificates = "optional"

[[listener]]
name = "open"
listen = "127.0.0.3:0"
identity = "{identity}"
client_certificates = "off"

[[listener]]
name = "redirect"
listen = "127.0.0.4:0"
redirect_to_https = 8443

[[listener]]
name = "plain"
listen = "127.0.0.5:0"
plain = true

[[route]]
name = "live"
listeners = ["secure"]
path_prefix = "/live"
upstreams = ["http://{live}"]
allow = [{{ common_name = "good" }}]

[[route]]
listeners = ["secure", "lenient"]
path_prefix = "/dead"
upstreams = ["http://{dead}"]
[route.identity_headers]
client_cert = false
client_cert_chain = false
forwarded = true
x_forwarded = false
x_forwarded_client_cert = false

[[route]]
name = "open"
listeners = ["open", "plain"]
anonymous = true
upstreams = ["http://{live}"]
"#
    )
}
