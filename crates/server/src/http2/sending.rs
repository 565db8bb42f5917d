//! What is written to the client: heads, content, and what keeps the connection going.

use bytes::Bytes;
use http::{HeaderMap, StatusCode};
use perigee_http2::{Reason, Settings, hpack::Encoder, write};

use super::{answer, window::SendWindow};
use crate::http1::{DateText, Out};

/// Up to this many bytes, copying a body costs less than its place in the row.
const SMALL: usize = 2 << 10;

/// The way to the client.
pub(crate) struct Sender {
    pub(crate) out: Out,
    pub(crate) encoder: Encoder,
    pub(crate) date: DateText,
    /// What the client takes on the connection.
    pub(crate) window: SendWindow,
    pub(crate) settings: Settings,
    /// Frames of content that were sent.
    pub(crate) pieces: u32,
}

impl Default for Sender {
    fn default() -> Self {
        let settings = Settings::default();
        Sender {
            out: Out::default(),
            encoder: Encoder::default(),
            date: DateText::default(),
            window: SendWindow::new(settings.initial_window),
            settings,
            pieces: 0,
        }
    }
}

impl Sender {
    /// The head of a response; `end`: it has no content.
    pub(crate) fn head(
        &mut self,
        stream: u32,
        status: StatusCode,
        headers: &HeaderMap,
        length: Option<u64>,
        end: bool,
    ) {
        let Sender {
            out,
            encoder,
            date,
            settings,
            ..
        } = self;
        out.text(|text| {
            write::headers(stream, end, settings.max_length, text, |block| {
                answer::head(status, headers, length, date, encoder, block);
            });
        });
    }

    /// The head of a response that is there as lines of text.
    pub(crate) fn lines(
        &mut self,
        stream: u32,
        status: StatusCode,
        lines: &[u8],
        length: Option<u64>,
        end: bool,
    ) {
        let Sender {
            out,
            encoder,
            settings,
            ..
        } = self;
        out.text(|text| {
            write::headers(stream, end, settings.max_length, text, |block| {
                encoder.status(status.as_u16(), block);
                answer::lines(lines, encoder, block);
                if let Some(length) = length {
                    answer::content_length(length, encoder, block);
                }
            });
        });
    }

    /// An interim response without fields (RFC 9110 section 15.2).
    pub(crate) fn interim(&mut self, stream: u32, status: StatusCode) {
        let Sender {
            out,
            encoder,
            settings,
            ..
        } = self;
        out.text(|text| {
            write::headers(stream, false, settings.max_length, text, |block| {
                encoder.status(status.as_u16(), block);
            });
        });
    }

    /// The end of a response (RFC 9113 section 8.1).
    pub(crate) fn trailers(&mut self, stream: u32, trailers: &HeaderMap) {
        let Sender {
            out,
            encoder,
            settings,
            ..
        } = self;
        out.text(|text| {
            write::headers(stream, true, settings.max_length, text, |block| {
                encoder.begin(block);
                for (name, value) in trailers {
                    encoder.field(name.as_str().as_bytes(), value.as_bytes(), block);
                }
            });
        });
    }

    /// Content, as much as both windows and one frame take.
    pub(crate) fn data(&mut self, stream: u32, data: Bytes, end: bool) {
        self.window.sent(data.len());
        self.pieces += 1;
        self.out.text(|text| {
            write::data(stream, data.len(), end, text);
            if data.len() <= SMALL {
                text.extend_from_slice(&data);
            }
        });
        if data.len() > SMALL {
            self.out.body(data);
        }
    }

    pub(crate) fn reset(&mut self, stream: u32, reason: Reason) {
        self.out.text(|text| write::reset(stream, reason, text));
    }

    /// The client may send so many bytes more.
    pub(crate) fn window_update(&mut self, stream: u32, increment: Option<u32>) {
        if let Some(increment) = increment {
            self.out
                .text(|text| write::window_update(stream, increment, text));
        }
    }
}
