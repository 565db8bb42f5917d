//! From one request to the next on a connection.

use std::{
    future::{Future, poll_fn, ready},
    io,
    pin::{Pin, pin},
    sync::Arc,
    task::{Context, Poll},
};

use bytes::Bytes;
use http::{Request, Response, StatusCode, Version};
use http_body::Body;
use http_body_util::Full;
use perigee_http1::maps;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    sync::oneshot,
};

use super::{
    date::DateText,
    encode::{self, Delimit, Terms},
    head::{Head, HeadReader, Refused},
    hosted,
    incoming::Incoming,
    out::Out,
    sending::{End, Sending},
    wire::{Next, Told, Wire},
};
use crate::{
    Asked, Handler, Limits, RequestBody,
    exchange::{Exchange, refusal},
    guards::Framing,
    response::InRequest,
    socket::Movable,
    stats::count,
    timers::Stage,
    upgraded::Upgraded,
};

/// What becomes of a connection after a response.
enum After {
    Next,
    /// FIN, and what the client still sends is read.
    Close,
    /// It ends here and now: the client must not take the response for whole.
    Abort,
    /// Somebody else has it now.
    Upgrade(oneshot::Sender<Upgraded>),
    /// It is to be served in the hall.
    Hall,
}

/// A response whose head is in the row.
struct Begun<B> {
    sending: Sending,
    body: B,
    /// Whether another request may follow it.
    keep: bool,
    upgrade: bool,
}

type Answering<'a> = Pin<Box<dyn Future<Output = io::Result<After>> + Send + 'a>>;

pub(super) struct Connection<I, H> {
    pub(super) wire: Wire<I>,
    pub(super) exchange: Exchange<H>,
    date: DateText,
}

/// Answers the requests of one connection, in order, until it ends. Returns when the socket is
/// closed, is to be dropped, or is somebody else's.
///
/// # Errors
/// The connection broke.
pub(crate) fn serve<I, H>(
    io: I,
    exchange: Exchange<H>,
    limits: Arc<Limits>,
) -> impl Future<Output = io::Result<()>> + Send
where
    I: AsyncRead + AsyncWrite + Movable + Unpin + Send + 'static,
    H: Handler,
{
    let may_move = limits.io_uring_after > 0 && io.descriptor().is_some();
    let mut wire = Wire::new(io, limits, Arc::clone(&exchange.state));
    wire.watch_calm(may_move);
    let mut connection = Box::new(Connection {
        wire,
        exchange,
        date: DateText::default(),
    });
    async move {
        let mut told = None;
        let after = loop {
            match connection.run(told.take()).await? {
                After::Hall => (connection, told) = hosted::stay(connection).await?,
                after => break after,
            }
        };
        match after {
            After::Next | After::Hall | After::Close => {
                let io = &mut connection.wire.io;
                poll_fn(|cx| Pin::new(&mut *io).poll_shutdown(cx)).await
            }
            After::Abort => Ok(()),
            After::Upgrade(successor) => {
                let Wire { io, buf, .. } = connection.wire;
                // Nobody there to take it: then it is dropped.
                let _ = successor.send(Upgraded::new(io, buf));
                Ok(())
            }
        }
    }
}

