//! Frames out of bytes (RFC 9113 sections 4 and 6).

/// What a client sends first (RFC 9113 section 3.4).
pub const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// Bytes of the head of a frame.
pub const HEAD: usize = 9;

/// Bytes of a payload, at most: what everybody takes unless they say more (section 6.5.2).
pub const MAX_LENGTH: usize = 16_384;

/// Why a stream or a connection ends (RFC 9113 section 7).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum Reason {
    /// Nothing is wrong.
    No = 0,
    /// What came is against the protocol.
    Protocol = 1,
    /// Something here went wrong.
    Internal = 2,
    /// More came than there was room for.
    FlowControl = 3,
    /// What came is for a stream that is closed.
    StreamClosed = 5,
    /// A frame has a length that it cannot have.
    FrameSize = 6,
    /// Nothing was done for the stream.
    Refused = 7,
    /// It is not wanted any more.
    Cancel = 8,
    /// Header compression cannot go on.
    Compression = 9,
    /// Too much work for nothing.
    EnhanceYourCalm = 11,
}

/// What is wrong with a frame, and what that ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The connection (section 5.4.1).
    Connection(Reason, &'static str),
    /// One stream (section 5.4.2).
    Stream(u32, Reason),
}

/// The head of a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Head {
    /// Bytes of the payload.
    pub length: usize,
    kind: u8,
    flags: u8,
    stream: u32,
}

impl Head {
    /// The head at the front of `bytes`, once it is there whole.
    #[inline]
    pub fn parse(bytes: &[u8]) -> Option<Self> {
        let &[a, b, c, kind, flags, d, e, f, g] = bytes.first_chunk::<HEAD>()?;
        Some(Head {
            length: u32::from_be_bytes([0, a, b, c]) as usize,
            kind,
            flags,
            // The first bit is reserved, and ignored.
            stream: u32::from_be_bytes([d & 0x7f, e, f, g]),
        })
    }

    fn has(self, flag: u8) -> bool {
        self.flags & flag != 0
    }
}

pub(crate) mod kind {
    pub(crate) const DATA: u8 = 0;
    pub(crate) const HEADERS: u8 = 1;
    pub(crate) const PRIORITY: u8 = 2;
    pub(crate) const RST_STREAM: u8 = 3;
    pub(crate) const SETTINGS: u8 = 4;
    pub(crate) const PUSH_PROMISE: u8 = 5;
    pub(crate) const PING: u8 = 6;
    pub(crate) const GOAWAY: u8 = 7;
    pub(crate) const WINDOW_UPDATE: u8 = 8;
    pub(crate) const CONTINUATION: u8 = 9;
}

pub(crate) mod flag {
    pub(crate) const ACK: u8 = 1;
    pub(crate) const END_STREAM: u8 = 1;
    pub(crate) const END_HEADERS: u8 = 4;
    pub(crate) const PADDED: u8 = 8;
    pub(crate) const PRIORITY: u8 = 0x20;
}

/// A frame from a client. `stream` is never 0 where it names a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Frame<'a> {
    /// Content.
    Data {
        /// Whose.
        stream: u32,
        /// The content, without padding.
        data: &'a [u8],
        /// Bytes that count for flow control.
        flow: usize,
        /// It is the last of the stream.
        end: bool,
    },
    /// The beginning of a header block.
    Headers {
        /// Whose.
        stream: u32,
        /// Of the block.
        fragment: &'a [u8],
        /// Nothing but the block follows on the stream.
        end_stream: bool,
        /// It is the whole block.
        end_headers: bool,
    },
    /// More of a header block.
    Continuation {
        /// Whose.
        stream: u32,
        /// Of the block.
        fragment: &'a [u8],
        /// It is the last of the block.
        end_headers: bool,
    },
    /// A stream is given up.
    Reset {
        /// Which.
        stream: u32,
    },
    /// The client's settings: see [`crate::Settings::apply`].
    Settings(&'a [u8]),
    /// Ours are in force.
    SettingsAck,
    /// To be sent back.
    Ping([u8; 8]),
    /// Ours came back.
    PingAck([u8; 8]),
    /// The client will accept no more streams; it never did.
    GoAway,
    /// More may be sent.
    WindowUpdate {
        /// On which; 0: the connection.
        stream: u32,
        /// Bytes more, at least 1.
        increment: u32,
    },
    /// Nothing that means anything here.
    Ignored,
}

