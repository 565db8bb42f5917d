//! HTTP/2, on one connection and in its one task (RFC 9113).
//!
//! `perigee_http2` makes frames and fields of bytes, and bytes of them. `session` takes the
//! frames, one by one, and knows nothing of IO; `control` are those about windows and settings,
//! `requests` opens streams and `content` feeds their bodies. `stream` is one request until its
//! response is out, and has its `turns`; `sending` writes, all that are ready in one row. `ending` says
//! what ends a stream, and what all of them; what floods a server has an `allowance`. `connection`
//! moves the bytes.

mod allowance;
mod answer;
mod blocks;
mod connection;
mod content;
mod control;
mod download;
mod ending;
mod requests;
mod sending;
mod session;
mod stream;
mod streams;
mod turns;
mod upload;
mod wakes;
mod window;

pub(crate) use connection::serve;
pub(crate) use upload::Reader;

use std::time::Duration;

/// Flow control, bytes of request bodies that may wait for the handler: per stream and per
/// connection.
const STREAM_WINDOW: u32 = 256 << 10;
const CONNECTION_WINDOW: u32 = 1 << 20;

/// Bytes of one response that go out before those of another, at most.
const PIECE: usize = 16 << 10;

/// PINGs tell whether a client that waits for a response is still there.
const PING_INTERVAL: Duration = Duration::from_secs(20);
