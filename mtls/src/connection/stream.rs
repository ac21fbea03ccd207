//! The one stream of both ends, plain or TLS. It sees the hello, the alert and the cut, and keeps
//! the time limits; it knows nothing of HTTP but how HTTP/2 begins.

mod go_away;
mod half_closed;
mod preface;
mod server_limits;
mod transport;
mod wire;

use std::io::{Error, IoSlice, Result};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::Sleep;
use tokio_rustls::TlsStream;

use self::go_away::GoAway;
use self::half_closed::HalfClosed;
use self::preface::Preface;
pub(crate) use self::server_limits::ServerLimits;
use self::transport::Transport;
pub(crate) use self::wire::Wire;
use crate::connection::Connection;
use crate::event::alert::Alert;

/// An open stream, and what is known of its connection.
#[derive(Debug)]
pub struct Stream {
    /// Something that was written waits for the other end.
    blocked: bool,
    connection: Arc<Connection>,
    /// There where we are a client of HTTP/2.
    go_away: Option<GoAway>,
    half_closed: Option<HalfClosed>,
    limits: Option<ServerLimits>,
    linger: Option<Pin<Box<Sleep>>>,
    preface: Preface,
    transport: Transport,
}

impl Stream {
    pub(crate) fn plain(
        wire: Wire,
        connection: Arc<Connection>,
        limits: Option<ServerLimits>,
    ) -> Self {
        let transport = Transport::Plain(wire);
        // A server speaks HTTP/1.1 where no ALPN chose otherwise.
        let preface = if limits.is_some() { Preface::Http1 { seen: 0 } } else { Preface::Any };
        Self {
            blocked: false,
            connection,
            go_away: None,
            half_closed: None,
            limits,
            linger: None,
            preface,
            transport,
        }
    }

    pub(crate) fn tls(
        tls: TlsStream<Wire>,
        connection: Arc<Connection>,
        limits: Option<ServerLimits>,
    ) -> Self {
        let preface = match (&limits, connection.session()) {
            (Some(_), Some(session)) if session.is_http2() => Preface::Http2 { seen: 0 },
            (Some(_), Some(_)) => Preface::Http1 { seen: 0 },
            _ => Preface::Any,
        };
        let transport = Transport::Tls(Box::new(tls));
        Self {
            blocked: false,
            connection,
            go_away: None,
            half_closed: None,
            limits,
            linger: None,
            preface,
            transport,
        }
    }

    /// Follows the frames of a server of HTTP/2.
    pub(crate) fn follow_http2(&mut self) {
        self.go_away = Some(GoAway::default());
    }

    /// The connection that this stream carries.
    pub fn connection(&self) -> &Arc<Connection> {
        &self.connection
    }

    /// Remembers the alert by which the peer ended the connection.
    fn noted(&self, error: Error) -> Error {
        let cause = error.get_ref().and_then(|cause| cause.downcast_ref::<rustls::Error>());
        if let Some(rustls::Error::AlertReceived(description)) = cause {
            self.connection.note_alert(Alert::from(*description));
        }
        error
    }

    /// A write fails with a bare reset while the alert that explains it may be waiting to be
    /// read: it is looked for before the failure is reported.
    fn look_for_alert(&mut self, context: &mut Context<'_>, error: Error) -> Error {
        self.connection.note_ended();
        let mut bytes = [0; 512];
        for _ in 0..16 {
            let mut buffer = ReadBuf::new(&mut bytes);
            match self.transport.read(context, &mut buffer) {
                Poll::Ready(Ok(())) if !buffer.filled().is_empty() => {}
                Poll::Ready(Err(cause)) => {
                    self.noted(cause);
                    break;
                }
                Poll::Ready(Ok(())) | Poll::Pending => break,
            }
        }
        error
    }

    /// Ends the connection if it has been silent, or slow, for too long.
    fn check_limits(&mut self, context: &mut Context<'_>) -> Result<()> {
        match &mut self.limits {
            Some(limits) => limits.check(&self.connection, context),
            None => Ok(()),
        }
    }

    /// Reads and forgets what still comes until the client closes too, within bounds: a close with
    /// unread bytes is a reset, which would destroy the last answer on its way to a client that is
    /// still sending (RFC 9112, section 9.6).
    fn poll_linger(&mut self, context: &mut Context<'_>) -> Poll<()> {
        let timer = self.linger.get_or_insert_with(|| Box::pin(tokio::time::sleep(LINGER)));
        if timer.as_mut().poll(context).is_ready() {
            return Poll::Ready(());
        }
        let mut bytes = [0; 8 * 1024];
        loop {
            let mut buffer = ReadBuf::new(&mut bytes);
            match ready!(Pin::new(self.transport.wire()).poll_read(context, &mut buffer)) {
                Ok(()) if !buffer.filled().is_empty() => {}
                _ => return Poll::Ready(()),
            }
        }
    }

