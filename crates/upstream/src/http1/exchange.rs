//! One request out, one response head back.

use std::{
    io,
    task::{Context, Poll, ready},
    time::Duration,
};

use bytes::Buf;
use http::{Method, Response, StatusCode};
use tokio::time::Instant;

use super::{
    Address, Connection, HeadLimits, duplex,
    framing::Fault,
    response::{Head, HeadReader},
    transfer::{self, Terms, Transfer},
    upgraded,
    upload::{Stopped, Upload},
    usual,
};
use crate::{
    Body, Came, OnInterim, Whole,
    body::{self, BoxError},
};

/// Why no response head came.
#[derive(Debug)]
pub(crate) enum Broken {
    /// The connection was closed before the head was whole.
    Closed,
    /// The connection is broken.
    Io(io::Error),
    /// What came is no response.
    Invalid(Fault),
    /// The origin has been silent for too long.
    Silent,
    /// The request was not brought whole.
    Request(BoxError),
}

/// A request that is being answered on a connection.
#[derive(Debug)]
pub(crate) struct Exchange<'a> {
    /// Until the head of the response has come.
    under_way: Option<(Box<Connection>, Upload)>,
    reader: HeadReader,
    takes_whole: bool,
    to_head: bool,
    heads: HeadLimits,
    /// Who is told of interim responses, and how many more there may be.
    interim: Option<&'a dyn OnInterim>,
    interim_left: usize,
    /// The request could not be sent whole, for this reason.
    cut: Option<io::Error>,
    was_used: bool,
}

/// A response, as far as it is taken off the connection.
#[derive(Debug)]
enum Taken {
    Head(Head),
    Whole(Box<Whole>),
}

/// A response head, and all that is needed for its body.
#[derive(Debug)]
pub(crate) struct Answered {
    taken: Taken,
    connection: Box<Connection>,
    upload: Upload,
}

