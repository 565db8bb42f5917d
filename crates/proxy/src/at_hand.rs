//! Bodies that have come whole with their head, as most small ones do.

use std::{
    future::poll_fn,
    pin::Pin,
    task::{Context, Poll},
};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use perigee_upstream::{
    Body as Relayed,
    body::{BoxError, boxed, empty},
};

/// What a look at a body has found; `None`: its end.
type Found = Option<Result<Frame<Bytes>, BoxError>>;

/// All of a body of this length, if it is there; nothing is left of it then. If it is not, nothing of
/// it is lost.
pub(crate) async fn at_hand(body: &mut Relayed, length: u64) -> Option<Bytes> {
    let found = poll_fn(|cx| Poll::Ready(Pin::new(&mut *body).poll_frame(cx))).await;
    let Poll::Ready(found) = found else {
        return None;
    };
    match found {
        None if length == 0 => Some(Bytes::new()),
        Some(Ok(frame)) if body.is_end_stream() && is_all(&frame, length) => frame.into_data().ok(),
        found => {
            let rest = std::mem::replace(body, empty());
            *body = boxed(LookedAt {
                found: Some(found),
                rest,
            });
            None
        }
    }
}

fn is_all(frame: &Frame<Bytes>, length: u64) -> bool {
    let data = frame.data_ref();
    data.is_some_and(|data| data.len() as u64 == length)
}

/// A body of which the first frame was taken, and is given back.
struct LookedAt {
    found: Option<Found>,
    rest: Relayed,
}

impl Body for LookedAt {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        match self.found.take() {
            Some(found) => Poll::Ready(found),
            None => Pin::new(&mut self.rest).poll_frame(cx),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.found.is_none() && self.rest.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        let frame = self.found.iter().flatten().flatten().next();
        let data = frame.and_then(Frame::data_ref).map_or(0, Bytes::len) as u64;
        let rest = self.rest.size_hint();
        let mut all = SizeHint::new();
        all.set_lower(rest.lower().saturating_add(data));
        if let Some(upper) = rest.upper() {
            all.set_upper(upper.saturating_add(data));
        }
        all
    }
}

#[cfg(test)]
mod tests {
    use futures_util::stream;
    use http_body_util::{BodyExt, StreamBody};
    use perigee_upstream::body::full;
    use tokio::sync::oneshot;

    use super::*;

    /// A body of these pieces, each of which is there.
    fn pieces(pieces: &[&'static str]) -> Relayed {
        let frames = pieces
            .iter()
            .map(|piece| Frame::data(Bytes::from_static(piece.as_bytes())));
        let frames: Vec<Result<_, BoxError>> = frames.map(Ok).collect();
        boxed(StreamBody::new(stream::iter(frames)))
    }

    #[tokio::test]
    async fn what_is_there_whole_is_taken() {
        assert_eq!(at_hand(&mut full("abc"), 3).await, Some("abc".into()));
        assert_eq!(at_hand(&mut empty(), 0).await, Some(Bytes::new()));
    }

    #[tokio::test]
    async fn what_is_not_stays_as_it_was() {
        for (mut body, length) in [
            (full("abc"), 2),
            (full("abc"), 4),
            (pieces(&["ab", "c"]), 3),
            (pieces(&["abc"]), 3),
            (empty(), 1),
        ] {
            let hint = body.size_hint();
            assert_eq!(at_hand(&mut body, length).await, None);
            assert_eq!(body.size_hint().exact(), hint.exact());
            let rest = body.collect().await.unwrap().to_bytes();
            assert!(rest == "abc" || rest.is_empty() && length == 1);
        }
    }

    #[tokio::test]
    async fn an_error_is_told_to_who_reads() {
        let broken: Vec<Result<Frame<Bytes>, BoxError>> = vec![Err("broken".into())];
        let mut body = boxed(StreamBody::new(stream::iter(broken)));
        assert_eq!(at_hand(&mut body, 3).await, None);
        assert!(body.collect().await.is_err());
    }

    #[tokio::test]
    async fn what_has_yet_to_come_is_waited_for_by_who_reads() {
        let (sender, receiver) = oneshot::channel();
        let mut body = boxed(StreamBody::new(stream::once(receiver)));
        assert_eq!(at_hand(&mut body, 3).await, None);
        sender.send(Frame::data(Bytes::from("abc"))).unwrap();
        assert_eq!(body.collect().await.unwrap().to_bytes(), "abc");
    }
}
