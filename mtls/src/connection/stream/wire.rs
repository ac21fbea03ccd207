//! The TCP stream under TLS. It sees the plain bytes of a handshake: how it begins, and the alert
//! that we send.

use std::io::{IoSlice, Result};
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

use crate::event::alert::Alert;

/// Content types of a TLS record (RFC 8446, section 5.1).
const ALERT: u8 = 21;
const HANDSHAKE: u8 = 22;

/// A handshake message (section 4).
const CLIENT_HELLO: u8 = 1;

/// A TCP stream that remembers what the first bytes in and the last alert out were.
#[derive(Debug)]
pub(crate) struct Wire {
    address: SocketAddr,
    tcp: TcpStream,
    /// Enough for the beginning of a hello, in however small records it comes.
    first: [u8; 64],
    received: usize,
    sent_alert: Option<u8>,
}

impl Wire {
    pub(crate) fn new(tcp: TcpStream, address: SocketAddr) -> Self {
        Self { address, tcp, first: [0; 64], received: 0, sent_alert: None }
    }

    /// The address of the other end.
    pub(crate) fn peer_address(&self) -> SocketAddr {
        self.address
    }

    /// Acknowledges what arrived at once, where the system can.
    ///
    /// A client that gathers small writes (RFC 9293, section 3.7.4) holds back its request until
    /// the end of its handshake was acknowledged. No ticket of ours carries that acknowledgement,
    /// and by itself it would be delayed by 40 ms.
    pub(crate) fn acknowledge(&self) {
        #[cfg(any(target_os = "android", target_os = "linux"))]
        let _ = rustix::net::sockopt::set_tcp_quickack(&self.tcp, true);
    }

    /// The error that ended the connection, if one did, such as a reset.
    pub(super) fn take_error(&self) -> Result<Option<std::io::Error>> {
        self.tcp.take_error()
    }

    /// The plain alert that we sent, if we sent one; an encrypted one looks like data.
    pub(crate) fn sent_alert(&self) -> Option<Alert> {
        self.sent_alert.map(Alert::of)
    }

    /// Whether nothing has arrived.
    pub(crate) fn is_silent(&self) -> bool {
        self.received == 0
    }

    /// Whether what arrived begins as TLS does; nothing at all does not speak against it.
    pub(crate) fn began_as_tls(&self) -> bool {
        match self.first[..self.received.min(2)] {
            [] => true,
            [kind] => kind == HANDSHAKE || kind == ALERT,
            [kind, major, ..] => (kind == HANDSHAKE || kind == ALERT) && major == 3,
        }
    }

    /// Whether the peer's hello names a version below TLS 1.2 as its newest; a client of TLS 1.3
    /// names 1.2 here.
    pub(crate) fn hello_is_too_old(&self) -> bool {
        // The message's type, its length, and the version (RFC 8446, section 4.1.2).
        let mut hello = self.handshake_bytes();
        let header = [0; 4].map(|_: u8| hello.next());
        let version = [hello.next(), hello.next()];
        header[0] == Some(CLIENT_HELLO) && version[1].is_some() && version < [Some(3), Some(3)]
    }

    /// The first bytes that arrived of handshake messages, without the headers of the records
    /// (section 5.1) that they are spread over.
    fn handshake_bytes(&self) -> impl Iterator<Item = u8> {
        let mut rest = &self.first[..self.received.min(self.first.len())];
        let record = move || match *rest {
            [HANDSHAKE, _, _, high, low, ..] => {
                let length = usize::from(u16::from_be_bytes([high, low]));
                let (content, after) = rest[5..].split_at(length.min(rest.len() - 5));
                rest = after;
                Some(content)
            }
            _ => None,
        };
        std::iter::from_fn(record).flatten().copied()
    }

    fn note_received(&mut self, bytes: &[u8]) {
        let begin = self.received.min(self.first.len());
        let wanted = bytes.len().min(self.first.len() - begin);
        self.first[begin..begin + wanted].copy_from_slice(&bytes[..wanted]);
        self.received = self.received.saturating_add(bytes.len());
    }

    fn note_sent(&mut self, bytes: &[u8]) {
        if let [ALERT, _, _, 0, 2, _, description, ..] = bytes {
            self.sent_alert = Some(*description);
        }
    }
}

