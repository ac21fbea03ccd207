//! One request and its response, as a check that all servers do the same work.

use std::net::SocketAddr;

use anyhow::{Context, Result, ensure};
use serde::{Deserialize, Serialize};
use tokio::net::TcpStream;
use tokio::runtime::Runtime;

use crate::load::http1::Http1;
use crate::load::http2;
use crate::load::tls::{Negotiated, Protocol, Target};

/// What a server negotiated and answered.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Exchange {
    /// The length of the body.
    pub body_bytes: usize,
    /// The number of header fields of the response.
    pub header_fields: usize,
    /// What the connection negotiated.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub negotiated: Option<Negotiated>,
    /// The status of the response.
    pub status: u16,
}

impl Exchange {
    /// Sends one GET over a new connection.
    ///
    /// # Errors
    ///
    /// There is no response, or its status is not 200.
    pub fn get(target: &Target, protocol: Protocol, path: &str) -> Result<Self> {
        let (exchange, _) = receive(target, protocol, path)
            .with_context(|| format!("GET {path} at {}", target.address))?;
        ensure!(exchange.status == 200, "GET {path} at {}: {exchange:?}", target.address);
        Ok(exchange)
    }

    /// Sends one GET over a new connection, and returns the body of the response.
    ///
    /// # Errors
    ///
    /// There is no response.
    pub fn body(target: &Target, protocol: Protocol, path: &str) -> Result<String> {
        Ok(String::from_utf8(receive(target, protocol, path)?.1)?)
    }

    /// Sends one GET over plain HTTP/1.1, and returns the body of the response too.
    ///
    /// # Errors
    ///
    /// There is no response, or its status is not 200.
    pub fn get_plain(address: SocketAddr, path: &str) -> Result<(Self, String)> {
        let response = runtime()?
            .block_on(async { Http1::new(TcpStream::connect(address).await?, path).check().await });
        let (exchange, body) = response.with_context(|| format!("GET {path} at {address}"))?;
        ensure!(exchange.status == 200, "GET {path} at {address}: {exchange:?}");
        Ok((exchange, String::from_utf8(body)?))
    }

    /// Whether another server did the same work: status, length of the body, and negotiated TLS.
    /// The number of header fields is reported, and may differ.
    pub fn is_same_work(&self, other: &Self) -> bool {
        self.status == other.status
            && self.negotiated == other.negotiated
            && self.body_bytes.abs_diff(other.body_bytes) <= TIMESTAMP_BYTES
    }
}

/// A timestamp in a body is written without the zeros at its end.
const TIMESTAMP_BYTES: usize = 9;

fn receive(target: &Target, protocol: Protocol, path: &str) -> Result<(Exchange, Vec<u8>)> {
    runtime()?.block_on(async {
        let stream = target.connect().await?;
        let negotiated = Some(Negotiated::by(stream.get_ref().1));
        let (exchange, body) = match protocol {
            Protocol::Http1 => Http1::new(stream, path).check().await,
            Protocol::Http2 => http2::check(stream, path).await,
        }?;
        Ok((Exchange { negotiated, ..exchange }, body))
    })
}

fn runtime() -> Result<Runtime> {
    Ok(tokio::runtime::Builder::new_current_thread().enable_all().build()?)
}
