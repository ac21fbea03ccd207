//! One HTTP/1.1 message as it stands on the wire, read strictly: whatever is not canonical fails.

use std::sync::{Arc, Mutex};

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

/// A message, whole.
#[derive(Clone, Debug)]
pub(crate) struct Message {
    pub(crate) body: Vec<u8>,
    /// Its lines, the first one included, without line ends.
    pub(crate) head: Vec<String>,
    /// Of a body in chunks.
    pub(crate) trailers: Vec<String>,
}

impl Message {
    /// The second word of its first line.
    pub(crate) fn status(&self) -> u16 {
        self.head[0].split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or_default()
    }

    /// All values of a field; names are compared as they are on the wire, without case.
    pub(crate) fn all(&self, name: &str) -> Vec<&str> {
        let fields = self.head[1..].iter().filter_map(|line| line.split_once(':'));
        fields.filter(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, v)| v.trim()).collect()
    }

    /// The value of a field that is there once.
    pub(crate) fn field(&self, name: &str) -> Option<&str> {
        let all = self.all(name);
        assert!(all.len() < 2, "{name} is there more than once: {self:?}");
        all.first().copied()
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}

/// A connection, the bytes of which are kept.
#[derive(Debug)]
pub(crate) struct Talk<S> {
    pub(crate) seen: Arc<Mutex<Vec<u8>>>,
    pub(crate) stream: S,
    unread: Vec<u8>,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Talk<S> {
    pub(crate) fn new(stream: S) -> Self {
        Self { seen: Arc::default(), stream, unread: Vec::new() }
    }

    pub(crate) async fn send(&mut self, bytes: impl AsRef<[u8]>) {
        let _ = self.stream.write_all(bytes.as_ref()).await;
    }

    /// A request; none where there is no whole one.
    pub(crate) async fn request(&mut self) -> Option<Message> {
        self.message(false, false).await
    }

    /// A request's head.
    pub(crate) async fn head(&mut self) -> Option<Vec<String>> {
        let head = self.until(b"\r\n\r\n").await?;
        let text = String::from_utf8(head).unwrap();
        assert!(!text.replace("\r\n", "").contains(['\r', '\n', '\0']), "{text:?}");
        Some(text.trim_end_matches("\r\n").split("\r\n").map(str::to_owned).collect())
    }

    /// An answer that is no 1xx, or 101; `to_head` where it has no body whatever it says.
    pub(crate) async fn answer(&mut self, to_head: bool) -> Option<Message> {
        self.message(true, to_head).await
    }

    /// Whatever else comes, until the other end closes or resets.
    pub(crate) async fn rest(&mut self) -> (Vec<u8>, Option<std::io::Error>) {
        let mut rest = std::mem::take(&mut self.unread);
        loop {
            match self.more().await {
                Ok(0) => return (rest, None),
                Ok(_) => rest.append(&mut self.unread),
                Err(error) => return (rest, Some(error)),
            }
        }
    }

    async fn message(&mut self, is_answer: bool, to_head: bool) -> Option<Message> {
        let mut message = loop {
            let head = self.head().await?;
            let message = Message { body: Vec::new(), head, trailers: Vec::new() };
            if !is_answer || message.status() >= 200 || message.status() == 101 {
                break message;
            }
        };
        let status = message.status();
        if to_head || (is_answer && matches!(status, 101 | 204 | 304)) {
            return Some(message);
        }
        let length = message.field("content-length").map(|length| length.parse().unwrap());
        match (message.field("transfer-encoding"), length) {
            (Some(coding), None) => {
                assert_eq!(coding, "chunked");
                loop {
                    let size = self.line().await?;
                    let size = usize::from_str_radix(&size, 16).unwrap();
                    if size == 0 {
                        break;
                    }
                    message.body.extend(self.exactly(size).await?);
                    assert_eq!(self.line().await?, "");
                }
                loop {
                    match self.line().await? {
                        line if line.is_empty() => break,
                        line => message.trailers.push(line),
                    }
                }
            }
            (None, Some(length)) => message.body = self.exactly(length).await?,
            (None, None) if is_answer => {
                let (rest, error) = self.rest().await;
                if error.is_some() {
                    return None;
                }
                message.body = rest;
            }
            (None, None) => {}
            both => unreachable!("it is framed twice: {both:?} {message:?}"),
        }
        Some(message)
    }

    async fn line(&mut self) -> Option<String> {
        let line = self.until(b"\r\n").await?;
        Some(String::from_utf8(line).unwrap().trim_end_matches("\r\n").to_owned())
    }

    async fn until(&mut self, end: &[u8]) -> Option<Vec<u8>> {
        loop {
            if let Some(at) = self.unread.windows(end.len()).position(|bytes| bytes == end) {
                return Some(self.unread.drain(..at + end.len()).collect());
            }
            if self.more().await.ok()? == 0 {
                return None;
            }
        }
    }

    /// So many bytes; none where the other end leaves before.
    pub(crate) async fn exactly(&mut self, count: usize) -> Option<Vec<u8>> {
        while self.unread.len() < count {
            if self.more().await.ok()? == 0 {
                return None;
            }
        }
        Some(self.unread.drain(..count).collect())
    }

    async fn more(&mut self) -> std::io::Result<usize> {
        let mut bytes = [0; 16 * 1024];
        let count = self.stream.read(&mut bytes).await?;
        self.unread.extend_from_slice(&bytes[..count]);
        self.seen.lock().unwrap().extend_from_slice(&bytes[..count]);
        Ok(count)
    }
}
