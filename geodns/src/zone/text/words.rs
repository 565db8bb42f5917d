//! What one token stands for: a name, octets, a time.

use perigee_dns_wire::{MAX_NAME, Name};

use super::lexer::{Problem, Token};

/// The longest character-string in octets (RFC 1035 section 3.3).
const MAX_STRING: usize = 255;

/// A name: whole with a final dot, otherwise below the origin; `@` is the origin.
pub(in crate::zone) fn name(token: &Token<'_>, origin: &Name) -> Result<Name, Problem> {
    if token.raw == "@" && !token.quoted {
        return Ok(origin.clone());
    }
    if !token.raw.is_ascii() {
        return Err(token.problem(format!(
            "{:?} is not a name in ASCII: write it in its ASCII form (xn--)",
            token.raw
        )));
    }
    let read: Name = token
        .raw
        .parse()
        .map_err(|why| token.problem(format!("{:?} is not a name: {why}", token.raw)))?;
    if is_whole(token.raw) {
        return Ok(read);
    }
    let labels = read.strip_suffix(&[0]).unwrap_or_default();
    let whole = [labels, origin].concat();
    Name::from_wire(&whole).ok_or_else(|| {
        token.problem(format!(
            "{:?} and the origin {origin} make a name that is longer than {MAX_NAME} octets",
            token.raw
        ))
    })
}

/// Whether the dot at the end is one that ends a name.
fn is_whole(raw: &str) -> bool {
    let Some(before) = raw.strip_suffix('.') else {
        return false;
    };
    let escapes = before.bytes().rev().take_while(|byte| *byte == b'\\');
    escapes.count() % 2 == 0
}

/// The octets that a text stands for (RFC 1035 section 5.1).
pub(super) fn octets(token: &Token<'_>, raw: &str) -> Result<Vec<u8>, Problem> {
    let mut out = Vec::with_capacity(raw.len());
    let mut bytes = raw.bytes();
    while let Some(byte) = bytes.next() {
        if byte != b'\\' {
            out.push(byte);
            continue;
        }
        let octet = match bytes.next() {
            Some(first) if first.is_ascii_digit() => {
                let digits = [Some(first), bytes.next(), bytes.next()];
                decimal(digits)
            }
            other => other,
        };
        out.push(octet.ok_or_else(|| {
            token.problem("behind a backslash comes a character, or an octet as three digits")
        })?);
    }
    Ok(out)
}

fn decimal(digits: [Option<u8>; 3]) -> Option<u8> {
    digits.into_iter().try_fold(0u8, |value, digit| {
        let digit = digit.filter(u8::is_ascii_digit)? - b'0';
        value.checked_mul(10)?.checked_add(digit)
    })
}

/// Seconds, or the sum of times with units: `1h30m`.
pub(in crate::zone) fn ttl(token: &Token<'_>) -> Option<u32> {
    let mut sum: u32 = 0;
    let mut number: Option<u32> = None;
    for byte in token.raw.bytes() {
        if byte.is_ascii_digit() {
            let digit = u32::from(byte - b'0');
            number = Some(number.unwrap_or(0).checked_mul(10)?.checked_add(digit)?);
            continue;
        }
        let unit = match byte.to_ascii_lowercase() {
            b's' => 1,
            b'm' => 60,
            b'h' => 3_600,
            b'd' => 86_400,
            b'w' => 7 * 86_400,
            _ => return None,
        };
        sum = sum.checked_add(number.take()?.checked_mul(unit)?)?;
    }
    let bare = match number {
        Some(number) if sum == 0 => number,
        Some(_) => return None,
        None if token.raw.is_empty() => return None,
        None => sum,
    };
    // RFC 2181 section 8.
    (bare <= i32::MAX as u32).then_some(bare)
}

/// A text of any length as TXT has it, in pieces.
pub(super) fn plain_text(text: &str) -> Vec<u8> {
    let pieces = text.as_bytes().chunks(MAX_STRING);
    let mut out: Vec<u8> = pieces
        .flat_map(|piece| [&[piece.len() as u8], piece].concat())
        .collect();
    if out.is_empty() {
        out.push(0);
    }
    out
}
