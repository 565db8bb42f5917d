//! The data of records: from tokens to wire form.

use std::{
    net::{Ipv4Addr, Ipv6Addr},
    str::FromStr,
};

use perigee_dns_wire::{MAX_NAME, Name, rtype};

use super::{
    lexer::{Problem, Token},
    svcb,
    types::{SSHFP, TLSA, has_form, type_name},
};

/// The longest character-string in octets (RFC 1035 section 3.3).
const MAX_STRING: usize = 255;

/// The tokens of a record behind its type, read one after the other.
pub(in crate::zone) struct Fields<'a, 't> {
    tokens: &'a [Token<'t>],
    /// For complaints about what is not there.
    last: Token<'t>,
    origin: &'a Name,
}

impl<'a, 't> Fields<'a, 't> {
    pub(in crate::zone) fn new(tokens: &'a [Token<'t>], origin: &'a Name) -> Self {
        let last = tokens.last().copied().unwrap_or(Token::of(""));
        Fields {
            tokens,
            last,
            origin,
        }
    }

    /// What is missing is missing behind this token.
    pub(in crate::zone) fn after(mut self, token: Token<'t>) -> Self {
        self.last = token;
        self
    }

    /// All of it as data of this type.
    pub(in crate::zone) fn rdata(mut self, rtype: u16) -> Result<Vec<u8>, Problem> {
        if self
            .tokens
            .first()
            .is_some_and(|first| first.raw == "\\#" && !first.quoted)
        {
            return self.unknown(rtype);
        }
        let mut out = Vec::new();
        self.known(rtype, &mut out)?;
        match self.tokens.first() {
            Some(extra) => Err(extra.problem(format!(
                "{:?} is more than data of {} have",
                extra.raw,
                type_name(rtype)
            ))),
            None if out.len() > usize::from(u16::MAX) => {
                Err(self.last.problem("the data are longer than 65535 octets"))
            }
            None => Ok(out),
        }
    }

    fn known(&mut self, rtype: u16, out: &mut Vec<u8>) -> Result<(), Problem> {
        match rtype {
            rtype::A => out.extend(self.parsed::<Ipv4Addr>("an IPv4 address")?.octets()),
            rtype::AAAA => out.extend(self.parsed::<Ipv6Addr>("an IPv6 address")?.octets()),
            rtype::NS | rtype::CNAME | rtype::PTR => self.name(out)?,
            rtype::SOA => self.soa(out)?,
            rtype::MX => self.numbers(&["the preference"], out)?.name(out)?,
            rtype::SRV => {
                let numbers = ["the priority", "the weight", "the port"];
                self.numbers(&numbers, out)?.name(out)?;
            }
            rtype::TXT => {
                self.string(out)?;
                while !self.tokens.is_empty() {
                    self.string(out)?;
                }
            }
            rtype::CAA => self.caa(out)?,
            rtype::DS => {
                self.numbers(&["the key tag"], out)?
                    .octets(&["the algorithm", "the digest type"], out)?
                    .hex(out)?;
            }
            TLSA => {
                let numbers = ["the usage", "the selector", "the matching type"];
                self.octets(&numbers, out)?.hex(out)?;
            }
            SSHFP => {
                let numbers = ["the algorithm", "the fingerprint type"];
                self.octets(&numbers, out)?.hex(out)?;
            }
            rtype::SVCB | rtype::HTTPS => {
                self.numbers(&["the priority"], out)?.name(out)?;
                let is_alias = out.starts_with(&[0, 0]);
                svcb::parameters(std::mem::take(&mut self.tokens), is_alias, out)?;
            }
            _ => {
                let what = type_name(rtype);
                return Err(self.last.problem(format!(
                    "data of {what} are written as RFC 3597 says: \\# 3 c00201"
                )));
            }
        }
        Ok(())
    }

    /// RFC 3597 section 5.
    fn unknown(mut self, rtype: u16) -> Result<Vec<u8>, Problem> {
        let sign = self.next("\\#")?;
        if has_form(rtype) {
            let what = type_name(rtype);
            return Err(sign.problem(format!("data of {what} are written in their own form")));
        }
        let length: u16 = self.parsed("the length in octets")?;
        let mut out = Vec::new();
        if length > 0 || !self.tokens.is_empty() {
            self.hex(&mut out)?;
        }
        if out.len() != usize::from(length) {
            let found = out.len();
            return Err(self.last.problem(format!(
                "there are {found} octets, where {length} are announced"
            )));
        }
        Ok(out)
    }

    fn next(&mut self, what: &str) -> Result<Token<'t>, Problem> {
        let (first, rest) = self
            .tokens
            .split_first()
            .ok_or_else(|| self.last.problem(format!("{what} is missing here")))?;
        self.tokens = rest;
        self.last = *first;
        Ok(*first)
    }

    fn parsed<T: FromStr>(&mut self, what: &str) -> Result<T, Problem> {
        let token = self.next(what)?;
        let parsed = token.raw.parse();
        parsed.map_err(|_| token.problem(format!("{:?} is not {what}", token.raw)))
    }

    /// Numbers of 8 bits.
    fn octets(&mut self, all: &[&str], out: &mut Vec<u8>) -> Result<&mut Self, Problem> {
        for what in all {
            out.push(self.parsed(&format!("{what}, a number from 0 to 255"))?);
        }
        Ok(self)
    }

    /// Numbers of 16 bits.
    fn numbers(&mut self, all: &[&str], out: &mut Vec<u8>) -> Result<&mut Self, Problem> {
        for what in all {
            let number: u16 = self.parsed(&format!("{what}, a number from 0 to 65535"))?;
            out.extend(number.to_be_bytes());
        }
        Ok(self)
    }

    fn name(&mut self, out: &mut Vec<u8>) -> Result<(), Problem> {
        let token = self.next("a name")?;
        out.extend_from_slice(&name(&token, self.origin)?);
        Ok(())
    }

    fn string(&mut self, out: &mut Vec<u8>) -> Result<(), Problem> {
        let token = self.next("a text")?;
        let octets = octets(&token, token.raw)?;
        let length = u8::try_from(octets.len()).map_err(|_| {
            token
                .problem("this text is longer than 255 octets; write it as several, each in quotes")
        })?;
        out.push(length);
        out.extend(octets);
        Ok(())
    }

    fn soa(&mut self, out: &mut Vec<u8>) -> Result<(), Problem> {
        self.name(out)?;
        self.name(out)?;
        let serial: u32 = self.parsed("the serial number, from 0 to 4294967295")?;
        out.extend(serial.to_be_bytes());
        for what in ["refresh", "retry", "expire", "minimum"] {
            let token = self.next(what)?;
            let seconds = ttl(&token).ok_or_else(|| {
                token.problem(format!("{:?} is not a time, such as 3600 or 1h", token.raw))
            })?;
            out.extend(seconds.to_be_bytes());
        }
        Ok(())
    }

    /// RFC 8659 section 4.1.1.
    fn caa(&mut self, out: &mut Vec<u8>) -> Result<(), Problem> {
        self.octets(&["the flags"], out)?;
        let tag = self.next("the tag")?;
        let fits = tag.raw.bytes().all(|byte| byte.is_ascii_alphanumeric());
        let length = u8::try_from(tag.raw.len())
            .ok()
            .filter(|length| *length > 0 && fits);
        let length = length
            .ok_or_else(|| tag.problem(format!("{:?} is not a tag, such as issue", tag.raw)))?;
        out.push(length);
        out.extend(tag.raw.to_ascii_lowercase().bytes());
        let value = self.next("the value")?;
        out.extend(octets(&value, value.raw)?);
        Ok(())
    }

    /// All tokens that are left, as one number in base 16.
    fn hex(&mut self, out: &mut Vec<u8>) -> Result<(), Problem> {
        let mut token = self.next("data in base 16")?;
        let mut digits = Vec::new();
        loop {
            for digit in token.raw.chars() {
                let value = digit
                    .to_digit(16)
                    .ok_or_else(|| token.problem(format!("{digit:?} is no digit of base 16")))?;
                digits.push(value as u8);
            }
            if self.tokens.is_empty() {
                break;
            }
            token = self.next("data")?;
        }
        let (pairs, rest) = digits.as_chunks::<2>();
        if !rest.is_empty() || pairs.is_empty() {
            return Err(token.problem("two digits make an octet; here is one too few"));
        }
        out.extend(pairs.iter().map(|[high, low]| high << 4 | low));
        Ok(())
    }
}

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
