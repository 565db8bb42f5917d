//! A response that comes while its request is still being sent. The two bodies depend on different
//! people, and neither may hold up the other: here a task drives both.

use std::{
    future::poll_fn,
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use tokio::sync::mpsc;

use super::{
    transfer::Transfer,
    upload::{Stopped, Upload},
};
use crate::body::BoxError;

type Piece = Result<Frame<Bytes>, BoxError>;

/// Pieces of a response that wait for their reader.
const READ_AHEAD: usize = 1;

/// The body, fed by a task that sends the rest of the request, too. The connection is not used again.
pub(crate) fn side_by_side(mut transfer: Transfer, upload: Upload, idle_limit: Duration) -> Duplex {
    let hint = transfer.size_hint();
    transfer.hold();
    let (sender, pieces) = mpsc::channel(READ_AHEAD);
    let both = Both {
        transfer,
        upload,
        idle_limit,
    };
    tokio::spawn(both.drive(sender));
    Duplex { pieces, hint }
}

struct Both {
    transfer: Transfer,
    upload: Upload,
    /// For how long the origin may take nothing of the request, once the response has come whole.
    idle_limit: Duration,
}

impl Both {
    async fn drive(mut self, pieces: mpsc::Sender<Piece>) {
        loop {
            // Without a reader of the response nobody waits for what the request does.
            let Ok(room) = ({
                let mut reserving = std::pin::pin!(pieces.reserve());
                poll_fn(|cx| {
                    self.poll_upload(cx);
                    reserving.as_mut().poll(cx)
                })
                .await
            }) else {
                return;
            };
            let mut closed = std::pin::pin!(pieces.closed());
            let piece = poll_fn(|cx| {
                self.poll_upload(cx);
                match closed.as_mut().poll(cx) {
                    Poll::Ready(()) => Poll::Ready(None),
                    Poll::Pending => Pin::new(&mut self.transfer).poll_frame(cx).map(Some),
                }
            });
            match piece.await {
                None => return,
                Some(Some(piece)) => room.send(piece),
                Some(None) => break,
            }
        }
        drop(pieces);
        poll_fn(|cx| self.poll_rest(cx)).await;
    }

    /// Sends more of the request, until that has come to an end.
    fn poll_upload(&mut self, cx: &mut Context<'_>) {
        let Some(connection) = self.transfer.connection() else {
            return;
        };
        match self.upload.poll(connection, cx) {
            Poll::Pending | Poll::Ready(Ok(())) => {}
            Poll::Ready(Err(stopped)) => {
                self.upload.give_up();
                if let Stopped::Here(error) = stopped {
                    self.transfer.fail_with(error);
                }
            }
        }
    }

    /// Ready once the request has gone out, or will not.
    fn poll_rest(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let Some(connection) = self.transfer.connection() else {
            return Poll::Ready(());
        };
        if self.upload.poll(connection, cx).is_ready() {
            return Poll::Ready(());
        }
        let since = ready!(
            self.upload
                .origins_turn()
                .map_or(Poll::Pending, Poll::Ready)
        );
        connection.poll_deadline(cx, since + self.idle_limit)
    }
}

/// See [`side_by_side`].
#[derive(Debug)]
pub(crate) struct Duplex {
    pieces: mpsc::Receiver<Piece>,
    hint: SizeHint,
}

impl Body for Duplex {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Piece>> {
        let piece = ready!(self.pieces.poll_recv(cx));
        if let (Some(length), Some(Ok(frame))) = (self.hint.exact(), &piece) {
            let came = frame.data_ref().map_or(0, Bytes::len) as u64;
            self.hint = SizeHint::with_exact(length.saturating_sub(came));
        }
        Poll::Ready(piece)
    }

    fn size_hint(&self) -> SizeHint {
        self.hint
    }
}