impl<I, H> Connection<I, H>
where
    I: AsyncRead + AsyncWrite + Unpin + Send,
    H: Handler,
{
    /// What becomes of the connection in the end, or for a while. `told`: what is to be done first, if that is known.
    async fn run(&mut self, told: Option<Told<H::Body>>) -> io::Result<After> {
        if let Some(told) = told {
            let after = self.act(Some(told)).await?;
            if !matches!(after, After::Next) {
                return Ok(after);
            }
        }
        loop {
            let after = self.next().await?.await?;
            if !matches!(after, After::Next) {
                return Ok(after);
            }
        }
    }

    /// Answers what can be answered at once, up to what comes next. What that takes is in a box, which
    /// goes with it: a connection that waits for its next request is to be small.
    async fn next(&mut self) -> io::Result<Answering<'_>> {
        let Connection { wire, exchange, .. } = &mut *self;
        let mut reader = HeadReader::default();
        let open = |asked: &Asked<'_>, now, out: &mut Out| exchange.open(asked, now, out);
        let told = poll_fn(|cx| wire.poll_head(&mut reader, open, cx)).await?;
        Ok(self.act(told))
    }

    fn act(&mut self, told: Option<Told<H::Body>>) -> Answering<'_> {
        match told {
            Some(Ok(Next::Head(head))) => Box::pin(self.answer(head)),
            Some(Ok(Next::Body(length, body))) => Box::pin(self.send_body(length, body)),
            Some(Ok(Next::Hall)) => Box::pin(ready(Ok(After::Hall))),
            Some(Err(refused)) => Box::pin(self.refuse(refused)),
            None => Box::pin(ready(Ok(After::Close))),
        }
    }

    /// Sends a body of this length whose head is in the row.
    async fn send_body(&mut self, length: u64, body: Box<H::Body>) -> io::Result<After> {
        let _in_request = InRequest::begin(&self.exchange.state, Version::HTTP_11);
        let mut sending = Sending::new(Delimit::Length(length));
        let mut body = pin!(Some(*body));
        let wire = &mut self.wire;
        poll_fn(|cx| wire.poll_send(&mut sending, body.as_mut(), cx)).await?;
        Ok(match sending.end() {
            Some(End::Broken) => After::Abort,
            _ => After::Next,
        })
    }

    /// The request is gone when the answer is waited for, and the head of the answer when its body is
    /// sent: neither is kept here, nor moved about.
    async fn answer(&mut self, head: Box<Head>) -> io::Result<After> {
        let in_request = InRequest::begin(&self.exchange.state, head.version);
        let terms = Terms::of(&head);
        let (handler, client) = (
            Arc::clone(&self.exchange.handler),
            self.exchange.client.clone(),
        );
        let begun = {
            let mut answering = pin!(handler.handle(self.request(head), client));
            poll_fn(|cx| match answering.as_mut().poll(cx) {
                Poll::Ready(response) => {
                    self.exchange.state.answered(response.extensions());
                    Poll::Ready(self.begin(response, H::lines, terms, cx))
                }
                Poll::Pending => match self.wire.meanwhile(cx) {
                    Ok(()) => Poll::Pending,
                    Err(error) => Poll::Ready(Err(error)),
                },
            })
            .await?
        };
        let after = self.send(begun).await?;
        if matches!(after, After::Abort) {
            in_request.failed();
        }
        drop(in_request);
        if matches!(after, After::Next) && self.wire.incoming.is_some() {
            let goes_on = poll_fn(|cx| self.wire.poll_drain(cx)).await?;
            return Ok(if goes_on { After::Next } else { After::Close });
        }
        Ok(after)
    }

    /// The request as the handler sees it.
    fn request(&mut self, head: Box<Head>) -> Request<RequestBody> {
        let head = *head;
        let wire = &mut self.wire;
        wire.request += 1;
        let line = wire
            .line
            .open(wire.request, head.version != Version::HTTP_10);
        let reader = match head.framing {
            Framing::Empty => None,
            framing => {
                // HTTP/1.0 does not know of it (RFC 9110 section 10.1.1).
                let expects = head.facts.expects_continue && head.version == Version::HTTP_11;
                let (incoming, reader) = Incoming::new(framing, expects, &wire.state);
                wire.incoming = Some(incoming);
                Some(reader)
            }
        };
        let mut request = Request::new(RequestBody::http1(reader, line));
        *request.method_mut() = head.method;
        *request.uri_mut() = head.target;
        *request.version_mut() = head.version;
        *request.headers_mut() = head.headers;
        request
    }

    async fn refuse(&mut self, refused: Refused) -> io::Result<After> {
        count(&self.exchange.shared.counters.bad_requests);
        let mut response = Some(refusal(refused.status, refused.is_head).map(Full::new));
        let terms = Terms {
            version: Version::HTTP_11,
            is_head: refused.is_head,
            takes_trailers: false,
            keep: false,
        };
        let begun = poll_fn(|cx| match response.take() {
            Some(response) => Poll::Ready(self.begin(response, |_| &[], terms, cx)),
            None => Poll::Pending,
        });
        let begun = begun.await?;
        self.send(begun).await
    }

    /// Puts the head of a response in the row.
    fn begin<B>(
        &mut self,
        response: Response<B>,
        lines: impl Fn(&B) -> &[u8],
        mut terms: Terms,
        cx: &mut Context<'_>,
    ) -> io::Result<Begun<B>>
    where
        B: Body<Data = Bytes>,
    {
        let Connection {
            wire,
            exchange,
            date,
        } = self;
        wire.wake_up();
        wire.put_interim();
        wire.line.close();
        let legible = wire.is_legible(cx)?;
        let upgrade = response.status() == StatusCode::SWITCHING_PROTOCOLS;
        terms.keep &= legible && !exchange.shared.is_leaving() && !exchange.state.is_closing();
        if let Some(incoming) = &mut wire.incoming {
            incoming.answered();
        }

        let (mut parts, body) = response.into_parts();
        if parts.status.is_informational() && !upgrade {
            // No final response: the client would wait for one for ever.
            parts.status = StatusCode::INTERNAL_SERVER_ERROR;
        }
        let hint = body.size_hint();
        let (mut delimit, mut keep) = (Delimit::Nothing, false);
        wire.out.text(|text| {
            (delimit, keep) = encode::head(&parts, lines(&body), &hint, &terms, date, text);
        });
        maps::give(parts.headers);
        Ok(Begun {
            sending: Sending::new(delimit),
            body,
            keep,
            upgrade,
        })
    }

    /// Sends the rest of a response.
    async fn send<B>(&mut self, begun: Begun<B>) -> io::Result<After>
    where
        B: Body<Data = Bytes>,
    {
        let Begun {
            mut sending,
            body,
            keep,
            upgrade,
        } = begun;
        let wire = &mut self.wire;
        let mut body = pin!(Some(body));
        poll_fn(|cx| wire.poll_send(&mut sending, body.as_mut(), cx)).await?;
        if let Some(incoming) = &mut wire.incoming {
            incoming.close();
        }
        if sending.end() == Some(End::Broken) {
            return Ok(After::Abort);
        }
        if upgrade {
            self.exchange.state.enter(Stage::Upgraded);
            // What follows the request must not be taken for its body (RFC 9110 section 7.8).
            let successor = wire.line.successor(wire.request);
            let successor = successor.filter(|_| wire.incoming.is_none());
            return Ok(successor.map_or(After::Abort, After::Upgrade));
        }
        Ok(if keep { After::Next } else { After::Close })
    }
}
