//! The data of records: from tokens to wire form.

use std::{
    net::{Ipv4Addr, Ipv6Addr},
    str::FromStr,
};

use perigee_dns_wire::{Name, rtype};

use super::{
    lexer::{Problem, Token},
    svcb,
    types::{SSHFP, TLSA, has_form, type_name},
    words::{name, octets, ttl},
};

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
