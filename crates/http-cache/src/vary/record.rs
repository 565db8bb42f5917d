//! What selects a stored response, as bytes.

use http::{HeaderName, header};

use super::{Selecting, Source, Value, normal_of};
use crate::{
    KeyParts, KeyPolicy, Sent,
    record::{Coded, Input},
};

/// A value as it is written, read where it stands.
struct Written<'a> {
    is_cookie: bool,
    name: &'a [u8],
    normal: Option<&'a [u8]>,
    as_sent: Option<&'a [u8]>,
}

impl Selecting {
    /// Whether a request has the values that are written, and the same ones are parts of the key: as
    /// [`Selecting::matches`] and [`Selecting::is_of`] have it. None if some stand there often, or are
    /// cookies. What is read is an `Option<Selecting>`.
    pub(crate) fn written_matches<'a>(
        input: &mut Input<'_>,
        key: &KeyPolicy,
        sent: impl Fn(&HeaderName) -> Sent<'a>,
    ) -> Option<bool> {
        if !bool::decode(input)? {
            return Some(false);
        }
        let mut matches = Some(true);
        for _ in 0..usize::decode(input)? {
            let value = Written::read(input)?;
            if matches != Some(false) {
                matches = match value.matches(&sent) {
                    Some(true) => matches,
                    other => other,
                };
            }
        }
        match is_written(key.parts.as_deref(), input)? {
            true => matches,
            false => Some(false),
        }
    }
}

impl<'a> Written<'a> {
    fn read(input: &mut Input<'a>) -> Option<Written<'a>> {
        let is_cookie = bool::decode(input)?;
        let name = input.run()?;
        let normal = optional_run(input)?;
        let as_sent = match bool::decode(input)? {
            true => optional_run(input)?,
            false => normal,
        };
        Some(Written {
            is_cookie,
            name,
            normal,
            as_sent,
        })
    }

    /// None if it stands there often, or is a cookie.
    fn matches<'s>(&self, sent: impl Fn(&HeaderName) -> Sent<'s>) -> Option<bool> {
        let name = HeaderName::from_bytes(self.name).ok();
        // What is sent may be taken off the request: see `Policy::clean_request`.
        let name = name.filter(|name| !self.is_cookie && *name != header::COOKIE)?;
        let line = match sent(&name) {
            Sent::No => return Some(self.normal.is_none()),
            Sent::Once(line) => line,
            Sent::Often => return None,
        };
        let is_normal = |normal| normal_of(&name, std::iter::once(line)) == normal;
        Some(self.as_sent == Some(line) || self.normal.is_some_and(is_normal))
    }
}

/// Reads an `Option<Box<[u8]>>` where it stands.
fn optional_run<'a>(input: &mut Input<'a>) -> Option<Option<&'a [u8]>> {
    match bool::decode(input)? {
        true => Some(Some(input.run()?)),
        false => Some(None),
    }
}

/// Whether these are the parts of a key that are written.
fn is_written(parts: Option<&KeyParts>, input: &mut Input<'_>) -> Option<bool> {
    match (bool::decode(input)?, parts) {
        (false, parts) => Some(parts.is_none()),
        (true, None) => Some(false),
        (true, Some(parts)) => {
            let headers = parts.headers.iter().map(|name| name.as_str());
            let cookies = parts.cookies.iter().map(String::as_str);
            Some(is_list(headers, input)? && is_list(cookies, input)?)
        }
    }
}

fn is_list<'a>(all: impl ExactSizeIterator<Item = &'a str>, input: &mut Input<'_>) -> Option<bool> {
    if usize::decode(input)? != all.len() {
        return Some(false);
    }
    for text in all {
        if input.run()? != text.as_bytes() {
            return Some(false);
        }
    }
    Some(true)
}

impl Coded for Selecting {
    fn encode(&self, out: &mut Vec<u8>) {
        self.values.len().encode(out);
        self.values.iter().for_each(|value| value.encode(out));
        self.parts.encode(out);
    }

    fn decode(input: &mut Input<'_>) -> Option<Self> {
        Some(Selecting {
            values: <Vec<Value>>::decode(input)?.into(),
            parts: Coded::decode(input)?,
        })
    }
}

impl Coded for Value {
    fn encode(&self, out: &mut Vec<u8>) {
        self.source.encode(out);
        self.normal.encode(out);
        // Mostly the two are the same.
        let is_other = self.as_sent != self.normal;
        is_other.encode(out);
        if is_other {
            self.as_sent.encode(out);
        }
    }

    fn decode(input: &mut Input<'_>) -> Option<Self> {
        let source = Source::decode(input)?;
        let normal = <Option<Box<[u8]>>>::decode(input)?;
        let as_sent = match bool::decode(input)? {
            true => Coded::decode(input)?,
            false => normal.clone(),
        };
        Some(Value {
            source,
            as_sent,
            normal,
        })
    }
}

impl Coded for Source {
    fn encode(&self, out: &mut Vec<u8>) {
        matches!(self, Source::Cookie(_)).encode(out);
        match self {
            Source::Field(name) => name.encode(out),
            Source::Cookie(name) => name.encode(out),
        }
    }

    fn decode(input: &mut Input<'_>) -> Option<Self> {
        match bool::decode(input)? {
            true => Coded::decode(input).map(Source::Cookie),
            false => Coded::decode(input).map(Source::Field),
        }
    }
}

impl Coded for KeyParts {
    fn encode(&self, out: &mut Vec<u8>) {
        self.headers.encode(out);
        self.cookies.encode(out);
    }

    fn decode(input: &mut Input<'_>) -> Option<Self> {
        Some(KeyParts {
            headers: Coded::decode(input)?,
            cookies: Coded::decode(input)?,
        })
    }
}
