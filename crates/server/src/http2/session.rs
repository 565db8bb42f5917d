//! The protocol on one connection: frames come in, frames go out. No IO here.

use std::{collections::VecDeque, sync::Arc};

use bytes::{Buf, BytesMut};
use perigee_http2::{
    Fault, Fields, Frame, HEAD, Head, MAX_LENGTH, PREFACE, Reason, hpack::Decoder, read, write,
};

use super::{
    CONNECTION_WINDOW, STREAM_WINDOW, allowance::Allowance, sending::Sender, streams::Streams,
    wakes::Wakes, window::ReceiveWindow,
};
use crate::{Handler, Limits, exchange::Exchange};

/// Streams that were reset, by the client or for its errors, at once and per second: more end the
/// connection (rapid reset, CVE-2023-44487, and what makes servers reset, CVE-2025-8671).
const RESETS: (u32, u32) = (256, 32);

/// Frames that are no use by themselves, at once and per second: PING, SETTINGS, PRIORITY,
/// CONTINUATION, empty DATA, windows of nothing (CVE-2019-9511 to 9518, CVE-2024-27316). Requests
/// and content that is taken earn more.
const USELESS: (u32, u32) = (1_000, 100);
const EARNED_BY_REQUEST: u32 = 8;
pub(crate) const EARNED_BY_PIECE: u32 = 3;

/// Header blocks may be so many times as long as what is kept of them.
const BLOCK: usize = 2;

/// The PING that comes back when the client knows that we leave.
pub(crate) const LEAVING: [u8; 8] = *b"leaving!";

/// The largest number of a stream.
pub(crate) const ANY: u32 = (1 << 31) - 1;

/// How far the end of the connection has come (RFC 9113 section 6.8).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Leaving {
    No,
    /// The client was told; what it sent before it knew is still served.
    Announced,
    /// It knows: streams up to this one are served.
    After(u32),
}

/// A header block of which more comes.
#[derive(Debug)]
pub(crate) struct Block {
    stream: u32,
    end_stream: bool,
    bytes: Vec<u8>,
}

/// One connection's protocol.
pub(crate) struct Session<H: Handler> {
    pub(crate) exchange: Exchange<H>,
    pub(crate) limits: Arc<Limits>,
    pub(crate) sender: Sender,
    pub(crate) streams: Streams<H::Body>,
    /// Streams that have something to do.
    pub(crate) ready: VecDeque<u32>,
    pub(crate) wakes: Arc<Wakes>,
    pub(crate) woken: Vec<u32>,
    /// Content that may come.
    pub(crate) window: ReceiveWindow,
    /// The largest number of a stream so far.
    pub(crate) last: u32,
    pub(crate) fields: Fields,
    /// For field lines of answers.
    pub(crate) lines: Vec<u8>,
    /// Requests that were answered at once since the last look.
    pub(crate) at_once: u32,
    decoder: Decoder,
    pub(crate) block: Option<Block>,
    greeted: bool,
    pub(crate) settled: bool,
    pub(crate) resets: Allowance,
    pub(crate) useless: Allowance,
    pub(crate) leaving: Leaving,
    pub(crate) is_failed: bool,
    /// Content waits for the client's window.
    pub(crate) is_stalled: bool,
}

impl<H: Handler> Session<H> {
    pub(crate) fn new(exchange: Exchange<H>, limits: Arc<Limits>) -> Self {
        let mut session = Session {
            wakes: Wakes::new(&exchange.state),
            exchange,
            sender: Sender::default(),
            streams: Streams::default(),
            ready: VecDeque::new(),
            woken: Vec::new(),
            window: ReceiveWindow::new(CONNECTION_WINDOW),
            last: 0,
            fields: Fields::default(),
            lines: Vec::new(),
            at_once: 0,
            decoder: Decoder::default(),
            block: None,
            greeted: false,
            settled: false,
            resets: Allowance::new(RESETS.0, RESETS.1),
            useless: Allowance::new(USELESS.0, USELESS.1),
            leaving: Leaving::No,
            is_failed: false,
            is_stalled: false,
            limits,
        };
        session.greet();
        session
    }

    /// What a server sends first (RFC 9113 section 3.4).
    fn greet(&mut self) {
        let limits = &self.limits;
        let list = u32::try_from(limits.max_head).unwrap_or(u32::MAX);
        let settings = [(3, limits.max_streams), (4, STREAM_WINDOW), (6, list)];
        let more = CONNECTION_WINDOW - 65_535;
        self.sender.out.text(|text| {
            write::settings(&settings, text);
            write::window_update(0, more, text);
        });
    }

