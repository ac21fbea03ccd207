//! A refusal arrives: what is closed while unread bytes wait is reset, and the reset destroys the
//! alert that was on its way. So we close our side, and read for a little while.

use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;

use super::files;
use crate::event::alert::Alert;

/// The most that is read, and for how long.
const BYTES: u64 = 64 * 1024;
const TIME: Duration = Duration::from_secs(1);

/// For a connection that is refused before it sent anything: there may be many of them.
const SHORT_TIME: Duration = Duration::from_millis(100);

/// Closes the sending side, then reads until the other end closes too, within bounds.
pub(super) async fn until_read(stream: impl AsyncRead + AsyncWrite + Unpin) {
    close(stream, TIME).await;
}

/// Sends a plaintext alert, if the listener speaks TLS, and closes. If the process is short of file
/// descriptors, it only closes: sending the alert keeps a descriptor open meanwhile.
pub(super) async fn refuse(mut tcp: TcpStream, secured: bool) -> Option<Alert> {
    if !files::are_below(6, &tcp) {
        return None;
    }
    let alert = Alert::of(Alert::INTERNAL_ERROR);
    // RFC 8446, sections 5.1 and 6: a record of type alert (21), of two bytes, fatal (2).
    let record = [21, 3, 3, 0, 2, 2, alert.number];
    let said = secured && tcp.write_all(&record).await.is_ok();
    close(tcp, SHORT_TIME).await;
    said.then_some(alert)
}

async fn close(mut stream: impl AsyncRead + AsyncWrite + Unpin, time: Duration) {
    let read = async {
        stream.flush().await?;
        stream.shutdown().await?;
        tokio::io::copy(&mut (&mut stream).take(BYTES), &mut tokio::io::sink()).await
    };
    let _ = tokio::time::timeout(time, read).await;
}
