//! Full mutual handshakes: connect, shake hands, close, and again.

use std::cell::Cell;
use std::io::ErrorKind;
use std::rc::Rc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::load::tls::Target;
use crate::load::window::{Load, Recorder, Window, measure};

/// How many handshakes are under way at once.
const CONCURRENT: usize = 8;

/// Makes handshakes with each of `targets` by turns.
///
/// An accepted client reads the end of the stream after its own `close_notify`; a refused one an
/// alert (in TLS 1.3 the client is done before the server has seen its certificate).
///
/// # Errors
///
/// A handshake fails.
pub fn run(
    targets: &[Target],
    window: Window,
    meter: &dyn Fn() -> Result<Duration>,
) -> Result<Load> {
    let turns = Rc::new((targets.to_vec(), Cell::new(0)));
    measure(window, meter, CONCURRENT, |recorder| repeat(Rc::clone(&turns), recorder))
}

async fn repeat(turns: Rc<(Vec<Target>, Cell<usize>)>, recorder: Recorder) -> Result<()> {
    let (targets, next) = &*turns;
    loop {
        let turn = next.replace(next.get() + 1);
        let target = targets.get(turn % targets.len().max(1)).context("there is no target")?;
        let began = Instant::now();
        shake_hands(target).await?;
        recorder.record(began);
    }
}

/// One handshake that the server has accepted.
///
/// # Errors
///
/// The server refuses the certificate, or the connection fails.
pub async fn shake_hands(target: &Target) -> Result<()> {
    let mut stream = target.connect().await?;
    stream.shutdown().await.context("cannot send close_notify")?;
    match stream.read_to_end(&mut Vec::new()).await {
        // nginx and Envoy close without a close_notify of their own.
        Err(error) if error.kind() == ErrorKind::UnexpectedEof => Ok(()),
        read => read.map(drop).context("the server refused the handshake"),
    }
}
