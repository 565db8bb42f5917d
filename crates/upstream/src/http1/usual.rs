//! Heads of usual responses, as they stand in the buffer: a 200 whose body has come with it, written as nearly all
//! write them. Their fields stay text. What is unusual in any way is for `response` to judge.

use bytes::Bytes;
use smallvec::SmallVec;

use super::{framing::plain, response::MIN_MAX_HEAD};
use crate::{Lines, Whole};

/// What is larger seldom comes with its head.
const MOST_BODY: u64 = 16 << 10;

const STATUS: &[u8] = b"HTTP/1.1 200 ";

/// Room behind the lines for those that a proxy adds.
const ROOM: usize = 128;

type Ends = SmallVec<[(u16, u16); 16]>;

/// What of the head is left out of the lines: mostly Content-Length, and Connection.
type Gaps = SmallVec<[(usize, usize); 4]>;

/// One line, without the white space around its value.
struct Line<'a> {
    name: &'a [u8],
    value: &'a [u8],
    /// In bytes, with its end.
    length: usize,
}

enum Kind {
    /// For all who get the response.
    EndToEnd,
    Length(u64),
    /// That the connection is kept, as it is without it.
    Kept,
}

/// A usual response at the beginning of these bytes, and how many of them it takes.
pub(crate) fn read(bytes: &[u8], max_fields: usize) -> Option<(Whole, usize)> {
    // No limit is smaller.
    let head = &bytes[..bytes.len().min(MIN_MAX_HEAD)];
    let begin = STATUS.len() + line_length(head.strip_prefix(STATUS)?)?;
    let (mut at, mut left_out, mut count) = (begin, 0, 0);
    let (mut ends, mut gaps, mut length) = (Ends::new(), Gaps::new(), None);
    while !head.get(at..)?.starts_with(b"\r\n") {
        let line = line(&head[at..])?;
        let next = at + line.length;
        count += 1;
        match kind(&line)? {
            Kind::EndToEnd => {
                ends.push((line.name.len() as u16, (next - begin - left_out) as u16));
            }
            // Nor is more than one of them usual.
            Kind::Length(_) if length.is_some() => return None,
            kind => {
                if let Kind::Length(said) = kind {
                    length = Some(said);
                }
                gaps.push((at, next));
                left_out += line.length;
            }
        }
        at = next;
    }
    let length = length.filter(|length| *length <= MOST_BODY)?;
    let body = bytes.get(at + 2..)?.get(..length as usize)?;
    if count > max_fields {
        return None;
    }
    let mut text = Vec::with_capacity(at - begin - left_out + ROOM);
    let mut from = begin;
    for (gap, end) in gaps {
        text.extend_from_slice(&head[from..gap]);
        from = end;
    }
    text.extend_from_slice(&head[from..at]);
    let whole = Whole {
        lines: in_lower_case(text, ends),
        // Of its own: as it came, it would keep all of the buffer.
        body: Bytes::copy_from_slice(body),
    };
    Some((whole, at + 2 + body.len()))
}

/// The lines with their names in lower case.
fn in_lower_case(mut text: Vec<u8>, ends: Ends) -> Lines {
    let mut begin = 0;
    for &(name, end) in &ends {
        for byte in &mut text[begin..begin + usize::from(name)] {
            *byte = NAME[usize::from(*byte)];
        }
        begin = end.into();
    }
    Lines { text, ends }
}

/// The line at the beginning of these bytes, if nothing about it is unusual.
fn line(bytes: &[u8]) -> Option<Line<'_>> {
    let end = bytes
        .iter()
        .position(|byte| NAME[usize::from(*byte)] == 0)?;
    let (name, rest) = bytes.split_at(end);
    let rest = rest.strip_prefix(b": ")?;
    let length = line_length(rest)?;
    let value = &rest[..length - 2];
    let is_space = |byte: &u8| matches!(byte, b' ' | b'\t');
    let is_trimmed = !value.first().is_none_or(is_space) && !value.last().is_none_or(is_space);
    (is_trimmed && !name.is_empty()).then_some(Line {
        name,
        value,
        length: end + 2 + length,
    })
}

/// What it says of the framing. `None`: what is unusual.
fn kind(line: &Line<'_>) -> Option<Kind> {
    let is = |name: &[u8]| line.name.eq_ignore_ascii_case(name);
    match line.name.len() {
        10 if is(b"connection") => {
            let is_kept = line.value.eq_ignore_ascii_case(b"keep-alive");
            is_kept.then_some(Kind::Kept)
        }
        10 if is(b"keep-alive") => Some(Kind::Kept),
        14 if is(b"content-length") => plain(line.value).map(Kind::Length),
        17 if is(b"transfer-encoding") => None,
        _ => Some(Kind::EndToEnd),
    }
}

/// The length of a line, with its end, of which the name is before these bytes. `None`: it has not come whole, or
/// holds what no value holds.
fn line_length(bytes: &[u8]) -> Option<usize> {
    let mut at = 0;
    loop {
        let rest = &bytes[at..];
        at += match rest.first_chunk() {
            Some(word) => match odd(u64::from_le_bytes(*word)) {
                0 => {
                    at += 8;
                    continue;
                }
                odd => odd.trailing_zeros() as usize / 8,
            },
            None => rest.iter().position(|byte| *byte < b' ' || *byte == DEL)?,
        };
        match bytes[at] {
            b'\t' => at += 1,
            b'\r' if bytes.get(at + 1) == Some(&b'\n') => return Some(at + 2),
            _ => return None,
        }
    }
}

const DEL: u8 = 0x7f;

/// A bit in the lowest byte that is no visible character and no space; and maybe in some above that.
fn odd(word: u64) -> u64 {
    const ONES: u64 = u64::MAX / 255;
    let below = |word: u64, least: u8| word.wrapping_sub(ONES * u64::from(least)) & !word;
    let is_del = below(word ^ (ONES * u64::from(DEL)), 1);
    (below(word, b' ') | is_del) & (ONES << 7)
}

/// What may be in a name, in lower case; zero for all else (RFC 9110 section 5.6.2).
static NAME: [u8; 256] = {
    let (mut table, mut byte) = ([0; 256], 0_u8);
    while byte < 128 {
        let is_mark = matches!(
            byte,
            b'!' | b'#'..=b'\'' | b'*' | b'+' | b'-' | b'.' | b'^' | b'_' | b'`' | b'|' | b'~'
        );
        if is_mark || byte.is_ascii_alphanumeric() {
            table[byte as usize] = byte.to_ascii_lowercase();
        }
        byte += 1;
    }
    table
};

#[cfg(test)]
#[path = "usual/tests.rs"]
mod tests;
