//! The protocol on one connection: frames come in, frames go out. No IO here.

use std::{collections::VecDeque, sync::Arc};

use bytes::{Buf, BytesMut};
use perigee_http2::{
    Fault, Fields, Frame, HEAD, Head, MAX_LENGTH, PREFACE, Reason, hpack::Decoder, read, write,
};

use super::{
    CONNECTION_WINDOW, STREAM_WINDOW, allowance::Allowance, blocks::Block, sending::Sender,
    streams::Streams, wakes::Wakes, window::ReceiveWindow,
};
use crate::{Handler, Limits, exchange::Exchange};

/// What a client may have at once of what it may have of each second.
const BURST: u32 = 10;

/// Frames that are no use by themselves for each request, and for each piece of content that is
/// taken: so many more are all right.
pub(crate) const EARNED_BY_REQUEST: u32 = 8;
pub(crate) const EARNED_BY_PIECE: u32 = 3;

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
    pub(crate) decoder: Decoder,
    pub(crate) block: Option<Block>,
    greeted: bool,
    pub(crate) settled: bool,
    pub(crate) resets: Allowance,
    pub(crate) overhead: Allowance,
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
            resets: allowance(limits.max_resets_per_second),
            overhead: allowance(limits.max_overhead_per_second),
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
                self.block = Some(Block::begin(stream, end_stream, fragment));
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
                self.overhead()?;
                self.sender
                    .out
                    .text(|text| write::ping(payload, true, text));
                Ok(())
            }
            Frame::PingAck(payload) => {
                if payload == LEAVING && self.leaving == Leaving::Announced {
                    self.leave_after(self.last);
                }
                self.overhead()
            }
            Frame::SettingsAck | Frame::Ignored | Frame::GoAway => self.overhead(),
        }
    }
}

fn allowance(per_second: u32) -> Allowance {
    Allowance::new(per_second.saturating_mul(BURST), per_second)
}

pub(crate) fn protocol(why: &'static str) -> Fault {
    Fault::Connection(Reason::Protocol, why)
}

pub(crate) fn calm(why: &'static str) -> Fault {
    Fault::Connection(Reason::EnhanceYourCalm, why)
}
