//! A body of exactly as many bytes as were announced, whatever happens to the file meanwhile.

use std::{
    io,
    pin::Pin,
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;

pin_project! {
    /// Cuts off what is too much, and ends with an error when there is too little.
    pub(crate) struct Exact<B> {
        #[pin]
        body: B,
        left: u64,
    }
}

impl<B> Exact<B> {
    pub(crate) fn new(body: B, length: u64) -> Self {
        Exact { body, left: length }
    }
}

impl<B: Body<Data = Bytes, Error = io::Error>> Body for Exact<B> {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        let this = self.project();
        if *this.left == 0 {
            return Poll::Ready(None);
        }
        let Some(frame) = ready!(this.body.poll_frame(cx)) else {
            let detail = format!("the file was cut short by {} bytes meanwhile", this.left);
            *this.left = 0;
            let error = io::Error::new(io::ErrorKind::UnexpectedEof, detail);
            return Poll::Ready(Some(Err(error)));
        };
        Poll::Ready(Some(frame.map(|frame| {
            frame.map_data(|mut data| {
                data.truncate(usize::try_from(*this.left).unwrap_or(usize::MAX));
                *this.left -= data.len() as u64;
                data
            })
        })))
    }

    fn is_end_stream(&self) -> bool {
        self.left == 0
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.left)
    }
}

#[cfg(test)]
mod tests {
    use http_body_util::{BodyExt, Full};

    use super::*;

    fn exact(text: &'static str, length: u64) -> Exact<impl Body<Data = Bytes, Error = io::Error>> {
        Exact::new(
            Full::new(Bytes::from(text)).map_err(|never| match never {}),
            length,
        )
    }

    #[tokio::test]
    async fn neither_more_nor_less() {
        let grown = exact("abcdef", 4).collect().await.unwrap();
        assert_eq!(grown.to_bytes(), "abcd");
        let shrunk = exact("abc", 4).collect().await.unwrap_err();
        assert_eq!(shrunk.kind(), io::ErrorKind::UnexpectedEof);
        assert!(exact("", 0).is_end_stream());
    }
}
