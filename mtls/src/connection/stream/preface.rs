//! How a connection begins in HTTP, held against what ALPN chose.

use std::io::{Error, ErrorKind, Result};

/// Holds a client to the HTTP version that ALPN chose (RFC 9113, section 3.4), since hyper would
/// serve whichever the first bytes look like.
#[derive(Debug)]
pub(super) enum Preface {
    Any,
    Http1 { seen: usize },
    Http2 { seen: usize },
}

const HTTP2_PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

impl Preface {
    pub(super) fn check(&mut self, received: &[u8]) -> Result<()> {
        let (seen, must_fit) = match self {
            Self::Any => return Ok(()),
            Self::Http1 { seen } => (seen, false),
            Self::Http2 { seen } => (seen, true),
        };
        let rest = &HTTP2_PREFACE[*seen..];
        let compared = rest.len().min(received.len());
        let fits = received[..compared] == rest[..compared];
        *seen += compared;
        let complete = *seen == HTTP2_PREFACE.len();
        match (must_fit, fits) {
            (true, true) if !complete => return Ok(()),
            (true, true) | (false, false) => *self = Self::Any,
            (false, true) if !complete => return Ok(()),
            (true, false) | (false, true) => {
                let why = "the HTTP version is not the one that ALPN chose";
                return Err(Error::new(ErrorKind::InvalidData, why));
            }
        }
        Ok(())
    }
}
