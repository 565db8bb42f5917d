//! A connection that has switched to another protocol (RFC 9110 section 15.2.2).

use std::{
    io,
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
    task::{Context, Poll},
};

use bytes::{Buf, BytesMut};
use http::Response;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::{Connection, Socket};
use crate::admission::Permit;

/// The connection after a 101. It holds its permit of the concurrency cap until it is dropped.
#[derive(Debug)]
pub struct Upgraded {
    socket: Socket,
    /// What came right behind the head.
    early: BytesMut,
    _permit: Permit,
}

/// On its way, among the extensions of a response.
#[derive(Clone)]
struct Switched(Arc<Mutex<Option<Upgraded>>>);

/// The connection that came with a 101, once.
pub fn upgraded<B>(response: &mut Response<B>) -> Option<Upgraded> {
    let switched = response.extensions_mut().remove::<Switched>()?;
    let mut connection = switched.0.lock().unwrap_or_else(PoisonError::into_inner);
    connection.take()
}

/// Puts the connection among the extensions.
pub(crate) fn hand_over<B>(connection: Connection, permit: Permit, response: &mut Response<B>) {
    let (socket, early) = connection.into_parts();
    let connection = Upgraded {
        socket,
        early,
        _permit: permit,
    };
    let switched = Switched(Arc::new(Mutex::new(Some(connection))));
    response.extensions_mut().insert(switched);
}

impl AsyncRead for Upgraded {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.early.is_empty() {
            return Pin::new(&mut self.socket).poll_read(cx, buf);
        }
        let length = self.early.len().min(buf.remaining());
        buf.put_slice(&self.early[..length]);
        self.early.advance(length);
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Upgraded {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.socket).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_shutdown(cx)
    }
}