impl<'a> Exchange<'a> {
    /// A request that goes out over this connection, once that is polled.
    pub(crate) fn new(
        mut connection: Box<Connection>,
        (request, body): (crate::Head<'a>, Body),
        to: &Address,
        (heads, max_interim): (HeadLimits, usize),
        now: Instant,
    ) -> Self {
        let outgoing = request.request;
        let was_used = std::mem::replace(&mut connection.used, true);
        let upload = Upload::begin(&mut connection, outgoing, body, to, now);
        Exchange {
            under_way: Some((connection, upload)),
            reader: HeadReader::default(),
            takes_whole: request.takes_whole,
            to_head: outgoing.method == Method::HEAD,
            heads,
            interim: request.interim,
            interim_left: max_interim,
            cut: None,
            was_used,
        }
    }

    /// Whether the connection had served before.
    pub(crate) fn was_used(&self) -> bool {
        self.was_used
    }

    /// The final response, when its head has come. The request may still be on its way then.
    pub(crate) fn poll(
        &mut self,
        cx: &mut Context<'_>,
        first_byte_timeout: Duration,
    ) -> Poll<Result<Answered, Broken>> {
        let Some((mut connection, mut upload)) = self.under_way.take() else {
            return Poll::Pending;
        };
        match self.poll_head(&mut connection, &mut upload, first_byte_timeout, cx) {
            Poll::Pending => {
                self.under_way = Some((connection, upload));
                Poll::Pending
            }
            Poll::Ready(Err(broken)) => Poll::Ready(Err(broken)),
            Poll::Ready(Ok(taken)) => Poll::Ready(Ok(Answered {
                taken,
                connection,
                upload,
            })),
        }
    }

    fn poll_head(
        &mut self,
        connection: &mut Connection,
        upload: &mut Upload,
        first_byte_timeout: Duration,
        cx: &mut Context<'_>,
    ) -> Poll<Result<Taken, Broken>> {
        match upload.poll(connection, cx) {
            Poll::Ready(Err(Stopped::Here(error))) => {
                return Poll::Ready(Err(Broken::Request(error)));
            }
            // An origin that has answered, and closed, need not have read all of it.
            Poll::Ready(Err(Stopped::There(error))) => {
                self.cut = Some(error);
                upload.give_up();
            }
            Poll::Ready(Ok(())) | Poll::Pending => {}
        }
        loop {
            if let Some(taken) = self.take(connection, upload.is_over())? {
                return Poll::Ready(Ok(taken));
            }
            match connection.poll_read(cx, 0) {
                Poll::Ready(Ok(0)) => return Poll::Ready(Err(self.ended(Broken::Closed))),
                Poll::Ready(Ok(_)) => {}
                Poll::Ready(Err(error)) => return Poll::Ready(Err(self.ended(Broken::Io(error)))),
                Poll::Pending => break,
            }
        }
        let Some(since) = upload.origins_turn() else {
            return Poll::Pending;
        };
        ready!(connection.poll_deadline(cx, since + first_byte_timeout));
        Poll::Ready(Err(Broken::Silent))
    }

    /// The head, if it has come whole, and maybe the body with it. Interim ones before it are told on the way.
    fn take(
        &mut self,
        connection: &mut Connection,
        was_sent: bool,
    ) -> Result<Option<Taken>, Broken> {
        while !connection.buf.is_empty() {
            // Looked for at the first look, not again for each byte that trickles in.
            if self.takes_whole
                && was_sent
                && self.reader.is_new()
                && let Some((whole, length)) = usual::read(&connection.buf, self.heads.max_fields)
            {
                connection.buf.advance(length);
                return Ok(Some(Taken::Whole(Box::new(whole))));
            }
            let taken = self
                .reader
                .take(&mut connection.buf, self.to_head, self.heads);
            let Some(head) = taken.map_err(Broken::Invalid)? else {
                return Ok(None);
            };
            if !head.is_interim() {
                return Ok(Some(Taken::Head(head)));
            }
            let left = self.interim_left.checked_sub(1);
            self.interim_left = left.ok_or(Broken::Invalid("too many interim ones before it"))?;
            if let Some(interim) = self.interim {
                interim.tell(head.status, &head.headers);
            }
        }
        Ok(None)
    }

    /// What is known of why the connection is at its end.
    fn ended(&mut self, seen: Broken) -> Broken {
        self.cut.take().map_or(seen, Broken::Io)
    }
}

impl Answered {
    /// When its connection was opened.
    pub(crate) fn opened(&self) -> Instant {
        self.connection.opened
    }

    /// Whether its connection is good for another request, as far as the response says.
    pub(crate) fn is_kept(&self) -> bool {
        match &self.taken {
            Taken::Head(head) => head.framed.keep,
            Taken::Whole(_) => true,
        }
    }

    /// The response. What it is on stays tied to its body, or after a switch of protocols (RFC 9110
    /// section 15.2.2) to the connection that it carries.
    pub(crate) fn came(self, terms: Terms) -> Came {
        let Answered {
            taken,
            connection,
            upload,
        } = self;
        let head = match taken {
            Taken::Head(head) => head,
            Taken::Whole(whole) => {
                transfer::ended(connection, terms);
                return Came::Whole(whole);
            }
        };
        Came::Any(response(head, connection, upload, terms))
    }
}

fn response(
    head: Head,
    connection: Box<Connection>,
    upload: Upload,
    terms: Terms,
) -> Response<Body> {
    let mut response = Response::new(body::empty());
    *response.status_mut() = head.status;
    *response.headers_mut() = head.headers;
    if head.status == StatusCode::SWITCHING_PROTOCOLS {
        upgraded::hand_over(*connection, terms.permit, &mut response);
    } else if upload.is_over() {
        *response.body_mut() = match transfer::whole(connection, &head.framed.body, terms) {
            Ok(bytes) if bytes.is_empty() => return response,
            Ok(bytes) => body::full(bytes),
            Err((connection, terms)) => {
                body::boxed(Transfer::new(connection, head.framed.body, terms))
            }
        };
    } else {
        let idle_limit = terms.idle_limit;
        let transfer = Transfer::new(connection, head.framed.body, terms);
        *response.body_mut() = body::boxed(duplex::side_by_side(transfer, upload, idle_limit));
    }
    response
}
