//! The state of one key as bytes: its text, and all its stored responses. Pure.
//!
//! The text is there to be compared: keys of the same hash are told apart by it.

use std::borrow::Borrow;

use perigee_http_cache::{Coded, Input, StoredHead};

use super::log::Place;
use crate::{StoredId, purges::Revision};

/// The first byte. What has another one is not read.
const VERSION: u8 = 1;

/// Stored responses of one key that are read; more are never written.
const MOST_VARIANTS: usize = 4096;

/// What is written of one stored response.
#[derive(Clone, Debug)]
pub(crate) struct Variant<H = StoredHead> {
    pub(crate) id: StoredId,
    /// The purge up to which it was checked.
    pub(crate) checked: Revision,
    pub(crate) head: H,
    /// Where its body is, in order.
    pub(crate) runs: Vec<Run>,
}

/// Bytes of a body, out of one record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Run {
    /// Position of the first in the complete representation.
    pub(crate) start: u64,
    /// How many.
    pub(crate) length: u64,
    /// Where the first of them is among the bytes of the record.
    pub(crate) skip: u32,
    /// Bytes of a body that the record has.
    pub(crate) of: u32,
    pub(crate) place: Place,
}

/// Writes down the state of a key.
pub(crate) fn encode<H: Borrow<StoredHead>>(key: &str, variants: &[Variant<H>]) -> Vec<u8> {
    let mut out = Vec::with_capacity(1 << 10);
    out.push(VERSION);
    run(key.as_bytes(), &mut out);
    variants.len().encode(&mut out);
    let mut head = Vec::new();
    for variant in variants {
        out.extend_from_slice(&variant.id.0.to_le_bytes());
        variant.checked.number().encode(&mut out);
        head.clear();
        variant.head.borrow().encode(&mut head);
        run(&head, &mut out);
        variant.runs.encode(&mut out);
    }
    out
}

/// Whose state it is, without reading the rest of it.
pub(crate) fn key_of(payload: &[u8]) -> Option<&str> {
    key(&mut Input::new(payload))
}

/// Reads the state of a key. `None`: it is none, or was written by another version.
pub(crate) fn decode(payload: &[u8]) -> Option<(&str, Vec<Variant>)> {
    let mut input = Input::new(payload);
    let key = key(&mut input)?;
    let count = usize::decode(&mut input).filter(|count| *count <= MOST_VARIANTS)?;
    let variants: Option<_> = (0..count).map(|_| variant(&mut input)).collect();
    Some((key, variants?)).filter(|_| input.left() == 0)
}

fn key<'a>(input: &mut Input<'a>) -> Option<&'a str> {
    let version = input.take(1)?;
    std::str::from_utf8(input.run()?)
        .ok()
        .filter(|_| version == [VERSION])
}

fn variant(input: &mut Input<'_>) -> Option<Variant> {
    let id = u64::from_le_bytes(*input.take(8)?.first_chunk()?);
    let checked = Revision::new(Coded::decode(input)?);
    let head = StoredHead::decode(input.run()?).ok()?;
    let runs: Vec<Run> = Coded::decode(input)?;
    let in_order = runs.windows(2).all(|pair| match pair {
        [first, second] => first.end() <= Some(second.start),
        _ => true,
    });
    let is_sound = in_order && runs.iter().all(Run::is_sound);
    is_sound.then_some(Variant {
        id: StoredId(id),
        checked,
        head,
        runs,
    })
}

impl Run {
    fn end(&self) -> Option<u64> {
        self.start.checked_add(self.length)
    }

    /// Whether its record has these bytes.
    fn is_sound(&self) -> bool {
        let within = u64::from(self.skip).checked_add(self.length);
        self.length > 0 && self.end().is_some() && within <= Some(self.of.into())
    }
}

impl Coded for Run {
    fn encode(&self, out: &mut Vec<u8>) {
        self.start.encode(out);
        self.length.encode(out);
        self.skip.encode(out);
        self.of.encode(out);
        self.place.segment.encode(out);
        self.place.offset.encode(out);
    }

    fn decode(input: &mut Input<'_>) -> Option<Self> {
        Some(Run {
            start: Coded::decode(input)?,
            length: Coded::decode(input)?,
            skip: Coded::decode(input)?,
            of: Coded::decode(input)?,
            place: Place {
                segment: Coded::decode(input)?,
                offset: Coded::decode(input)?,
            },
        })
    }
}

