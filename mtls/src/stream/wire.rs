//! The TCP stream under TLS. It sees the plain bytes of a handshake: how it begins, and the alert
//! that we send.

use std::io::{IoSlice, Result};
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

use crate::alert::Alert;

/// Content types of a TLS record (RFC 8446, section 5.1).
const ALERT: u8 = 21;
const HANDSHAKE: u8 = 22;

/// A TCP stream that remembers what the first bytes in and the last alert out were.
#[derive(Debug)]
pub(crate) struct Wire {
    address: SocketAddr,
    tcp: TcpStream,
    /// The record header, the message header and the version of a hello (RFC 8446, section 4.1.2).
    first: [u8; 11],
    received: usize,
    sent_alert: Option<u8>,
}

impl Wire {
    pub(crate) fn new(tcp: TcpStream, address: SocketAddr) -> Self {
        Self { address, tcp, first: [0; 11], received: 0, sent_alert: None }
    }

    /// The address of the other end.
    pub(crate) fn peer_address(&self) -> SocketAddr {
        self.address
    }

    /// The plain alert that we sent, if we sent one; an encrypted one looks like data.
    pub(crate) fn sent_alert(&self) -> Option<Alert> {
        self.sent_alert.map(Alert::of)
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
        self.received >= 11 && self.first[0] == HANDSHAKE && self.first[9..11] < [3, 3][..]
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
