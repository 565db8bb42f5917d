//! The fields of the requests before, on one connection. A client sends the same ones again and again, so a
//! head that ends in the very same bytes is not parsed again: its fields are those that are known. Pure.

use std::ops::Range;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue};
use httparse::Header;
use perigee_http1::names::name_of;

use crate::{
    Asked,
    guards::{self, Facts},
};

/// Bytes of fields that are remembered at most: connections that wait are many.
const MOST_BYTES: usize = 1 << 10;

/// Fields that are remembered at most.
const MOST_FIELDS: usize = 24;

/// Heads in a row that may end in something else. Then nothing more is learnt: there are many clients behind
/// this one.
const MOST_OTHERS: u8 = 8;

/// What the last heads on a connection ended in, if that was asked at the door.
#[derive(Debug, Default)]
pub(crate) struct Known {
    /// From the first field to the empty line; empty if nothing is known.
    block: String,
    /// The value of Host in it.
    host: Range<u16>,
    /// Names and values of the other fields.
    fields: Vec<[Range<u16>; 2]>,
    /// A request came before: most connections that have brought one only have nothing to remember.
    is_used: bool,
    /// Heads in a row that ended in something else.
    others: u8,
    /// The fields as a head has them, once one was wanted.
    made: Option<Box<Fields>>,
}

/// The fields of a head, and what they say.
type Fields = (HeaderMap, Facts);

/// A request that ends in what is known.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Shown<'b, T> {
    /// What came of it at the door.
    pub(crate) opened: Option<T>,
    pub(crate) is_head: bool,
    pub(crate) target: &'b str,
    /// The length of its head.
    pub(crate) length: usize,
}

impl Known {
    /// Shows `open` the request at the front of `bytes`, if what follows its first line is known.
    pub(crate) fn open<'b, T>(
        &mut self,
        bytes: &'b [u8],
        open: impl FnOnce(&Asked<'_>) -> Option<T>,
    ) -> Option<Shown<'b, T>> {
        if self.block.is_empty() {
            return None;
        }
        let (is_head, target, rest) = request_line(bytes)?;
        if !rest.starts_with(self.block.as_bytes()) {
            return None;
        }
        let length = bytes.len() - rest.len() + self.block.len();
        let text = |part: &Range<u16>| self.block.get(part.start.into()..part.end.into());
        let mut fields = [httparse::EMPTY_HEADER; MOST_FIELDS];
        for (field, [name, value]) in fields.iter_mut().zip(&self.fields) {
            *field = Header {
                name: text(name)?,
                value: text(value)?.as_bytes(),
            };
        }
        let asked = Asked {
            is_head,
            host: text(&self.host)?,
            target,
            fields: fields.get(..self.fields.len())?,
        };
        self.others = 0;
        Some(Shown {
            opened: open(&asked),
            is_head,
            target,
            length,
        })
    }

    /// The fields of a head that ends in what is known. `None`: they are to be parsed.
    pub(crate) fn fields(&mut self) -> Option<Fields> {
        if self.made.is_none() {
            self.made = Some(Box::new(self.make()?));
        }
        self.made.as_deref().cloned()
    }

    fn make(&self) -> Option<Fields> {
        let block = Bytes::copy_from_slice(self.block.as_bytes());
        let mut headers = HeaderMap::with_capacity(self.fields.len() + 1);
        let mut facts = Facts::default();
        let mut add = |name: &[u8], value: &Range<u16>| {
            let value = block.slice(usize::from(value.start)..value.end.into());
            let value = HeaderValue::from_maybe_shared(value).ok()?;
            let name = name_of(name).ok()?;
            facts.note(&name, &value);
            headers.try_append(name, value).ok()
        };
        add(b"host", &self.host)?;
        for [name, value] in &self.fields {
            add(block.get(name.start.into()..name.end.into())?, value)?;
        }
        Some((headers, facts))
    }

    /// Remembers the fields of a request that was parsed out of the head `bytes`, and asked at the door.
    pub(crate) fn learn(&mut self, asked: &Asked<'_>, bytes: &[u8]) {
        if !std::mem::replace(&mut self.is_used, true) || self.others == MOST_OTHERS {
            return;
        }
        self.others += u8::from(!self.block.is_empty());
        if self.others == MOST_OTHERS || self.note(asked, bytes).is_none() {
            (self.block, self.fields, self.made) = Default::default();
        }
    }

    fn note(&mut self, asked: &Asked<'_>, bytes: &[u8]) -> Option<()> {
        let (_, _, block) = request_line(bytes)?;
        if block.len() > MOST_BYTES || asked.fields.len() > MOST_FIELDS {
            return None;
        }
        self.made = None;
        self.block.clear();
        self.block.push_str(std::str::from_utf8(block).ok()?);
        let place = |part: &[u8]| place_in(block, part);
        self.host = place(asked.host.as_bytes())?;
        self.fields.clear();
        for field in asked.fields {
            let (name, value) = (place(field.name.as_bytes())?, place(field.value)?);
            self.fields.push([name, value]);
        }
        Some(())
    }
}

/// Whether it is HEAD rather than GET, its target, and what follows the first line of a request, if that is
/// one of HTTP/1.1 as most clients write it (RFC 9112 section 3).
fn request_line(bytes: &[u8]) -> Option<(bool, &str, &[u8])> {
    let (is_head, rest) = match bytes.strip_prefix(b"GET ") {
        Some(rest) => (false, rest),
        None => (true, bytes.strip_prefix(b"HEAD ")?),
    };
    let (target, rest) = rest.split_at(rest.iter().position(|byte| *byte == b' ')?);
    let target = std::str::from_utf8(target).ok()?;
    let rest = rest.strip_prefix(b" HTTP/1.1\r\n")?;
    guards::is_plain(target).then_some((is_head, target, rest))
}

/// Where `part` of `block` stands in it.
fn place_in(block: &[u8], part: &[u8]) -> Option<Range<u16>> {
    if part.is_empty() {
        return Some(0..0);
    }
    let start = (part.as_ptr() as usize).checked_sub(block.as_ptr() as usize)?;
    let end = start + part.len();
    let is_in = end <= block.len();
    is_in.then_some(u16::try_from(start).ok()?..u16::try_from(end).ok()?)
}

#[cfg(test)]
mod tests;
