//! What the wire does while its connection stands in the hall: bytes are brought to it.

use std::{
    pin::Pin,
    task::{Context, Poll, Waker},
    time::SystemTime,
};

use tokio::io::{AsyncRead, AsyncWrite};

use super::{HeadReader, MOST_IN_HALL, Opened, Out, Told, Wire};
use crate::{Asked, coarse::Glance, hall::Herd};

impl<I: AsyncRead + AsyncWrite + Unpin> Wire<I> {
    /// Bytes came while the connection stands in the hall. Whether all that was asked is answered, and the answers
    /// are sent; `told` is what is to be done otherwise, if that is known.
    pub(crate) fn came<B>(
        &mut self,
        bytes: &[u8],
        mut open: impl FnMut(&Asked<'_>, SystemTime, &mut Out) -> Option<Opened<B>>,
        (glance, mut herd): (&mut Glance, Option<&mut Herd>),
        told: &mut Option<Told<B>>,
    ) -> bool {
        self.wake_up();
        self.came_late(bytes, glance);
        let mut cx = Context::from_waker(Waker::noop());
        let mut reader = HeadReader::default();
        loop {
            self.answered = false;
            *told = self.answer(&mut reader, &mut open, glance);
            if let (Some(herd), Some(content)) = (herd.take(), self.alike)
                && (self.answered && told.is_none() && self.buf.is_empty())
                && let Some(answer) = self.out.text_alone()
            {
                herd.keep(bytes, answer, content);
            }
            let is_small = self.out.bytes() <= MOST_IN_HALL;
            let is_sent = is_small && matches!(self.poll_flush(&mut cx), Poll::Ready(Ok(())));
            // Without an answer it was a part of a head, or an empty line in front of one.
            if told.is_some() || !is_sent || !self.answered {
                return false;
            }
            if self.buf.is_empty() {
                self.rest();
                return true;
            }
        }
    }

    /// So many bytes came while the connection stands in the hall: a request that somebody else has just had this
    /// answer to. Whether it is sent; otherwise what is left of it is in the row.
    pub(crate) fn repeat(&mut self, came: usize, answer: &[u8], glance: &mut Glance) -> bool {
        debug_assert!(self.buf.is_empty() && self.out.is_empty());
        self.state.bytes_came(came, glance);
        let mut cx = Context::from_waker(Waker::noop());
        let sent = match Pin::new(&mut self.io).poll_write(&mut cx, answer) {
            Poll::Ready(Ok(sent)) => sent,
            // The task of the connection finds out what it is.
            Poll::Ready(Err(_)) | Poll::Pending => 0,
        };
        self.state.answered_at_once();
        if sent < answer.len() {
            self.wake_up();
            self.out
                .text(|text| text.extend_from_slice(&answer[sent..]));
            if !matches!(self.poll_flush(&mut cx), Poll::Ready(Ok(()))) {
                return false;
            }
            self.rest();
        }
        true
    }

    /// Bytes came that are not looked at yet.
    pub(crate) fn came_late(&mut self, bytes: &[u8], glance: &mut Glance) {
        self.state.bytes_came(bytes.len(), glance);
        self.buf.extend_from_slice(bytes);
    }
}
