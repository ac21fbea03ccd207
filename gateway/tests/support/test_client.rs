//! Clients: raw bytes over TCP or over OpenSSL's TLS, and a client of ours.

use std::net::SocketAddr;
use std::os::fd::OwnedFd;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use http_body::Body;
use mtls::client::{Client, ConnectOptions, Protocol};
use mtls::connection::Connections;
use mtls::credentials::CredentialStore;
use mtls::event::Events;
use mtls::limits::Limits;
use mtls::pki::role::Role;
use mtls::pki::trust::Revocation;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpStream, UnixStream};

use super::{Message, Talk, within};

/// A client that sends any bytes.
pub(crate) struct TestClient {
    pub(crate) talk: Talk<Box<dyn Stream>>,
    // OpenSSL, where it carries the bytes.
    tls: Option<Child>,
}

pub(crate) trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}
impl<S: AsyncRead + AsyncWrite + Send + Unpin> Stream for S {}

/// How the other end ends a connection.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum End {
    Closed,
    /// It is still open after five seconds.
    Open,
    Reset,
}

impl TestClient {
    /// One without TLS.
    pub(crate) async fn to(address: SocketAddr) -> Self {
        let tcp = TcpStream::connect(address).await.unwrap();
        tcp.set_nodelay(true).unwrap();
        Self { talk: Talk::new(Box::new(tcp)), tls: None }
    }

    /// One that presents the certificate of a directory, with the HTTP version `alpn`.
    pub(crate) fn presenting(identity: &Path, address: SocketAddr, alpn: &str) -> Self {
        let (ours, theirs) = std::os::unix::net::UnixStream::pair().unwrap();
        let input = OwnedFd::from(theirs.try_clone().unwrap());
        let child = Command::new("openssl")
            .args(["s_client", "-quiet", "-noservername", "-alpn", alpn])
            .args(["-connect", &address.to_string()])
            .arg("-cert")
            .arg(identity.join("tls.crt"))
            .arg("-key")
            .arg(identity.join("tls.key"))
            .stdin(Stdio::from(input))
            .stdout(Stdio::from(OwnedFd::from(theirs)))
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        ours.set_nonblocking(true).unwrap();
        let stream = UnixStream::from_std(ours).unwrap();
        Self { talk: Talk::new(Box::new(stream)), tls: Some(child) }
    }

    pub(crate) async fn send(&mut self, bytes: impl AsRef<[u8]>) {
        self.talk.send(bytes).await;
    }

    /// A complete response, which must arrive.
    pub(crate) async fn answer(&mut self) -> Message {
        within("an answer", self.talk.answer(false)).await.unwrap()
    }

    /// A complete response; none where the connection ends before.
    pub(crate) async fn try_answer(&mut self) -> Option<Message> {
        within("an answer or an end", self.talk.answer(false)).await
    }

    /// The remaining bytes, and how the connection ends.
    pub(crate) async fn end(&mut self) -> (String, End) {
        let ended = tokio::time::timeout(Duration::from_secs(5), self.talk.rest()).await;
        let (rest, end) = match ended {
            Ok((rest, None)) => (rest, End::Closed),
            Ok((rest, Some(_))) => (rest, End::Reset),
            Err(_) => (Vec::new(), End::Open),
        };
        (String::from_utf8_lossy(&rest).into_owned(), end)
    }

    /// Shuts down the sending side.
    pub(crate) async fn finish(&mut self) {
        let _ = self.talk.stream.shutdown().await;
    }

    /// One request on a new connection, and its response.
    pub(crate) async fn exchange(
        address: SocketAddr,
        request: impl AsRef<[u8]>,
    ) -> Option<Message> {
        let mut client = Self::to(address).await;
        client.send(request).await;
        client.try_answer().await
    }
}

impl Drop for TestClient {
    fn drop(&mut self) {
        if let Some(tls) = &mut self.tls {
            let _ = tls.kill();
            let _ = tls.wait();
        }
    }
}

/// A client of ours with the certificate of a directory, which dials `address` and expects the
/// gateway there.
pub(crate) fn client<B>(identity: &Path, address: SocketAddr, protocol: Protocol) -> Client<B>
where
    B: Body + Send + Unpin + 'static,
    B::Data: Send,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let store =
        CredentialStore::load(identity.to_owned(), &[Role::Client], Revocation::Off).unwrap();
    let dial = Some(address.to_string().parse().unwrap());
    let options =
        ConnectOptions::with(|options| (options.dial, options.protocol) = (dial, protocol));
    let connections = Connections::new(Events::new(0));
    Client::new(Arc::new(store), options, &Limits::default(), connections)
}
