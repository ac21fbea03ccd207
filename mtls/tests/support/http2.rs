//! HTTP/2 in raw frames, over the TLS of a foreign client.

use std::io::Result;
use std::net::SocketAddr;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::client::TlsStream;

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
        // SETTINGS_INITIAL_WINDOW_SIZE (RFC 9113, section 6.5.2).
        let settings = [&[0, 4], window.to_be_bytes().as_slice()].concat();
        connection.0.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").await.expect("it must be open");
        connection.send(4, 0, 0, &settings).await.expect("it must be open");
        connection
    }

    pub(crate) async fn send(
        &mut self,
        kind: u8,
        flags: u8,
        stream: u32,
        payload: &[u8],
    ) -> Result<()> {
        let length = u32::try_from(payload.len()).expect("it must be short").to_be_bytes();
        let head = [&length[1..], &[kind, flags], &stream.to_be_bytes()].concat();
        self.0.write_all(&[&head, payload].concat()).await?;
        self.0.flush().await
    }

    /// `GET https://localhost/`, with names of the static table.
    pub(crate) async fn get(&mut self, stream: u32) {
        let head = [&[0x82, 0x87, 0x84, 0x41, 9], b"localhost".as_slice()].concat();
        self.send(1, 5, stream, &head).await.expect("it must be open");
    }

    /// The next frame's type, stream and length; none once the connection is closed.
    pub(crate) async fn frame(&mut self) -> Option<(u8, u32, usize)> {
        within("a frame", async {
            let mut head = [0; 9];
            self.0.read_exact(&mut head).await.ok()?;
            let length = u32::from_be_bytes([0, head[0], head[1], head[2]]);
            let length = usize::try_from(length).ok()?;
            self.0.read_exact(&mut vec![0; length]).await.ok()?;
            let stream = u32::from_be_bytes([head[5], head[6], head[7], head[8]]);
            Some((head[3], stream, length))
        })
        .await
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
