//! Frames into bytes.

use crate::{
    Reason,
    frame::{HEAD, flag, kind},
};

fn head(length: usize, kind: u8, flags: u8, stream: u32) -> [u8; HEAD] {
    let [_, a, b, c] = (length as u32).to_be_bytes();
    let [d, e, f, g] = stream.to_be_bytes();
    [a, b, c, kind, flags, d, e, f, g]
}

/// The head of a DATA frame; its content follows. `length` is at most what the client takes.
#[inline]
pub fn data(stream: u32, length: usize, end: bool, out: &mut Vec<u8>) {
    let flags = if end { flag::END_STREAM } else { 0 };
    out.extend_from_slice(&head(length, kind::DATA, flags, stream));
}

/// A header block, which `block` writes, in as many frames as it takes: each has at most
/// `max_length` bytes of it.
#[inline]
pub fn headers(
    stream: u32,
    end: bool,
    max_length: usize,
    out: &mut Vec<u8>,
    block: impl FnOnce(&mut Vec<u8>),
) {
    let at = out.len();
    out.extend_from_slice(&[0; HEAD]);
    block(out);
    let length = out.len() - at - HEAD;
    let mut flags = if end { flag::END_STREAM } else { 0 };
    if length > max_length {
        return split(stream, flags, max_length, out, at);
    }
    flags |= flag::END_HEADERS;
    out[at..at + HEAD].copy_from_slice(&head(length, kind::HEADERS, flags, stream));
}

/// Cuts the block behind `at` into frames.
#[cold]
fn split(stream: u32, flags: u8, max_length: usize, out: &mut Vec<u8>, at: usize) {
    let block = out.split_off(at + HEAD);
    out.truncate(at);
    let (mut kind, mut flags) = (kind::HEADERS, flags);
    let mut rest = &block[..];
    while !rest.is_empty() {
        let (this, after) = rest.split_at(rest.len().min(max_length));
        if after.is_empty() {
            flags |= flag::END_HEADERS;
        }
        out.extend_from_slice(&head(this.len(), kind, flags, stream));
        out.extend_from_slice(this);
        (kind, flags, rest) = (kind::CONTINUATION, 0, after);
    }
}

/// Ends a stream.
pub fn reset(stream: u32, reason: Reason, out: &mut Vec<u8>) {
    out.extend_from_slice(&head(4, kind::RST_STREAM, 0, stream));
    out.extend_from_slice(&(reason as u32).to_be_bytes());
}

/// Settings: identifiers (RFC 9113 section 6.5.2) and values.
pub fn settings(settings: &[(u16, u32)], out: &mut Vec<u8>) {
    out.extend_from_slice(&head(settings.len() * 6, kind::SETTINGS, 0, 0));
    for (id, value) in settings {
        out.extend_from_slice(&id.to_be_bytes());
        out.extend_from_slice(&value.to_be_bytes());
    }
}

/// The client's settings are in force.
pub fn settings_ack(out: &mut Vec<u8>) {
    out.extend_from_slice(&head(0, kind::SETTINGS, flag::ACK, 0));
}

/// A PING, or the answer to one.
pub fn ping(payload: [u8; 8], ack: bool, out: &mut Vec<u8>) {
    let flags = if ack { flag::ACK } else { 0 };
    out.extend_from_slice(&head(8, kind::PING, flags, 0));
    out.extend_from_slice(&payload);
}

/// No stream after `last` is looked at; `why` is for whoever debugs it.
pub fn go_away(last: u32, reason: Reason, why: &str, out: &mut Vec<u8>) {
    out.extend_from_slice(&head(8 + why.len(), kind::GOAWAY, 0, 0));
    out.extend_from_slice(&last.to_be_bytes());
    out.extend_from_slice(&(reason as u32).to_be_bytes());
    out.extend_from_slice(why.as_bytes());
}

/// The client may send so many bytes more; `stream` 0: on the connection.
pub fn window_update(stream: u32, increment: u32, out: &mut Vec<u8>) {
    out.extend_from_slice(&head(4, kind::WINDOW_UPDATE, 0, stream));
    out.extend_from_slice(&increment.to_be_bytes());
}