impl AsyncRead for Wire {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<Result<()>> {
        let before = buffer.filled().len();
        ready!(Pin::new(&mut self.tcp).poll_read(context, buffer))?;
        if self.received < self.first.len() {
            self.note_received(&buffer.filled()[before..]);
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Wire {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<Result<usize>> {
        let written = ready!(Pin::new(&mut self.tcp).poll_write(context, bytes))?;
        self.note_sent(&bytes[..written]);
        Poll::Ready(Ok(written))
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<Result<usize>> {
        let written = ready!(Pin::new(&mut self.tcp).poll_write_vectored(context, slices))?;
        for slice in slices {
            self.note_sent(slice);
        }
        Poll::Ready(Ok(written))
    }

    fn is_write_vectored(&self) -> bool {
        self.tcp.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Result<()>> {
        Pin::new(&mut self.tcp).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Result<()>> {
        Pin::new(&mut self.tcp).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::{TcpListener, TcpStream};

    use super::Wire;

    #[tokio::test]
    async fn what_begins_as_tls_is_told_from_what_does_not() {
        for (bytes, tls) in [
            (&[][..], true),
            (&[22], true),
            (&[22, 3, 1], true),
            (&[21, 3, 3, 0, 2, 2, 40], true),
            (&[22, 4], false),
            (b"G", false),
            (b"GET / HTTP/1.1\r\n", false),
            (&[23, 3, 3], false),
        ] {
            assert_eq!(heard(bytes).await.began_as_tls(), tls, "{bytes:?}");
        }
    }

    #[tokio::test]
    async fn a_hello_below_tls_12_is_too_old() {
        let hello = |version: u8| [22, 3, 1, 0, 9, 1, 0, 0, 5, 3, version, 0, 0, 0];

        for (bytes, too_old) in [
            (&hello(1)[..], true),
            (&hello(2), true),
            (&hello(3), false),
            (&hello(2)[..10], false),
            (&[21, 3, 1, 0, 2, 2, 0, 0, 0, 3, 1], false),
        ] {
            assert_eq!(heard(bytes).await.hello_is_too_old(), too_old, "{bytes:?}");
        }
        for (length, version) in (0..=9).flat_map(|length| [2, 3].map(|version| (length, version)))
        {
            let (message, header) = (&hello(version)[5..], |length| [22, 3, 1, 0, length]);
            let (first, second) = message.split_at(length);
            let split = [&header(length as u8)[..], first, &header(9 - length as u8), second];
            let too_old = heard(&split.concat()).await.hello_is_too_old();
            assert_eq!(too_old, version == 2, "{length}");
        }
        for version in [2, 3] {
            let message = hello(version).into_iter().skip(5);
            let bytes: Vec<u8> = message.flat_map(|byte| [22, 3, 1, 0, 1, byte]).collect();
            assert_eq!(heard(&bytes).await.hello_is_too_old(), version == 2);
        }
    }

    #[tokio::test]
    async fn the_plain_alert_that_was_sent_is_known() {
        let (mut wire, _other) = pair().await;

        assert_eq!(wire.sent_alert(), None);
        wire.write_all(&[22, 3, 3, 0, 1, 0]).await.unwrap();
        assert_eq!(wire.sent_alert(), None);
        wire.write_all(&[21, 3, 3, 0, 2, 2, 48]).await.unwrap();
        assert_eq!(wire.sent_alert().unwrap().name, "unknown_ca");
    }

    #[tokio::test]
    async fn an_encrypted_alert_looks_like_data() {
        let (mut wire, _other) = pair().await;

        wire.write_all(&[23, 3, 3, 0, 19, 2, 48]).await.unwrap();

        assert_eq!(wire.sent_alert(), None);
    }

    /// A wire on which these bytes arrived, in two parts.
    async fn heard(bytes: &[u8]) -> Wire {
        let (mut wire, mut other) = pair().await;
        other.write_all(bytes).await.unwrap();
        other.shutdown().await.unwrap();
        let mut first = [0; 3];
        let _ = wire.read(&mut first).await.unwrap();
        wire.read_to_end(&mut Vec::new()).await.unwrap();
        wire
    }

    async fn pair() -> (Wire, TcpStream) {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let (other, accepted) = tokio::join!(TcpStream::connect(address), listener.accept());
        (Wire::new(accepted.unwrap().0, address), other.unwrap())
    }
}