    /// Takes the frames that are there whole, as long as there is room for what they ask for.
    pub(crate) fn take(&mut self, buf: &mut BytesMut) {
        while !self.is_failed && self.has_room() {
            if !self.greeted {
                let length = buf.len().min(PREFACE.len());
                if buf[..length] != PREFACE[..length] {
                    return self.fail(Reason::Protocol, "no preface");
                }
                if length < PREFACE.len() {
                    return;
                }
                buf.advance(length);
                self.greeted = true;
            }
            let Some(head) = Head::parse(buf) else {
                return;
            };
            if head.length > MAX_LENGTH {
                return self.fail(Reason::FrameSize, "a frame is too long");
            }
            let Some(payload) = buf.get(HEAD..HEAD + head.length) else {
                return;
            };
            if let Err(fault) = read(head, payload).and_then(|frame| self.frame(frame)) {
                self.fault(fault);
            }
            buf.advance(HEAD + head.length);
        }
    }

    /// Whether there is room for more answers.
    pub(crate) fn has_room(&self) -> bool {
        self.sender.out.has_room()
    }

    fn frame(&mut self, frame: Frame<'_>) -> Result<(), Fault> {
        if !self.settled && !matches!(frame, Frame::Settings(_)) {
            return Err(protocol("no SETTINGS at the beginning"));
        }
        if self.block.is_some() && !matches!(frame, Frame::Continuation { .. }) {
            return Err(protocol("a frame within a header block"));
        }
        match frame {
            Frame::Headers {
                stream,
                fragment,
                end_stream,
                end_headers: true,
            } => self.headers(stream, end_stream, fragment),
            Frame::Headers {
                stream,
                fragment,
                end_stream,
                ..
            } => {
                self.block = Some(Block {
                    stream,
                    end_stream,
                    bytes: fragment.to_vec(),
                });
                Ok(())
            }
            Frame::Continuation {
                stream,
                fragment,
                end_headers,
            } => self.continuation(stream, fragment, end_headers),
            Frame::Data {
                stream,
                data,
                flow,
                end,
            } => self.data(stream, data, flow, end),
            Frame::WindowUpdate { stream, increment } => self.window_update(stream, increment),
            Frame::Reset { stream } => self.reset(stream),
            Frame::Settings(payload) => self.settings(payload),
            Frame::Ping(payload) => {
                self.useless()?;
                self.sender
                    .out
                    .text(|text| write::ping(payload, true, text));
                Ok(())
            }
            Frame::PingAck(payload) => {
                if payload == LEAVING && self.leaving == Leaving::Announced {
                    self.leave_after(self.last);
                }
                self.useless()
            }
            Frame::SettingsAck | Frame::Ignored | Frame::GoAway => self.useless(),
        }
    }

    /// CONTINUATION (RFC 9113 section 6.10).
    fn continuation(&mut self, stream: u32, fragment: &[u8], end: bool) -> Result<(), Fault> {
        self.useless()?;
        let block = self.block.take().filter(|block| block.stream == stream);
        let mut block = block.ok_or(protocol("CONTINUATION of nothing"))?;
        if block.bytes.len() + fragment.len() > BLOCK * self.limits.max_head.max(MAX_LENGTH) {
            return Err(calm("a header block is too long"));
        }
        block.bytes.extend_from_slice(fragment);
        if end {
            return self.headers(stream, block.end_stream, &block.bytes);
        }
        self.block = Some(block);
        Ok(())
    }

    /// A whole header block.
    fn headers(&mut self, id: u32, end_stream: bool, block: &[u8]) -> Result<(), Fault> {
        use perigee_http2::hpack::Unreadable;

        let mut fields = std::mem::take(&mut self.fields);
        let read = self
            .decoder
            .decode(block, &mut fields, self.limits.max_head);
        let taken = match read {
            Err(Unreadable::Malformed) => Err(Fault::Connection(
                Reason::Compression,
                "a header block makes no sense",
            )),
            Err(Unreadable::Bomb) => Err(calm("far too many fields")),
            Ok(()) if id & 1 == 0 => Err(protocol("a stream of a server")),
            Ok(()) if id <= self.last => self.trailers(id, end_stream, &fields),
            Ok(()) => {
                self.last = id;
                self.request(id, end_stream, &fields)
            }
        };
        self.fields = fields;
        taken
    }

    fn request(&mut self, id: u32, end_stream: bool, fields: &Fields) -> Result<(), Fault> {
        if matches!(self.leaving, Leaving::After(_)) {
            self.streams.pass_over(id);
            return Ok(());
        }
        if self.streams.len() >= self.limits.max_streams as usize {
            return Err(Fault::Stream(id, Reason::Refused));
        }
        self.useless.earn(EARNED_BY_REQUEST);
        self.open(id, end_stream, fields)
    }
}

pub(crate) fn protocol(why: &'static str) -> Fault {
    Fault::Connection(Reason::Protocol, why)
}

pub(crate) fn calm(why: &'static str) -> Fault {
    Fault::Connection(Reason::EnhanceYourCalm, why)
}
