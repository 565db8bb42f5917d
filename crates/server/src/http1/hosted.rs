//! A connection that stands in the hall, and its task that waits for it.

use std::{
    future::{Future, poll_fn},
    io,
    os::fd::BorrowedFd,
    pin::Pin,
    sync::Arc,
};

use tokio::{
    io::{AsyncRead, AsyncWrite},
    sync::oneshot,
};

use super::{connection::Connection, out::Out, wire::Told};
use crate::{
    Asked, Handler,
    coarse::Glance,
    hall::{Counts, Guest, Look},
    socket::Movable,
};

/// A connection that is back, and what is to be done first, if that is known.
type Back<I, H> = (Box<Connection<I, H>>, Option<Told<<H as Handler>::Body>>);

struct Hosted<I, H: Handler> {
    connection: Box<Connection<I, H>>,
    told: Option<Told<H::Body>>,
    back: oneshot::Sender<Back<I, H>>,
}

/// Has a connection served in the hall, which waits for a request. It is back when there is one that is not
/// answered at once, or when it is to end.
///
/// # Errors
/// It is of no use any more.
pub(super) async fn stay<I, H>(mut connection: Box<Connection<I, H>>) -> io::Result<Back<I, H>>
where
    I: AsyncRead + AsyncWrite + Movable + Unpin + Send + 'static,
    H: Handler,
{
    if !connection.exchange.shared.hall.is_there() {
        connection.wire.watch_calm(false);
        return Ok((connection, None));
    }
    connection.wire.io.release()?;
    let (shared, state) = (
        Arc::clone(&connection.exchange.shared),
        Arc::clone(&connection.exchange.state),
    );
    let (back, mut waiting) = oneshot::channel();
    let hosted = Box::new(Hosted {
        connection,
        told: None,
        back,
    });
    let (mut connection, told, is_there) = match shared.hall.enter(hosted) {
        Ok(seat) => {
            let back = poll_fn(|cx| {
                let back = Pin::new(&mut waiting).poll(cx);
                // Its marks may say that it is busy while it is not any more: its watch is to see it at rest.
                if back.is_pending() && (state.is_closing() || shared.is_leaving()) {
                    seat.recall();
                }
                back
            });
            // Who served it is gone, and with it the connection.
            let back = back.await.map_err(|_| io::ErrorKind::ConnectionAborted)?;
            seat.left();
            (back.0, back.1, true)
        }
        Err(hosted) => (hosted.connection, hosted.told, false),
    };
    connection.wire.io.reclaim()?;
    connection.wire.watch_calm(is_there);
    Ok((connection, told))
}

impl<I, H> Guest for Hosted<I, H>
where
    I: AsyncRead + AsyncWrite + Movable + Unpin + Send + 'static,
    H: Handler,
{
    fn socket(&self) -> Option<BorrowedFd<'_>> {
        self.connection.wire.io.descriptor()
    }

    fn came(&mut self, bytes: &[u8], look: &mut Look) -> bool {
        let Connection { wire, exchange, .. } = &mut *self.connection;
        let is_one_of_many = exchange.is_one_of_many();
        if let Some(answer) = look.herd.answer(bytes).filter(|_| is_one_of_many) {
            let is_sent = wire.repeat(bytes.len(), answer, &mut look.glance);
            look.herd.answered();
            return is_sent;
        }
        let open = |asked: &Asked<'_>, now, out: &mut Out| exchange.open(asked, now, out);
        let herd = is_one_of_many.then_some(&mut look.herd);
        wire.came(bytes, open, (&mut look.glance, herd), &mut self.told)
    }

    fn came_late(&mut self, bytes: &[u8], glance: &mut Glance) {
        self.connection.wire.came_late(bytes, glance);
    }

    fn leave(self: Box<Self>) {
        let Hosted {
            connection,
            told,
            back,
        } = *self;
        // Its task is gone: then so is the connection.
        let _ = back.send((connection, told));
    }

    fn counts(&self) -> Arc<dyn Counts> {
        Arc::clone(&self.connection.exchange.handler) as Arc<dyn Counts>
    }
}