    /// Reports the end of a client's bytes once it matters.
    fn poll_half_closed(&mut self, context: &mut Context<'_>) -> Poll<Result<()>> {
        self.check_limits(context)?;
        let Some(half_closed) = &mut self.half_closed else {
            return Poll::Ready(Ok(()));
        };
        let ended = ready!(half_closed.poll_end(&self.connection, &mut self.transport, context));
        self.connection.note_ended();
        Poll::Ready(ended)
    }

    /// Whether there is a client who may still be sending. In a tunnel one direction can end alone.
    fn lingers(&self) -> bool {
        self.limits.is_some() && !self.connection.is_upgraded() && !self.connection.is_cut()
    }

    fn write_with(
        &mut self,
        context: &mut Context<'_>,
        write: impl FnOnce(&mut Transport, &mut Context<'_>) -> Poll<Result<usize>>,
    ) -> Poll<Result<usize>> {
        self.connection.check_writable(context.waker())?;
        match write(&mut self.transport, context) {
            Poll::Ready(Ok(count)) => {
                self.connection.note_sent();
                if let Some(half_closed) = &mut self.half_closed {
                    half_closed.note_sent();
                }
                Poll::Ready(Ok(count))
            }
            Poll::Ready(Err(error)) => Poll::Ready(Err(self.look_for_alert(context, error))),
            Poll::Pending => self.waits_to_write(context),
        }
    }

    /// The other end does not take what is written.
    fn waits_to_write<T>(&mut self, context: &mut Context<'_>) -> Poll<Result<T>> {
        if !self.blocked {
            self.blocked = true;
            self.connection.note_blocked();
        }
        self.check_limits(context)?;
        Poll::Pending
    }
}

impl AsyncRead for Stream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<Result<()>> {
        let this = &mut *self;
        this.connection.check_readable(context.waker())?;
        if this.half_closed.is_some() {
            return this.poll_half_closed(context);
        }
        let before = buffer.filled().len();
        match this.transport.read(context, buffer) {
            Poll::Ready(Ok(())) => {
                let received = &buffer.filled()[before..];
                if !received.is_empty() {
                    this.connection.note_received(received.len());
                    this.preface.check(received)?;
                    let go_away = this.go_away.as_mut();
                    if let Some(last) = go_away.and_then(|frames| frames.follow(received)) {
                        this.connection.note_last_stream(last);
                    }
                } else if this.limits.is_some() && this.connection.is_answering() {
                    this.connection.note_half_closed();
                    this.half_closed = Some(HalfClosed::begin());
                    return this.poll_half_closed(context);
                } else {
                    this.connection.note_ended();
                }
                Poll::Ready(Ok(()))
            }
            Poll::Ready(Err(error)) => {
                this.connection.note_ended();
                Poll::Ready(Err(this.noted(error)))
            }
            Poll::Pending => {
                this.check_limits(context)?;
                Poll::Pending
            }
        }
    }
}

impl AsyncWrite for Stream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<Result<usize>> {
        self.write_with(context, |transport, context| transport.write(context, bytes))
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<Result<usize>> {
        self.write_with(context, |transport, context| transport.write_vectored(context, slices))
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Result<()>> {
        let this = &mut *self;
        this.connection.check_writable(context.waker())?;
        let flushed = match &mut this.transport {
            Transport::Plain(wire) => Pin::new(wire).poll_flush(context),
            Transport::Tls(tls) => Pin::new(tls).poll_flush(context),
        };
        match flushed {
            Poll::Ready(Ok(())) => {
                if std::mem::take(&mut this.blocked) {
                    this.connection.note_flushed();
                }
                Poll::Ready(Ok(()))
            }
            Poll::Ready(Err(error)) => Poll::Ready(Err(this.look_for_alert(context, error))),
            Poll::Pending => this.waits_to_write(context),
        }
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Result<()>> {
        if self.linger.is_none() {
            ready!(match &mut self.transport {
                Transport::Plain(wire) => Pin::new(wire).poll_shutdown(context),
                Transport::Tls(tls) => Pin::new(tls).poll_shutdown(context),
            })?;
        }
        if self.lingers() {
            ready!(self.poll_linger(context));
        }
        Poll::Ready(Ok(()))
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        self.connection.note_gone();
    }
}

/// How long a client may go on sending after our last word.
const LINGER: Duration = Duration::from_secs(1);
