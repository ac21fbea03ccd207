//! Open connections on which nothing happens.

use anyhow::{Context, Result};
use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;
use tokio::runtime::Runtime;
use tokio_rustls::client::TlsStream;

use crate::load::http1::Http1;
use crate::load::tls::Target;

/// How many connections are opened at once.
const CONCURRENT: usize = 16;

/// Connections that are kept open until this is dropped.
#[derive(Debug)]
pub struct Idle {
    connections: Vec<TlsStream<TcpStream>>,
    path: String,
    runtime: Runtime,
}

impl Idle {
    /// None yet. Over each one, `path` is requested once, so that it is a kept-alive one.
    ///
    /// # Errors
    ///
    /// There is no runtime.
    pub fn new(path: &str) -> Result<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        Ok(Self { connections: Vec::new(), path: path.to_owned(), runtime })
    }

    /// Opens connections until there are `count`.
    ///
    /// # Errors
    ///
    /// The server accepts no more.
    pub fn grow_to(&mut self, target: &Target, count: usize) -> Result<()> {
        let Self { connections, path, runtime } = self;
        runtime.block_on(async {
            let mut opening = tokio::task::JoinSet::new();
            while connections.len() < count {
                while opening.len() < CONCURRENT && connections.len() + opening.len() < count {
                    opening.spawn(open(target.clone(), path.clone()));
                }
                let opened = opening.join_next().await.context("a connection must be opening")?;
                let number = connections.len() + 1;
                connections.push(opened?.with_context(|| format!("connection {number}"))?);
            }
            Ok(())
        })
    }

    /// Checks that the server has closed none of them.
    ///
    /// # Errors
    ///
    /// It has.
    pub fn check(&mut self) -> Result<()> {
        let Self { connections, runtime, .. } = self;
        runtime.block_on(async {
            for connection in connections {
                let mut byte = [0];
                let read =
                    tokio::time::timeout(std::time::Duration::ZERO, connection.read(&mut byte));
                anyhow::ensure!(read.await.is_err(), "the server has closed an idle connection");
            }
            Ok(())
        })
    }
}

async fn open(target: Target, path: String) -> Result<TlsStream<TcpStream>> {
    let mut connection = Http1::new(target.connect().await?, &path);
    let (exchange, _) = connection.check().await?;
    anyhow::ensure!(exchange.status == 200, "the status is {}", exchange.status);
    Ok(connection.into_stream())
}
