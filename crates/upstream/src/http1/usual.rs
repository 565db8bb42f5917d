//! Heads of usual responses, as they stand in the buffer: a 200 whose body has come with it, written as nearly all
//! write them. Their fields stay text. What is unusual in any way is for `response` to judge.

use bytes::Bytes;
use smallvec::SmallVec;

use super::{framing::plain, response::MIN_MAX_HEAD};
use crate::{Lines, Whole};

/// What is larger seldom comes with its head.
const MOST_BODY: u64 = 16 << 10;

const STATUS: &[u8] = b"HTTP/1.1 200 ";

/// Room for the lines, and for those that a proxy adds: of nearly all responses.
const ROOM: usize = 512;

/// A usual response at the beginning of these bytes, and how many of them it takes.
pub(crate) fn read(bytes: &[u8], max_fields: usize) -> Option<(Whole, usize)> {
    // No limit is smaller.
    let head = &bytes[..bytes.len().min(MIN_MAX_HEAD)];
    let mut at = STATUS.len() + line_length(head.strip_prefix(STATUS)?)?;
    let mut lines = Lines {
        text: Vec::with_capacity(ROOM),
        ends: SmallVec::new(),
    };
    let (mut length, mut count) = (None, 0);
    loop {
        let line = &head[at..];
        if line.starts_with(b"\r\n") {
            break;
        }
        let begin = lines.text.len();
        let name = name(line, &mut lines.text)?;
        let rest = &line[name + 2..];
        let end = line_length(rest)?;
        let value = trimmed(&rest[..end - 2])?;
        match kind(&lines.text[begin..begin + name], value)? {
            Kind::EndToEnd => {
                lines.text.extend_from_slice(&rest[..end]);
                lines.ends.push((name as u16, lines.text.len() as u16));
            }
            Kind::Length(said) => {
                // Nor is more than one of them usual.
                length.replace(said).is_none().then_some(())?;
                lines.text.truncate(begin);
            }
            Kind::Kept => lines.text.truncate(begin),
        }
        at += name + 2 + end;
        count += 1;
    }
    let body = bytes.get(at + 2..)?.get(..length? as usize)?;
    let whole = Whole {
        lines,
        // Of its own: as it came, it would keep all of the buffer.
        body: Bytes::copy_from_slice(body),
    };
    let taken = at + 2 + body.len();
    (count <= max_fields).then_some((whole, taken))
}

/// Appends the name with which a line begins in lower case, and `: `. Says how long it is.
fn name(line: &[u8], text: &mut Vec<u8>) -> Option<usize> {
    if let Some(known) = known(line) {
        text.extend_from_slice(known);
        return Some(known.len() - 2);
    }
    let end = line.iter().position(|byte| NAME[usize::from(*byte)] == 0)?;
    let (name, rest) = line.split_at(end);
    text.extend(name.iter().map(|byte| NAME[usize::from(*byte)]));
    text.extend_from_slice(b": ");
    (end > 0 && rest.starts_with(b": ")).then_some(end)
}

/// The names that most responses have, as they are mostly written.
fn known(line: &[u8]) -> Option<&'static [u8]> {
    #[inline(always)]
    fn is<const N: usize>(line: &[u8], name: &[u8; N], lower: &[u8; N]) -> bool {
        line.first_chunk()
            .is_some_and(|begin| begin == name || begin == lower)
    }
    Some(match line.first()? | 0x20 {
        b'a' if is(line, b"Accept-Ranges: ", b"accept-ranges: ") => b"accept-ranges: ",
        b'c' if is(line, b"Content-Type: ", b"content-type: ") => b"content-type: ",
        b'c' if is(line, b"Content-Length: ", b"content-length: ") => b"content-length: ",
        b'c' if is(line, b"Cache-Control: ", b"cache-control: ") => b"cache-control: ",
        b'd' if is(line, b"Date: ", b"date: ") => b"date: ",
        b'e' if is(line, b"ETag: ", b"etag: ") => b"etag: ",
        b'e' if is(line, b"Expires: ", b"expires: ") => b"expires: ",
        b'l' if is(line, b"Last-Modified: ", b"last-modified: ") => b"last-modified: ",
        b's' if is(line, b"Server: ", b"server: ") => b"server: ",
        _ => return None,
    })
}

/// A value that is there, without white space around it.
fn trimmed(value: &[u8]) -> Option<&[u8]> {
    let is_space = |byte: &u8| matches!(byte, b' ' | b'\t');
    let (first, last) = (value.first()?, value.last()?);
    (!is_space(first) && !is_space(last)).then_some(value)
}

enum Kind {
    /// For all who get the response.
    EndToEnd,
    Length(u64),
    /// That the connection is kept, as it is without it.
    Kept,
}

/// What a field says of the framing. `None`: what is unusual.
fn kind(name: &[u8], value: &[u8]) -> Option<Kind> {
    match name {
        b"content-length" => {
            let length = plain(value).filter(|length| *length <= MOST_BODY);
            length.map(Kind::Length)
        }
        b"connection" => {
            let is_kept = value.eq_ignore_ascii_case(b"keep-alive");
            is_kept.then_some(Kind::Kept)
        }
        b"keep-alive" => Some(Kind::Kept),
        b"transfer-encoding" => None,
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
