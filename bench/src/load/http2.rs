//! Requests over kept-alive connections of HTTP/2, several at a time on each.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use bytes::Bytes;
use h2::client::{ResponseFuture, SendRequest};
use http::Request;
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio_rustls::client::TlsStream;

use crate::load::exchange::Exchange;
use crate::load::tls::Target;
use crate::load::window::{Load, Recorder, Window, measure};

/// How many connections are open.
const CONNECTIONS: usize = 4;
/// How many requests are in flight on each.
const STREAMS: usize = 8;

/// Sends GET requests for `path`: eight at a time on each of four connections.
///
/// # Errors
///
/// A request fails, or its status is not 200.
pub fn run(
    target: &Target,
    path: &str,
    window: Window,
    meter: &dyn Fn() -> Result<Duration>,
) -> Result<Load> {
    let request = request(path)?;
    measure(window, meter, CONNECTIONS, |recorder| {
        repeat(target.clone(), request.clone(), recorder)
    })
}

/// Sends one request over a connection, which is closed then.
///
/// # Errors
///
/// The connection fails.
pub async fn check(stream: TlsStream<TcpStream>, path: &str) -> Result<(Exchange, Vec<u8>)> {
    let (sender, connection) = h2::client::handshake(stream).await?;
    let response = async {
        let mut sender = sender.ready().await?;
        let mut body = Vec::new();
        let response = sender.send_request(request(path)?, true)?.0;
        let exchange = read(response, |data| body.extend_from_slice(data)).await?;
        Ok((exchange, body))
    };
    tokio::select! {
        response = response => response,
        ended = connection => {
            ended?;
            anyhow::bail!("the server closed the connection")
        }
    }
}

async fn repeat(target: Target, request: Request<()>, recorder: Recorder) -> Result<()> {
    let (sender, connection) = h2::client::handshake(target.connect().await?).await?;
    let mut tasks = JoinSet::new();
    tasks.spawn_local(async move {
        connection.await?;
        anyhow::bail!("the server closed a kept-alive connection")
    });
    for _ in 0..STREAMS {
        tasks.spawn_local(repeat_stream(sender.clone(), request.clone(), recorder.clone()));
    }
    tasks.join_next().await.context("a connection must have tasks")??
}

async fn repeat_stream(
    mut sender: SendRequest<Bytes>,
    request: Request<()>,
    recorder: Recorder,
) -> Result<()> {
    loop {
        let began = Instant::now();
        sender = sender.ready().await?;
        let exchange = read(sender.send_request(request.clone(), true)?.0, |_| ()).await?;
        ensure!(exchange.status == 200, "the status is {}", exchange.status);
        recorder.record(began);
    }
}

async fn read(response: ResponseFuture, mut keep: impl FnMut(&[u8])) -> Result<Exchange> {
    let response = response.await?;
    let (status, header_fields) = (response.status().as_u16(), response.headers().len());
    let mut body = response.into_body();
    let mut body_bytes = 0;
    while let Some(data) = body.data().await {
        let data = data?;
        body.flow_control().release_capacity(data.len())?;
        body_bytes += data.len();
        keep(&data);
    }
    Ok(Exchange { body_bytes, header_fields, negotiated: None, status })
}

fn request(path: &str) -> Result<Request<()>> {
    let uri = format!("https://localhost{path}");
    Ok(Request::get(uri).header("accept", "*/*").body(())?)
}
