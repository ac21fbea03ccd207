//! Requests over kept-alive connections of HTTP/1.1, one at a time on each.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

use crate::load::exchange::Exchange;
use crate::load::tls::Target;
use crate::load::window::{Load, Recorder, Window, measure};

/// What is requested, and over how many connections at once.
#[derive(Clone, Copy, Debug)]
pub struct Requests<'a> {
    /// How many connections are open.
    pub connections: usize,
    /// The path.
    pub path: &'a str,
}

impl<'a> Requests<'a> {
    /// Small requests, over 16 connections.
    pub fn small(path: &'a str) -> Self {
        Self { connections: 16, path }
    }
}

/// Sends GET requests.
///
/// # Errors
///
/// A request fails, or its status is not 200.
pub fn run(
    target: &Target,
    requests: Requests<'_>,
    window: Window,
    meter: &dyn Fn() -> Result<Duration>,
) -> Result<Load> {
    measure(window, meter, requests.connections, |recorder| {
        repeat(target.clone(), requests.path.to_owned(), recorder)
    })
}

/// A connection, and the request that is sent over it again and again.
#[derive(Debug)]
pub struct Http1<Stream> {
    buffer: Vec<u8>,
    request: Vec<u8>,
    stream: Stream,
}

/// The head of a response.
#[derive(Debug)]
struct Head {
    body_bytes: usize,
    bytes: usize,
    fields: usize,
    status: u16,
}

impl<Stream: AsyncRead + AsyncWrite + Unpin> Http1<Stream> {
    /// Uses an open connection.
    pub fn new(stream: Stream, path: &str) -> Self {
        let request =
            format!("GET {path} HTTP/1.1\r\nhost: localhost\r\naccept: */*\r\n\r\n").into_bytes();
        Self { buffer: vec![0; 128 * 1024], request, stream }
    }

    /// Sends the request, and reads the whole response; the body is empty if it is too large for
    /// the buffer.
    ///
    /// # Errors
    ///
    /// The connection fails, or the response is not one of HTTP/1.1 with a `Content-Length`.
    pub async fn check(&mut self) -> Result<(Exchange, Vec<u8>)> {
        let head = self.get().await?;
        let exchange = Exchange {
            body_bytes: head.body_bytes,
            header_fields: head.fields,
            negotiated: None,
            status: head.status,
        };
        let body = self.buffer.get(head.bytes..head.bytes + head.body_bytes);
        Ok((exchange, body.unwrap_or_default().to_vec()))
    }

    /// The connection, without what was kept for its requests.
    pub fn into_stream(self) -> Stream {
        self.stream
    }

    async fn get(&mut self) -> Result<Head> {
        self.stream.write_all(&self.request).await?;
        self.stream.flush().await?;
        let mut filled = 0;
        let head = loop {
            filled += self.read(filled).await?;
            if let Some(head) = Head::parse(&self.buffer[..filled])? {
                break head;
            }
        };
        let whole = head.bytes + head.body_bytes;
        while filled < whole {
            // What does not fit is read over what was read before.
            let from = if whole <= self.buffer.len() { filled } else { 0 };
            filled += self.read(from).await?;
        }
        ensure!(filled == whole, "the response is longer than its Content-Length");
        Ok(head)
    }

    async fn read(&mut self, from: usize) -> Result<usize> {
        let count = self.stream.read(&mut self.buffer[from..]).await?;
        ensure!(count > 0, "the server closed a kept-alive connection");
        Ok(count)
    }
}

impl Head {
    fn parse(bytes: &[u8]) -> Result<Option<Self>> {
        let mut fields = [httparse::EMPTY_HEADER; 64];
        let mut response = httparse::Response::new(&mut fields);
        let httparse::Status::Complete(length) = response.parse(bytes)? else { return Ok(None) };
        let content =
            |field: &&httparse::Header<'_>| field.name.eq_ignore_ascii_case("content-length");
        let Some(content) = response.headers.iter().find(content) else {
            bail!("the response has no Content-Length: {}", String::from_utf8_lossy(bytes))
        };
        Ok(Some(Self {
            body_bytes: std::str::from_utf8(content.value)?.parse()?,
            bytes: length,
            fields: response.headers.len(),
            status: response.code.context("a response must have a status")?,
        }))
    }
}

async fn repeat(target: Target, path: String, recorder: Recorder) -> Result<()> {
    let mut connection = Http1::new(target.connect().await?, &path);
    loop {
        let began = Instant::now();
        let head = connection.get().await?;
        ensure!(head.status == 200, "the status is {}", head.status);
        recorder.record(began);
    }
}

#[cfg(test)]
mod tests {
    use super::Head;

    #[test]
    fn a_head_is_parsed_once_it_is_whole() {
        let response = b"HTTP/1.1 200 OK\r\nDate: x\r\nContent-Length: 20\r\n\r\n{";

        let head = Head::parse(response).unwrap().unwrap();

        assert_eq!((head.status, head.fields, head.body_bytes), (200, 2, 20));
        assert_eq!(head.bytes, response.len() - 1);
        assert!(Head::parse(&response[..30]).unwrap().is_none());
    }

    #[test]
    fn a_response_without_a_length_is_an_error() {
        assert!(Head::parse(b"HTTP/1.1 200 OK\r\nDate: x\r\n\r\n").is_err());
    }
}
