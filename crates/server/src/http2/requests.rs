//! Requests out of lists of fields: answered at once, or by a stream of their own.

use std::sync::Arc;

use bytes::Bytes;
use http::{
    HeaderName, HeaderValue, Method, Request, StatusCode, Uri, Version,
    header::EXPECT,
    uri::{self, Authority, PathAndQuery, Scheme},
};
use httparse::{EMPTY_HEADER, Header};
use perigee_http1::lines::slice_of;
use perigee_http2::{self as wire, Fault, Fields, Reason};

use super::{
    content::Receiving,
    download::Download,
    session::Session,
    stream::{Stream, Work},
    wakes::Signal,
};
use crate::{
    Asked, AtOnce, Content, Handler, Reply, RequestBody, coarse,
    exchange::refusal,
    guards::{self, has_member},
    stats::count,
};

/// Fields of a request that may be answered at once.
const ON_STACK: usize = 64;

impl<H: Handler> Session<H> {
    /// A request whose head is there.
    pub(crate) fn open(&mut self, id: u32, ends: bool, fields: &Fields) -> Result<(), Fault> {
        const MALFORMED: Reason = Reason::Protocol;
        if fields.is_cut() {
            let is_head = fields.iter().any(|it| it == (b":method", b"HEAD"));
            self.refuse(
                id,
                ends,
                StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
                is_head,
            );
            return Ok(());
        }
        let malformed = Fault::Stream(id, MALFORMED);
        let request = fields.request().map_err(|_| malformed)?;
        // RFC 9113 section 8.1.1.
        if ends && request.content_length.is_some_and(|length| length > 0) {
            return Err(malformed);
        }
        if ends && self.answer_at_once(id, &request).is_some() {
            self.at_once += 1;
            return Ok(());
        }
        let is_head = request.method == "HEAD";
        let mut http = build(&request, fields).ok_or(malformed)?;
        if let Err(status) = guards::check_http2(&mut http, self.limits.max_fields) {
            self.refuse(id, ends, status, is_head);
            return Ok(());
        }
        let expect = http.headers().get_all(EXPECT).iter();
        let continue_due = expect
            .map(HeaderValue::as_bytes)
            .any(|it| has_member(it, b"100-continue"));
        let signal = Signal::new(id, &self.wakes);
        let (receiving, reader) = (!ends)
            .then(|| Receiving::new(request.content_length, continue_due, &signal))
            .unzip();
        let (handler, client) = (self.exchange.handler.clone(), self.exchange.client.clone());
        let http = http.map(|()| RequestBody::http2(reader));
        let answering = Box::pin(async move { handler.handle(http, client).await });
        let work = Work::Answer(answering, is_head);
        self.start(id, signal, receiving, work);
        Ok(())
    }

    /// Answers a request that no handler sees.
    fn refuse(&mut self, id: u32, ends: bool, status: StatusCode, is_head: bool) {
        count(&self.exchange.shared.counters.bad_requests);
        let (parts, text) = refusal(status, is_head).into_parts();
        let length = Some(text.len() as u64).filter(|_| !is_head);
        self.sender
            .head(id, status, &parts.headers, length, text.is_empty() && ends);
        if text.is_empty() && ends {
            return;
        }
        let signal = Signal::new(id, &self.wakes);
        // Nobody reads the content, if there is some.
        let receiving = (!ends).then(|| Receiving::new(None, false, &signal).0);
        self.start(id, signal, receiving, Work::Send(Download::of(text)));
    }

    /// Opens a stream.
    fn start(
        &mut self,
        id: u32,
        signal: Arc<Signal>,
        receiving: Option<Receiving>,
        work: Work<H::Body>,
    ) {
        let window = self.sender.settings.initial_window;
        let mut stream = Stream::new(id, signal, work, window, &self.exchange.state);
        stream.receiving = receiving;
        self.streams.insert(Box::new(stream));
        self.queue(id);
    }

