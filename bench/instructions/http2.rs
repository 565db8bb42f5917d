//! Hits over HTTP/2 (with prior knowledge: TLS would mostly count cipher and key exchange), eight
//! streams at a time on one connection.

use std::task::{Context, Poll, ready};

use crate::{
    counted::{Peer, counted, play},
    edge::{self, HOST},
    origin::BODY,
    wire::Wire,
};

const AT_ONCE: usize = 8;
const WARM: usize = 200;
const COUNTED: usize = 1_000;

const DATA: u8 = 0;
const HEADERS: u8 = 1;
const SETTINGS: u8 = 4;
const GOAWAY: u8 = 7;
const WINDOW_UPDATE: u8 = 8;
const ACK: u8 = 1;
const END_STREAM: u8 = 1;
const END_HEADERS: u8 = 4;
/// Length, type, flags, stream (RFC 9113 section 4.1).
const FRAME_HEAD: usize = 9;

/// 1 KiB from memory.
pub(crate) fn hit() -> usize {
    let running = edge::start();
    let wire = running.runtime.block_on(Wire::to(running.address));
    let mut client = Client {
        wire,
        stream: 1,
        open: 0,
        left: 0,
        received: 0,
    };
    client.begin();
    client.left = WARM;
    running.runtime.block_on(play(&mut client));
    client.left = COUNTED;
    client.received = 0;
    counted(&mut || running.runtime.block_on(play(&mut client)));
    assert_eq!(client.received, COUNTED * BODY.len());
    COUNTED
}

struct Client {
    wire: Wire,
    /// The next stream.
    stream: u32,
    open: usize,
    left: usize,
    /// Octets of bodies.
    received: usize,
}

impl Client {
    /// The preface, and windows that never close.
    fn begin(&self) {
        let window: u32 = (1 << 31) - 1 - 65_535;
        let mut bytes = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec();
        frame(&mut bytes, SETTINGS, 0, 0, &[]);
        frame(&mut bytes, WINDOW_UPDATE, 0, 0, &window.to_be_bytes());
        self.wire.send(&bytes);
    }

    fn ask(&mut self) {
        let mut bytes = Vec::new();
        while self.open < AT_ONCE.min(self.left) {
            let fields = if self.stream == 1 {
                first_fields()
            } else {
                FIELDS.to_vec()
            };
            frame(
                &mut bytes,
                HEADERS,
                END_STREAM | END_HEADERS,
                self.stream,
                &fields,
            );
            self.stream += 2;
            self.open += 1;
        }
        self.wire.send(&bytes);
    }

    /// Takes the frames that are whole.
    fn take_frames(&mut self) {
        let mut at = 0;
        let mut ended = 0;
        let came = self.wire.came();
        while let Some((kind, flags, payload, length)) = first_frame(&came[at..]) {
            at += length;
            assert_ne!(kind, GOAWAY);
            if kind == DATA {
                self.received += payload.len();
            }
            ended += usize::from(matches!(kind, DATA | HEADERS) && flags & END_STREAM != 0);
            if kind == SETTINGS && flags & ACK == 0 {
                let mut answer = Vec::new();
                frame(&mut answer, SETTINGS, ACK, 0, &[]);
                self.wire.send(&answer);
            }
        }
        self.wire.take(at);
        self.open -= ended;
        self.left -= ended;
    }
}

impl Peer for Client {
    fn step(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        while self.left > 0 {
            if self.open == 0 {
                self.ask();
            }
            assert_ne!(ready!(self.wire.more(cx)), 0, "the connection was closed");
            self.take_frames();
        }
        Poll::Ready(())
    }
}

fn frame(out: &mut Vec<u8>, kind: u8, flags: u8, stream: u32, payload: &[u8]) {
    out.extend_from_slice(&(payload.len() as u32).to_be_bytes()[1..]);
    out.extend([kind, flags]);
    out.extend(stream.to_be_bytes());
    out.extend_from_slice(payload);
}

/// Type, flags, payload, and the length of all of it.
fn first_frame(bytes: &[u8]) -> Option<(u8, u8, &[u8], usize)> {
    let head = bytes.first_chunk::<FRAME_HEAD>()?;
    let length = FRAME_HEAD + u32::from_be_bytes([0, head[0], head[1], head[2]]) as usize;
    let payload = bytes.get(FRAME_HEAD..length)?;
    Some((head[3], head[4], payload, length))
}

/// `:method: GET`, `:scheme: http`, and by the dynamic table `:authority`, `:path`, `user-agent` and
/// `accept` (RFC 7541 section 6.1).
const FIELDS: [u8; 6] = [0x82, 0x86, 0x80 | 65, 0x80 | 64, 0x80 | 63, 0x80 | 62];

/// The same for the first request, which puts them into the table (section 6.2.1).
fn first_fields() -> Vec<u8> {
    let mut fields = vec![0x82, 0x86];
    for (name, value) in [(1, HOST), (4, "/1k"), (58, "client/1.0"), (19, "*/*")] {
        fields.extend([0x40 | name, value.len() as u8]);
        fields.extend_from_slice(value.as_bytes());
    }
    fields
}
