//! What selects a stored response, as bytes.

use super::{Selecting, Source, Value};
use crate::{
    KeyParts,
    record::{Coded, Input},
};

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
