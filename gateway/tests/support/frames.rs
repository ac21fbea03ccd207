//! HTTP/2 by its frames (RFC 9113), for peers that do what no library does.

use tokio::io::{AsyncRead, AsyncWrite};

use super::Talk;
use super::frame::{Frame, frame};

pub(crate) const DATA: u8 = 0;
pub(crate) const HEADERS: u8 = 1;
pub(crate) const RST_STREAM: u8 = 3;
pub(crate) const SETTINGS: u8 = 4;
pub(crate) const PING: u8 = 6;
pub(crate) const GOAWAY: u8 = 7;
pub(crate) const CONTINUATION: u8 = 9;

pub(crate) const ACK: u8 = 1;
pub(crate) const END_STREAM: u8 = 1;
pub(crate) const END_HEADERS: u8 = 4;

/// `:status` 200, by its index in the static table.
pub(crate) const STATUS_200: &[u8] = &[0x88];

pub(crate) const REFUSED_STREAM: u32 = 7;

impl<S: AsyncRead + AsyncWrite + Unpin> Talk<S> {
    /// Greets a client that has sent its preface; false where it is none of HTTP/2.
    pub(crate) async fn greet(&mut self) -> bool {
        let preface = self.exactly(24).await;
        self.send(frame(SETTINGS, 0, 0, &[])).await;
        preface.is_some_and(|preface| preface.starts_with(b"PRI * HTTP/2.0"))
    }

    /// The next frame of a stream or of an end; what concerns the connection only is answered.
    pub(crate) async fn frame(&mut self) -> Option<Frame> {
        loop {
            let head = self.exactly(9).await?;
            let number =
                |bytes: &[u8]| bytes.iter().fold(0, |sum, byte| sum << 8 | u32::from(*byte));
            let length = usize::try_from(number(&head[..3])).unwrap();
            let payload = self.exactly(length).await?;
            let (kind, flags) = (head[3], head[4]);
            match kind {
                SETTINGS | PING if flags & ACK == 0 => {
                    let answer = if kind == PING { &payload[..] } else { &[] };
                    self.send(frame(kind, ACK, 0, answer)).await;
                }
                DATA | HEADERS | RST_STREAM | GOAWAY | CONTINUATION => {
                    return Some(Frame { kind, flags, stream: number(&head[5..]), payload });
                }
                _ => {}
            }
        }
    }

    /// Answers a stream with 200 and `ok`.
    pub(crate) async fn ok(&mut self, stream: u32) {
        self.send(frame(HEADERS, END_HEADERS, stream, STATUS_200)).await;
        self.send(frame(DATA, END_STREAM, stream, b"ok")).await;
    }

    /// Says that streams above `last` were not processed.
    pub(crate) async fn go_away(&mut self, last: u32, code: u32) {
        let payload = [last.to_be_bytes(), code.to_be_bytes()].concat();
        self.send(frame(GOAWAY, 0, 0, &payload)).await;
    }

    pub(crate) async fn reset(&mut self, stream: u32, code: u32) {
        self.send(frame(RST_STREAM, 0, stream, &code.to_be_bytes())).await;
    }
}