    /// The answer, if it is there. What cannot be judged in passing is not answered here.
    fn answer_at_once(&mut self, id: u32, request: &wire::Request<'_>) -> Option<()> {
        let is_head = match request.method {
            "GET" => false,
            "HEAD" => true,
            _ => return None,
        };
        let host = guards::host(request.authority?.as_bytes())?;
        let target = request.path.filter(|target| guards::is_plain(target))?;
        if !matches!(request.scheme?, "http" | "https") {
            return None;
        }
        let mut fields = [EMPTY_HEADER; ON_STACK];
        let count = request.count();
        let fields = fields.get_mut(..count.min(self.limits.max_fields))?;
        if fields.len() < count {
            return None;
        }
        for (field, (name, value)) in fields.iter_mut().zip(request.fields()) {
            if matches!(
                name,
                b"host" | b"expect" | b"content-length" | b"te" | b"trailer"
            ) {
                return None;
            }
            let name = str::from_utf8(name).ok()?;
            *field = Header { name, value };
        }
        let asked = Asked {
            is_head,
            host,
            target,
            fields,
        };
        let mut lines = std::mem::take(&mut self.lines);
        lines.clear();
        let exchange = &self.exchange;
        let reply = Reply {
            now: coarse::wall(),
            text: &mut lines,
            end_head: None,
        };
        let answer = exchange.handler.at_once(&asked, &exchange.client, reply);
        let answer = answer.map(|answer| self.send_at_once(id, answer, &lines, is_head));
        self.lines = lines;
        answer
    }

    fn send_at_once(&mut self, id: u32, answer: AtOnce<H::Body>, lines: &[u8], is_head: bool) {
        let AtOnce {
            status,
            length,
            content,
            ..
        } = answer;
        let (length, download) = match content {
            Content::Empty | Content::Written(_) => (length, None),
            Content::Bytes(bytes) => (Some(bytes.len() as u64), Some(Download::of(bytes))),
            Content::Body(body) => (length, Some(Download::new(*body, length))),
        };
        let download = download.filter(|_| !is_head && length != Some(0));
        let Some(mut download) = download else {
            return self.sender.lines(id, status, lines, length, true);
        };
        self.sender.lines(id, status, lines, length, false);
        let settings = &self.sender.settings;
        let room = self.sender.window.room();
        let room = room.min(settings.initial_window as usize);
        if download.ends_here() && download.rest.len() <= room.min(super::PIECE) {
            let rest = std::mem::take(&mut download.rest);
            return self.sender.data(id, rest, true);
        }
        let signal = Signal::new(id, &self.wakes);
        self.start(id, signal, None, Work::Send(download));
    }
}

/// The request as handlers see it. None: it has parts that nothing can be.
fn build(request: &wire::Request<'_>, fields: &Fields) -> Option<Request<()>> {
    let mut http = Request::new(());
    *http.method_mut() = Method::from_bytes(request.method.as_bytes()).ok()?;
    *http.version_mut() = Version::HTTP_2;
    *http.uri_mut() = target(request)?;
    // The one copy of the fields: values are slices of it.
    let shared = Bytes::copy_from_slice(fields.text());
    let headers = http.headers_mut();
    for (name, value) in request.fields() {
        let name = HeaderName::from_bytes(name).ok()?;
        let value = slice_of(&shared, fields.text(), value);
        let value = HeaderValue::from_maybe_shared(value).ok()?;
        headers.try_append(name, value).ok()?;
    }
    Some(http)
}

/// The target of a request (RFC 9113 section 8.3.1).
fn target(request: &wire::Request<'_>) -> Option<Uri> {
    let mut parts = uri::Parts::default();
    if let Some(authority) = request.authority {
        parts.authority = Some(Authority::try_from(authority).ok()?);
        parts.scheme = match request.scheme {
            Some(scheme) => Some(Scheme::try_from(scheme).ok()?),
            None => None,
        };
    }
    if let Some(path) = request.path {
        // `Uri` would drop a fragment silently.
        let path = Some(path).filter(|path| !path.contains('#'))?;
        parts.path_and_query = Some(PathAndQuery::try_from(path).ok()?);
    }
    Uri::from_parts(parts).ok()
}
