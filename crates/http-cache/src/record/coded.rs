//! Plain values as bytes. Numbers take seven bits a byte, the lowest first.

use std::{
    ops::Range,
    sync::Arc,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use http::{HeaderName, HeaderValue};

/// What can be written down as bytes, and read back the same.
pub trait Coded: Sized {
    /// Appends it.
    fn encode(&self, out: &mut Vec<u8>);

    /// Takes one from the front of `input`. None if there is none: it is cut off or damaged. Never
    /// takes much more memory than `input` has bytes.
    fn decode(input: &mut Input<'_>) -> Option<Self>;
}

/// Bytes that are still to be read.
#[derive(Clone, Copy, Debug)]
pub struct Input<'a>(&'a [u8]);

impl<'a> Input<'a> {
    /// All of these.
    pub fn new(bytes: &'a [u8]) -> Self {
        Input(bytes)
    }

    /// How many are left.
    pub fn left(&self) -> usize {
        self.0.len()
    }

    /// Takes the next `count` bytes.
    pub fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(taken)
    }

    /// Takes a run of bytes that has its length before it.
    pub fn run(&mut self) -> Option<&'a [u8]> {
        let count = usize::decode(self)?;
        self.take(count)
    }

    pub(super) fn byte(&mut self) -> Option<u8> {
        let (first, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(*first)
    }
}

/// Appends a run of bytes, and its length before it.
pub(crate) fn run(bytes: &[u8], out: &mut Vec<u8>) {
    bytes.len().encode(out);
    out.extend_from_slice(bytes);
}

impl Coded for u64 {
    fn encode(&self, out: &mut Vec<u8>) {
        let mut rest = *self;
        while rest >= 0x80 {
            out.push(rest as u8 | 0x80);
            rest >>= 7;
        }
        out.push(rest as u8);
    }

    fn decode(input: &mut Input<'_>) -> Option<Self> {
        let mut value = 0_u64;
        for shift in (0..u64::BITS).step_by(7) {
            let byte = input.byte()?;
            let bits = u64::from(byte & 0x7f);
            // The tenth byte has room for one bit.
            if bits << shift >> shift != bits {
                return None;
            }
            value |= bits << shift;
            if byte < 0x80 {
                return Some(value);
            }
        }
        None
    }
}

/// Smaller numbers are the same bytes, and are read only if they fit.
macro_rules! as_u64 {
    ($($number:ty),*) => {$(
        impl Coded for $number {
            fn encode(&self, out: &mut Vec<u8>) {
                (*self as u64).encode(out);
            }

            fn decode(input: &mut Input<'_>) -> Option<Self> {
                u64::decode(input)?.try_into().ok()
            }
        }
    )*};
}

as_u64!(u16, u32, usize);

impl Coded for bool {
    fn encode(&self, out: &mut Vec<u8>) {
        out.push(u8::from(*self));
    }

    fn decode(input: &mut Input<'_>) -> Option<Self> {
        match input.byte()? {
            0 => Some(false),
            1 => Some(true),
            _ => None,
        }
    }
}

impl<T: Coded> Coded for Option<T> {
    fn encode(&self, out: &mut Vec<u8>) {
        self.is_some().encode(out);
        if let Some(value) = self {
            value.encode(out);
        }
    }

    fn decode(input: &mut Input<'_>) -> Option<Self> {
        match bool::decode(input)? {
            true => Some(Some(T::decode(input)?)),
            false => Some(None),
        }
    }
}

impl<T: Coded> Coded for Box<T> {
    fn encode(&self, out: &mut Vec<u8>) {
        T::encode(self, out);
    }

    fn decode(input: &mut Input<'_>) -> Option<Self> {
        T::decode(input).map(Box::new)
    }
}

impl<T: Coded> Coded for Arc<T> {
    fn encode(&self, out: &mut Vec<u8>) {
        T::encode(self, out);
    }

    fn decode(input: &mut Input<'_>) -> Option<Self> {
        T::decode(input).map(Arc::new)
    }
}

impl<T: Coded> Coded for Vec<T> {
    fn encode(&self, out: &mut Vec<u8>) {
        self.len().encode(out);
        self.iter().for_each(|each| each.encode(out));
    }

    fn decode(input: &mut Input<'_>) -> Option<Self> {
        let count = usize::decode(input)?;
        // Grows with what is there, not with what is said to be.
        (0..count).map(|_| T::decode(input)).collect()
    }
}

impl Coded for Box<[u8]> {
    fn encode(&self, out: &mut Vec<u8>) {
        run(self, out);
    }

    fn decode(input: &mut Input<'_>) -> Option<Self> {
        input.run().map(Box::from)
    }
}

impl Coded for Box<str> {
    fn encode(&self, out: &mut Vec<u8>) {
        run(self.as_bytes(), out);
    }

    fn decode(input: &mut Input<'_>) -> Option<Self> {
        std::str::from_utf8(input.run()?).ok().map(Box::from)
    }
}

impl Coded for String {
    fn encode(&self, out: &mut Vec<u8>) {
        run(self.as_bytes(), out);
    }

    fn decode(input: &mut Input<'_>) -> Option<Self> {
        <Box<str>>::decode(input).map(String::from)
    }
}

impl Coded for Range<u64> {
    fn encode(&self, out: &mut Vec<u8>) {
        self.start.encode(out);
        self.end.encode(out);
    }

    fn decode(input: &mut Input<'_>) -> Option<Self> {
        Some(u64::decode(input)?..u64::decode(input)?)
    }
}

impl Coded for Duration {
    fn encode(&self, out: &mut Vec<u8>) {
        self.as_secs().encode(out);
        self.subsec_nanos().encode(out);
    }

    fn decode(input: &mut Input<'_>) -> Option<Self> {
        let (seconds, nanos) = (u64::decode(input)?, u32::decode(input)?);
        (nanos < 1_000_000_000).then(|| Duration::new(seconds, nanos))
    }
}

impl Coded for SystemTime {
    fn encode(&self, out: &mut Vec<u8>) {
        let since = self.duration_since(UNIX_EPOCH);
        since.is_ok().encode(out);
        since.unwrap_or_else(|before| before.duration()).encode(out);
    }

    fn decode(input: &mut Input<'_>) -> Option<Self> {
        match bool::decode(input)? {
            true => UNIX_EPOCH.checked_add(Duration::decode(input)?),
            false => UNIX_EPOCH.checked_sub(Duration::decode(input)?),
        }
    }
}

impl Coded for HeaderName {
    fn encode(&self, out: &mut Vec<u8>) {
        run(self.as_str().as_bytes(), out);
    }

    fn decode(input: &mut Input<'_>) -> Option<Self> {
        HeaderName::from_bytes(input.run()?).ok()
    }
}

impl Coded for HeaderValue {
    fn encode(&self, out: &mut Vec<u8>) {
        run(self.as_bytes(), out);
    }

    fn decode(input: &mut Input<'_>) -> Option<Self> {
        HeaderValue::from_bytes(input.run()?).ok()
    }
}
