//! Header blocks: whole ones, and those that CONTINUATION goes on with (RFC 9113 section 4.3).

use perigee_http2::{Fault, Fields, MAX_LENGTH, Reason, hpack::Unreadable};

use super::session::{EARNED_BY_REQUEST, Leaving, Session, calm, protocol};
use crate::Handler;

/// Header blocks may be so many times as long as what is kept of them.
const BLOCK: usize = 2;

/// A header block of which more comes.
#[derive(Debug)]
pub(crate) struct Block {
    stream: u32,
    end_stream: bool,
    bytes: Vec<u8>,
}

impl Block {
    pub(crate) fn begin(stream: u32, end_stream: bool, fragment: &[u8]) -> Self {
        Block {
            stream,
            end_stream,
            bytes: fragment.to_vec(),
        }
    }
}

impl<H: Handler> Session<H> {
    /// CONTINUATION (RFC 9113 section 6.10).
    pub(super) fn continuation(
        &mut self,
        stream: u32,
        fragment: &[u8],
        end: bool,
    ) -> Result<(), Fault> {
        self.overhead()?;
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
    pub(super) fn headers(&mut self, id: u32, end_stream: bool, block: &[u8]) -> Result<(), Fault> {
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
        self.overhead.earn(EARNED_BY_REQUEST);
        self.open(id, end_stream, fields)
    }
}
