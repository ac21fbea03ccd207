//! HTTP/2 in raw frames, over the TLS of a foreign client.

use std::io::Result;
use std::net::SocketAddr;

use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio_rustls::client::TlsStream;

use super::frame::{Frame, frame, preface};
use super::{ForeignClient, within};

/// A connection on which each frame is written by hand.
pub(crate) struct Http2(TlsStream<TcpStream>);

impl Http2 {
    pub(crate) const DATA: u8 = 0;

    /// A connection whose streams have an initial window of `window` bytes.
    pub(crate) async fn open(
        foreign_client: ForeignClient,
        address: SocketAddr,
        window: u32,
    ) -> Self {
        let tls =
            foreign_client.offering(&["h2"]).connect(address).await.expect("it must be accepted");
        let mut connection = Self(tls);
        connection.0.write_all(&preface(window)).await.expect("it must be open");
        connection.0.flush().await.expect("it must be open");
        connection
    }

    pub(crate) async fn send(
        &mut self,
        kind: u8,
        flags: u8,
        stream: u32,
        payload: &[u8],
    ) -> Result<()> {
        self.0.write_all(&frame(kind, flags, stream, payload)).await?;
        self.0.flush().await
    }

    /// `GET https://localhost/`, with names of the static table.
    pub(crate) async fn get(&mut self, stream: u32) {
        let head = [&[0x82, 0x87, 0x84, 0x41, 9], b"localhost".as_slice()].concat();
        self.send(1, 5, stream, &head).await.expect("it must be open");
    }

    /// The next frame's type, stream and length; none once the connection is closed.
    pub(crate) async fn frame(&mut self) -> Option<(u8, u32, usize)> {
        let frame = within("a frame", Frame::read(&mut self.0)).await?;
        Some((frame.kind, frame.stream, frame.payload.len()))
    }

    /// Waits for a frame of this type on a stream; returns whether it arrived.
    pub(crate) async fn receives(&mut self, kind: u8, stream: u32) -> bool {
        while let Some((its, of, _)) = self.frame().await {
            if (its, of) == (kind, stream) {
                return true;
            }
        }
        false
    }
}