fn run(bytes: &[u8], out: &mut Vec<u8>) {
    bytes.len().encode(out);
    out.extend_from_slice(bytes);
}

#[cfg(test)]
mod tests {
    use std::time::SystemTime;

    use http::{HeaderMap, HeaderValue, Method, StatusCode};
    use perigee_http_cache::{Policy, RequestHead, ResponseHead, Times};
    use proptest::prelude::*;

    use super::*;

    fn head() -> StoredHead {
        let headers = HeaderMap::from_iter([("etag", "\"a\""), ("x-a", "1")].map(|(n, v)| {
            let name = http::HeaderName::from_static(n);
            (name, HeaderValue::from_static(v))
        }));
        let request = RequestHead {
            method: &Method::GET,
            headers: &HeaderMap::new(),
        };
        let response = ResponseHead {
            status: StatusCode::OK,
            headers: &headers,
        };
        let times = Times {
            requested: SystemTime::UNIX_EPOCH,
            received: SystemTime::UNIX_EPOCH,
        };
        StoredHead::new(&request, response, &Policy::default(), times)
    }

    fn runs() -> impl Strategy<Value = Vec<Run>> {
        let run = (0..9_u64, 1..1000_u64, any::<u32>(), any::<u64>());
        prop::collection::vec(run, 0..5).prop_map(|runs| {
            let mut end = 0;
            let run = |(gap, length, skip, segment)| {
                let skip = skip % 1000;
                let start = end + gap;
                end = start + length;
                Run {
                    start,
                    length,
                    skip,
                    of: skip + length as u32,
                    place: Place { segment, offset: 8 },
                }
            };
            runs.into_iter().map(run).collect()
        })
    }

    proptest! {
        #[test]
        fn a_state_is_read_back(
            key in ".{0,40}",
            variants in prop::collection::vec((any::<u64>(), any::<u64>(), runs()), 0..4),
            damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
        ) {
            let head = head();
            let variant = |(id, checked, runs): &(u64, u64, Vec<Run>)| Variant {
                id: StoredId(*id),
                checked: Revision::new(*checked),
                head: &head,
                runs: runs.clone(),
            };
            let written: Vec<_> = variants.iter().map(variant).collect();
            let mut payload = encode(&key, &written);
            prop_assert_eq!(key_of(&payload), Some(&*key));
            let (read_key, read) = decode(&payload).unwrap();
            prop_assert_eq!(read_key, key);
            prop_assert_eq!(format!("{read:?}"), format!("{written:?}"));
            prop_assert!(decode(&[&payload[..], b"x"].concat()).is_none());
            prop_assert!(decode(&payload[..payload.len() - 1]).is_none());
            // What a checksum would not let through panics no more than that.
            for (at, byte) in damage {
                let at = at.index(payload.len());
                payload[at] = byte;
                let _ = decode(&payload);
            }
        }

        #[test]
        fn no_bytes_panic(bytes: Vec<u8>) {
            let _ = decode(&[&[VERSION, 0][..], &bytes].concat());
        }
    }

    #[test]
    fn bytes_that_a_record_cannot_have_are_none() {
        let sound = Run {
            start: 0,
            length: 4,
            skip: 0,
            of: 4,
            place: Place {
                segment: 1,
                offset: 64,
            },
        };
        let is_read = |runs: &[Run]| {
            let variant = Variant {
                id: StoredId(1),
                checked: Revision::default(),
                head: &head(),
                runs: runs.to_vec(),
            };
            decode(&encode("k", &[variant])).is_some()
        };
        assert!(is_read(&[sound]) && is_read(&[]));
        assert!(!is_read(&[Run { length: 5, ..sound }]));
        assert!(!is_read(&[Run { skip: 1, ..sound }]));
        assert!(!is_read(&[Run { length: 0, ..sound }]));
        assert!(!is_read(&[Run {
            start: u64::MAX,
            ..sound
        }]));
        assert!(!is_read(&[sound, Run { start: 3, ..sound }]));
        assert!(is_read(&[sound, Run { start: 4, ..sound }]));
    }
}
