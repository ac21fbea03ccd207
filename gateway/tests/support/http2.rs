//! HTTP/2 by raw frames: a client that ignores what the server asks for.

use std::net::SocketAddr;
use std::path::Path;

use super::frame::{Frame, frame, preface};
use super::{TestClient, within};

/// A connection of HTTP/2, of which each frame is written by hand.
pub(crate) struct Http2 {
    client: TestClient,
    next_stream: u32,
}

impl Http2 {
    pub(crate) const DATA: u8 = 0;
    pub(crate) const HEADERS: u8 = 1;
    pub(crate) const RESET: u8 = 3;
    pub(crate) const PING: u8 = 6;
    pub(crate) const GOAWAY: u8 = 7;
    pub(crate) const WINDOW_UPDATE: u8 = 8;

    /// A connection that shows a certificate; each of its streams takes `window` bytes at first.
    pub(crate) async fn presenting(identity: &Path, address: SocketAddr, window: u32) -> Self {
        let mut client = TestClient::presenting(identity, address, "h2");
        client.send(preface(window)).await;
        Self { client, next_stream: 1 }
    }

    pub(crate) async fn send(&mut self, kind: u8, flags: u8, stream: u32, payload: &[u8]) {
        self.client.send(frame(kind, flags, stream, payload)).await;
    }

    /// Asks for a path of localhost on a new stream.
    pub(crate) async fn get(&mut self, path: &str) -> u32 {
        let stream = self.next_stream;
        self.next_stream += 2;
        let fields = [
            (":method", "GET"),
            (":scheme", "https"),
            (":path", path),
            (":authority", "localhost"),
        ];
        self.send(Self::HEADERS, 5, stream, &block(&fields)).await;
        stream
    }

    /// Takes a request back.
    pub(crate) async fn reset(&mut self, stream: u32) {
        self.send(Self::RESET, 0, stream, &8_u32.to_be_bytes()).await;
    }

    /// Takes so many bytes more of a stream, or of the connection, which is stream 0.
    pub(crate) async fn take(&mut self, stream: u32, bytes: u32) {
        self.send(Self::WINDOW_UPDATE, 0, stream, &bytes.to_be_bytes()).await;
    }

    /// The next frame; none once the connection has ended.
    pub(crate) async fn frame(&mut self) -> Option<Frame> {
        within("a frame", Frame::read(&mut self.client.talk.stream)).await
    }

    /// The next frame of this kind on this stream, which must come.
    pub(crate) async fn frame_of(&mut self, kind: u8, stream: u32) -> Frame {
        loop {
            let frame = self.frame().await.expect("the connection must not end before");
            if frame.kind == kind && frame.stream == stream {
                return frame;
            }
        }
    }

    /// Waits until a frame of this kind came on each of these streams, in any order.
    pub(crate) async fn frames_of(&mut self, kind: u8, streams: &[u32]) {
        let mut missing = streams.to_vec();
        while !missing.is_empty() {
            let frame = self.frame().await.expect("the connection must not end before");
            missing.retain(|stream| frame.kind != kind || frame.stream != *stream);
        }
    }

    /// Reads until the connection ends.
    pub(crate) async fn end(&mut self) {
        while self.frame().await.is_some() {}
    }
}

/// Fields as literals without indexing (RFC 7541, section 6.2.2).
pub(crate) fn block(fields: &[(&str, &str)]) -> Vec<u8> {
    let mut block = Vec::new();
    for (name, value) in fields {
        block.push(0);
        for text in [name, value] {
            block.push(u8::try_from(text.len()).unwrap());
            block.extend_from_slice(text.as_bytes());
        }
    }
    block
}
