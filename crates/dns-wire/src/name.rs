//! Names in wire form: labels, each after its length, and the root label at the end.

use std::{borrow::Borrow, fmt, hash::Hash, ops::Deref, str::FromStr};

/// The longest name in octets, the root label included (RFC 1035 section 3.1).
pub const MAX_NAME: usize = 255;
/// The longest label in octets.
pub const MAX_LABEL: usize = 63;

/// A name in wire form and lower case, never compressed: what zones are made of. It derefs to its
/// octets, and is looked up by them.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Name(Box<[u8]>);

/// A name in lower case on the stack: made of each question.
#[derive(Clone)]
pub struct LowerName {
    octets: [u8; MAX_NAME],
    length: u8,
}

/// Why a text is no name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NameError(pub &'static str);

impl Name {
    /// The root.
    pub fn root() -> Self {
        Name(Box::new([0]))
    }

    /// A name of wire form, in whatever case. `None` if it is none: compressed, cut, too long.
    pub fn from_wire(octets: &[u8]) -> Option<Self> {
        let length = wire_length(octets)?;
        (length == octets.len()).then(|| Name(octets.to_ascii_lowercase().into()))
    }

    /// The name without its first label; `None` of the root.
    pub fn parent(&self) -> Option<Name> {
        parent(&self.0).map(|octets| Name(octets.into()))
    }

    /// Labels, without that of the root (RFC 4034 section 3.1.3 counts so, but for `*`).
    pub fn labels(&self) -> usize {
        labels(&self.0).count()
    }
}

/// The octets without the first label; `None` of the root.
fn parent(octets: &[u8]) -> Option<&[u8]> {
    match octets.first() {
        None | Some(0) => None,
        Some(&length) => octets.get(1 + usize::from(length)..),
    }
}

/// The labels of an uncompressed name, without that of the root.
fn labels(mut octets: &[u8]) -> impl Iterator<Item = &[u8]> {
    std::iter::from_fn(move || {
        let (&length, rest) = octets.split_first()?;
        if length == 0 {
            return None;
        }
        let (label, rest) = rest.split_at_checked(usize::from(length))?;
        octets = rest;
        Some(label)
    })
}

/// Whether a name is `of` or below it; both in wire form and lower case.
pub fn is_within(name: &[u8], of: &[u8]) -> bool {
    if !name.ends_with(of) {
        return false;
    }
    // An octet in the middle of a label may look like a length.
    let start = name.len() - of.len();
    let mut at = 0;
    while at < start {
        at += 1 + usize::from(name[at]);
    }
    at == start
}

/// How many octets of these are an uncompressed name.
pub(crate) fn wire_length(octets: &[u8]) -> Option<usize> {
    let mut at = 0;
    loop {
        let length = usize::from(*octets.get(at)?);
        at += 1 + length;
        if length > MAX_LABEL || at > MAX_NAME {
            return None;
        }
        if length == 0 {
            return Some(at);
        }
    }
}

impl LowerName {
    /// Of an uncompressed name in wire form, which is not checked again.
    pub(crate) fn of(wire: &[u8]) -> Self {
        let mut name = LowerName {
            octets: [0; MAX_NAME],
            length: wire.len().min(MAX_NAME) as u8,
        };
        for (to, from) in name.octets.iter_mut().zip(wire) {
            // Lengths are below 64, and so are not letters.
            *to = from.to_ascii_lowercase();
        }
        name
    }
}

impl Deref for LowerName {
    type Target = [u8];

    #[inline]
    fn deref(&self) -> &[u8] {
        &self.octets[..usize::from(self.length)]
    }
}

impl Deref for Name {
    type Target = [u8];

    #[inline]
    fn deref(&self) -> &[u8] {
        &self.0
    }
}

impl Borrow<[u8]> for Name {
    #[inline]
    fn borrow(&self) -> &[u8] {
        &self.0
    }
}

impl From<&LowerName> for Name {
    fn from(name: &LowerName) -> Self {
        Name((**name).into())
    }
}

impl FromStr for Name {
    type Err = NameError;

    /// Of presentation form (RFC 1035 section 5.1), with or without the final dot: `\.` and
    /// `\123` stand for octets.
    fn from_str(text: &str) -> Result<Self, NameError> {
        if text == "." {
            return Ok(Name::root());
        }
        let mut octets = Vec::with_capacity(text.len() + 2);
        let mut label = Vec::new();
        let mut bytes = text.bytes();
        let mut end = |label: &mut Vec<u8>| {
            if label.is_empty() {
                return Err(NameError("a label is empty"));
            }
            if label.len() > MAX_LABEL {
                return Err(NameError("a label is longer than 63 octets"));
            }
            octets.push(label.len() as u8);
            octets.append(label);
            Ok(())
        };
        while let Some(byte) = bytes.next() {
            match byte {
                b'.' => end(&mut label)?,
                b'\\' => label.push(escaped(&mut bytes)?),
                byte => label.push(byte.to_ascii_lowercase()),
            }
        }
        if !label.is_empty() {
            end(&mut label)?;
        }
        if octets.is_empty() {
            return Err(NameError("it is empty"));
        }
        octets.push(0);
        match octets.len() {
            ..=MAX_NAME => Ok(Name(octets.into())),
            _ => Err(NameError("it is longer than 255 octets")),
        }
    }
}

fn escaped(bytes: &mut impl Iterator<Item = u8>) -> Result<u8, NameError> {
    const WRONG: NameError = NameError("after a backslash comes an octet, or its three digits");
    let first = bytes.next().ok_or(WRONG)?;
    if !first.is_ascii_digit() {
        return Ok(first.to_ascii_lowercase());
    }
    let mut value = u32::from(first - b'0');
    for _ in 0..2 {
        let digit = bytes.next().filter(u8::is_ascii_digit).ok_or(WRONG)?;
        value = value * 10 + u32::from(digit - b'0');
    }
    let octet = u8::try_from(value).map_err(|_| WRONG)?;
    Ok(octet.to_ascii_lowercase())
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.len() <= 1 {
            return f.write_str(".");
        }
        for label in labels(&self.0) {
            for &byte in label {
                match byte {
                    b'.' | b'\\' | b'"' | b'(' | b')' | b';' | b'@' | b'$' => {
                        write!(f, "\\{}", char::from(byte))?;
                    }
                    0x21..=0x7E => write!(f, "{}", char::from(byte))?,
                    _ => write!(f, "\\{byte:03}")?,
                }
            }
            f.write_str(".")?;
        }
        Ok(())
    }
}

impl fmt::Debug for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

impl fmt::Debug for LowerName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", Name::from(self))
    }
}

impl fmt::Display for NameError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl std::error::Error for NameError {}