/// What a frame says. A payload that is longer than [`MAX_LENGTH`] is refused by its head.
///
/// # Errors
/// [`Fault`] for what is malformed in itself.
#[inline]
pub fn read(head: Head, payload: &[u8]) -> Result<Frame<'_>, Fault> {
    let stream = head.stream;
    match head.kind {
        kind::DATA => {
            some(stream, "DATA without a stream")?;
            Ok(Frame::Data {
                stream,
                data: unpadded(head, payload)?,
                flow: payload.len(),
                end: head.has(flag::END_STREAM),
            })
        }
        kind::HEADERS => headers(head, payload),
        kind::CONTINUATION => {
            some(stream, "CONTINUATION without a stream")?;
            Ok(Frame::Continuation {
                stream,
                fragment: payload,
                end_headers: head.has(flag::END_HEADERS),
            })
        }
        kind::WINDOW_UPDATE => window_update(stream, payload),
        kind::RST_STREAM => {
            some(stream, "RST_STREAM without a stream")?;
            exactly(4, payload)?;
            Ok(Frame::Reset { stream })
        }
        kind::SETTINGS => settings(head, payload),
        kind::PING => {
            none(stream, "PING on a stream")?;
            let Ok(payload) = <[u8; 8]>::try_from(payload) else {
                return Err(wrong_size("PING"));
            };
            Ok(match head.has(flag::ACK) {
                true => Frame::PingAck(payload),
                false => Frame::Ping(payload),
            })
        }
        kind::PRIORITY => {
            some(stream, "PRIORITY without a stream")?;
            if payload.len() != 5 {
                return Err(Fault::Stream(stream, Reason::FrameSize));
            }
            depends_on(stream, payload)?;
            Ok(Frame::Ignored)
        }
        kind::GOAWAY => {
            none(stream, "GOAWAY on a stream")?;
            match payload.len() {
                0..8 => Err(wrong_size("GOAWAY")),
                _ => Ok(Frame::GoAway),
            }
        }
        kind::PUSH_PROMISE => Err(protocol("a client promised to push")),
        // RFC 9113 section 4.1.
        _ => Ok(Frame::Ignored),
    }
}

fn headers(head: Head, payload: &[u8]) -> Result<Frame<'_>, Fault> {
    some(head.stream, "HEADERS without a stream")?;
    let mut fragment = unpadded(head, payload)?;
    if head.has(flag::PRIORITY) {
        let Some((priority, rest)) = fragment.split_at_checked(5) else {
            return Err(wrong_size("HEADERS"));
        };
        // A stream error here would leave header compression behind.
        depends_on(head.stream, priority).map_err(|_| protocol("a stream depends on itself"))?;
        fragment = rest;
    }
    Ok(Frame::Headers {
        stream: head.stream,
        fragment,
        end_stream: head.has(flag::END_STREAM),
        end_headers: head.has(flag::END_HEADERS),
    })
}

fn settings(head: Head, payload: &[u8]) -> Result<Frame<'_>, Fault> {
    none(head.stream, "SETTINGS on a stream")?;
    match (head.has(flag::ACK), payload.len()) {
        (true, 0) => Ok(Frame::SettingsAck),
        (false, length) if length.is_multiple_of(6) => Ok(Frame::Settings(payload)),
        _ => Err(wrong_size("SETTINGS")),
    }
}

fn window_update(stream: u32, payload: &[u8]) -> Result<Frame<'_>, Fault> {
    let Ok(bytes) = <[u8; 4]>::try_from(payload) else {
        return Err(wrong_size("WINDOW_UPDATE"));
    };
    match u32::from_be_bytes(bytes) & 0x7fff_ffff {
        0 if stream == 0 => Err(protocol("a window update by nothing")),
        0 => Err(Fault::Stream(stream, Reason::Protocol)),
        increment => Ok(Frame::WindowUpdate { stream, increment }),
    }
}

/// What is left without padding (section 6.1).
#[inline]
fn unpadded(head: Head, payload: &[u8]) -> Result<&[u8], Fault> {
    if !head.has(flag::PADDED) {
        return Ok(payload);
    }
    let (&padding, rest) = payload.split_first().ok_or(wrong_size("padding"))?;
    let length = rest.len().checked_sub(usize::from(padding));
    let length = length.ok_or(protocol("more padding than payload"))?;
    Ok(&rest[..length])
}

/// Priorities are not looked at, but for what is plainly wrong (RFC 7540 section 5.3.1).
fn depends_on(stream: u32, priority: &[u8]) -> Result<(), Fault> {
    let on = priority.first_chunk().map(|on| u32::from_be_bytes(*on));
    if on.is_some_and(|on| on & 0x7fff_ffff == stream) {
        return Err(Fault::Stream(stream, Reason::Protocol));
    }
    Ok(())
}

fn some(stream: u32, what: &'static str) -> Result<(), Fault> {
    if stream == 0 {
        return Err(protocol(what));
    }
    Ok(())
}

fn none(stream: u32, what: &'static str) -> Result<(), Fault> {
    if stream != 0 {
        return Err(protocol(what));
    }
    Ok(())
}

fn exactly(length: usize, payload: &[u8]) -> Result<(), Fault> {
    if payload.len() != length {
        return Err(wrong_size("a frame"));
    }
    Ok(())
}

fn protocol(what: &'static str) -> Fault {
    Fault::Connection(Reason::Protocol, what)
}

fn wrong_size(what: &'static str) -> Fault {
    Fault::Connection(Reason::FrameSize, what)
}
