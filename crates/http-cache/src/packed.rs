//! A stored head in one piece of memory, as a store keeps it by the million: what every hit asks for
//! at fixed places, the fields as the lines that an answer has, and behind them, written as
//! [`Coded`], what is asked for now and then.
//!
//! It is for the process that has made it: what is on disk is a [`crate::record`], whose format stays.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use http::{HeaderName, StatusCode};

use crate::{
    KeyPolicy, Sent, StoredHead,
    etag::EntityTag,
    freshness,
    lines::Lines,
    record::{Coded, Input},
    vary::Selecting,
};

/// Bytes of what stands at fixed places.
const FIXED: usize = 72;

/// Where it stands; all numbers are little-endian.
mod at {
    /// Two bytes.
    pub(super) const STATUS: usize = 0;
    /// Two bytes, of [`super::flag`]s.
    pub(super) const FLAGS: usize = 2;
    /// Four bytes each: where the parts of [`super::Lines`] end.
    pub(super) const NOT_MODIFIED: usize = 4;
    pub(super) const SHOWN: usize = 8;
    pub(super) const TAGS: usize = 12;
    pub(super) const ALL: usize = 16;
    /// Four bytes: where the value of ETag is among the lines.
    pub(super) const ETAG: usize = 20;
    /// Four bytes: its length.
    pub(super) const ETAG_LENGTH: usize = 24;
    /// Eight bytes: the length of the complete representation.
    pub(super) const LENGTH: usize = 28;
    /// Eight bytes of seconds, and four of nanoseconds, since 1970.
    pub(super) const RECEIVED: usize = 36;
    /// The same.
    pub(super) const INITIAL_AGE: usize = 48;
    /// The same.
    pub(super) const LIFETIME: usize = 60;
}

/// What is so of a head.
mod flag {
    pub(super) const ALWAYS_VALIDATE: u16 = 1;
    pub(super) const IMMUTABLE: u16 = 1 << 1;
    pub(super) const NEVER_STALE: u16 = 1 << 2;
    /// The length of the complete representation is known.
    pub(super) const LENGTH: u16 = 1 << 3;
    /// The body holds a part of it.
    pub(super) const PART: u16 = 1 << 4;
    /// Every request selects it.
    pub(super) const SELECTED_BY_ALL: u16 = 1 << 5;
    /// It has an entity tag.
    pub(super) const ETAG: u16 = 1 << 6;
    /// It has a Date.
    pub(super) const DATED: u16 = 1 << 7;
    /// It has a Content-Range.
    pub(super) const RANGED: u16 = 1 << 8;
}

/// A head in one piece of memory, that is looked at where it stands. Cheap to clone.
#[derive(Clone, Copy, Debug)]
pub struct PackedHead<'a> {
    fixed: &'a [u8; FIXED],
    rest: &'a [u8],
}

impl StoredHead {
    /// Appends the head in one piece, for [`PackedHead::of`].
    pub fn pack(&self, out: &mut Vec<u8>) {
        let begin = out.len();
        out.resize(begin + FIXED, 0);
        let lines = match self.headers.lines() {
            Some(lines) => lines.write(out),
            None => Lines::write(&self.headers, out),
        };
        self.encode_rest(out);
        if let Some(fixed) = out.get_mut(begin..).and_then(<[u8]>::first_chunk_mut) {
            self.write_fixed(fixed, &lines);
        }
    }

    /// Bytes that [`StoredHead::pack`] appends, about.
    pub fn packed_length(&self) -> usize {
        let of_map = || {
            let fields = self.headers.iter();
            fields.map(|(n, v)| n.as_str().len() + v.len() + 4).sum()
        };
        let lines = self.headers.lines();
        let lines: usize = lines.map_or_else(of_map, |lines| lines.text.len());
        let selecting = self.selecting.as_ref().map_or(0, Selecting::weight);
        let part = self.part.as_ref().map_or(0, |part| part.weight());
        let search = self.search.as_ref().map_or(0, |search| search.weight());
        FIXED + lines + selecting + part + search + self.labels.weight() + 32
    }

    fn write_fixed(&self, fixed: &mut [u8; FIXED], lines: &Lines) {
        // A head has less than 4 GiB, by far: that is more than a message may have.
        let short = |number: usize| (number as u32).to_le_bytes();
        put(fixed, at::STATUS, self.status.as_u16().to_le_bytes());
        put(fixed, at::NOT_MODIFIED, short(lines.not_modified));
        put(fixed, at::SHOWN, short(lines.shown));
        put(fixed, at::TAGS, short(lines.tags));
        put(fixed, at::ALL, short(lines.all));
        put(fixed, at::LENGTH, self.length.unwrap_or(0).to_le_bytes());
        put(fixed, at::RECEIVED, time(self.received));
        put(fixed, at::INITIAL_AGE, duration(self.initial_age));
        put(fixed, at::LIFETIME, duration(self.lifetime));
        let tag = self.etag.as_ref().map(|etag| etag.value.len());
        put(fixed, at::ETAG, short(lines.etag.unwrap_or(0)));
        put(fixed, at::ETAG_LENGTH, short(tag.unwrap_or(0)));
        let by_all = self.selecting.as_ref().is_some_and(Selecting::is_of_all);
        let flags = [
            (self.always_validate, flag::ALWAYS_VALIDATE),
            (self.immutable, flag::IMMUTABLE),
            (self.never_stale, flag::NEVER_STALE),
            (self.length.is_some(), flag::LENGTH),
            (self.part.is_some(), flag::PART),
            (by_all, flag::SELECTED_BY_ALL),
            (tag.is_some(), flag::ETAG),
            (lines.dated, flag::DATED),
            (lines.ranged, flag::RANGED),
        ];
        let flags = flags.iter().filter(|(is, _)| *is).map(|(_, flag)| flag);
        put(
            fixed,
            at::FLAGS,
            flags.fold(0, |all, one| all | one).to_le_bytes(),
        );
    }

    /// What stands behind the lines.
    fn encode_rest(&self, out: &mut Vec<u8>) {
        // Named one by one: a field that is added must be thought of here.
        let StoredHead {
            status: _,
            headers: _,
            length: _,
            received: _,
            date,
            initial_age: _,
            lifetime: _,
            lifetime_by,
            always_validate: _,
            immutable: _,
            never_stale: _,
            stale_if_error,
            stale_while_revalidate,
            selecting,
            search,
            labels,
            etag: _,
            last_modified,
            part,
        } = self;
        // What hits may ask for, first.
        last_modified.encode(out);
        date.encode(out);
        selecting.encode(out);
        lifetime_by.encode(out);
        stale_if_error.encode(out);
        stale_while_revalidate.encode(out);
        search.encode(out);
        labels.encode(out);
        part.encode(out);
    }

    /// The head that was packed: all of `packed`, which its values share.
    pub fn unpack(packed: &Bytes) -> Option<StoredHead> {
        let head = PackedHead::of(packed)?;
        let lines = head.number(at::ALL);
        let headers = Lines::read(packed.slice(FIXED..FIXED + lines))?;
        let mut input = Input::new(head.behind_lines()?);
        let input = &mut input;
        let last_modified = Coded::decode(input)?;
        let date = Coded::decode(input)?;
        Some(StoredHead {
            status: head.status(),
            length: head.length(),
            received: head.received(),
            initial_age: head.initial_age(),
            lifetime: head.lifetime(),
            always_validate: head.always_validate(),
            immutable: head.has(flag::IMMUTABLE),
            never_stale: head.has(flag::NEVER_STALE),
            last_modified,
            date,
            selecting: Coded::decode(input)?,
            lifetime_by: Coded::decode(input)?,
            stale_if_error: Coded::decode(input)?,
            stale_while_revalidate: Coded::decode(input)?,
            search: Coded::decode(input)?,
            labels: Coded::decode(input)?,
            part: Coded::decode(input)?,
            etag: EntityTag::of(&headers),
            headers: headers.into(),
        })
    }
}

impl<'a> PackedHead<'a> {
    /// What [`StoredHead::pack`] has written, and nothing else. None if it is too short for one.
    pub fn of(packed: &'a [u8]) -> Option<PackedHead<'a>> {
        let (fixed, rest) = packed.split_first_chunk()?;
        let head = PackedHead { fixed, rest };
        head.behind_lines()?;
        Some(head)
    }

    /// See [`StoredHead::status`].
    pub fn status(self) -> StatusCode {
        // It was one.
        StatusCode::from_u16(u16::from_le_bytes(self.bytes(at::STATUS))).unwrap_or_default()
    }

    /// The lines of its fields that all clients get, each ended by CRLF.
    pub fn lines(self) -> &'a [u8] {
        self.lines_to(at::SHOWN)
    }

    /// The same, and behind them those of [`crate::TAG_FIELDS`].
    pub fn tagged_lines(self) -> &'a [u8] {
        self.lines_to(at::TAGS)
    }

    /// Those with which [`PackedHead::lines`] begins that a 304 has.
    pub(crate) fn not_modified_lines(self) -> &'a [u8] {
        self.lines_to(at::NOT_MODIFIED)
    }

    fn lines_to(self, end: usize) -> &'a [u8] {
        self.rest.get(..self.number(end)).unwrap_or_default()
    }

    /// Whether there is a Date among the lines.
    pub(crate) fn is_dated(self) -> bool {
        self.has(flag::DATED)
    }

    /// Whether there is a Content-Range among the lines.
    pub(crate) fn is_ranged(self) -> bool {
        self.has(flag::RANGED)
    }

    /// See [`StoredHead::length`].
    pub fn length(self) -> Option<u64> {
        let length = u64::from_le_bytes(self.bytes(at::LENGTH));
        self.has(flag::LENGTH).then_some(length)
    }

    /// Whether the body holds a part of the representation.
    pub fn is_part(self) -> bool {
        self.has(flag::PART)
    }

    /// See [`StoredHead::received`].
    pub fn received(self) -> SystemTime {
        let (seconds, nanos) = self.long(at::RECEIVED);
        let time = match seconds.cast_signed() < 0 {
            false => UNIX_EPOCH.checked_add(Duration::new(seconds, nanos)),
            true => {
                let whole = Duration::from_secs(seconds.cast_signed().unsigned_abs());
                let second = UNIX_EPOCH.checked_sub(whole);
                second.and_then(|second| second.checked_add(Duration::new(0, nanos)))
            }
        };
        time.unwrap_or(UNIX_EPOCH)
    }

    /// See [`StoredHead::age`].
    pub fn age(self, now: SystemTime) -> Duration {
        freshness::age(self.initial_age(), self.received(), now)
    }

    /// See [`StoredHead::ttl`].
    pub fn ttl(self, now: SystemTime) -> i64 {
        freshness::ttl(self.lifetime(), self.age(now))
    }

    /// How long it is fresh (RFC 9111 section 4.2.1).
    pub fn lifetime(self) -> Duration {
        self.duration(at::LIFETIME)
    }

    /// no-cache: never used without validation (RFC 9111 section 5.2.2.4).
    pub fn always_validate(self) -> bool {
        self.has(flag::ALWAYS_VALIDATE)
    }

    /// Its entity tag (RFC 9110 section 8.8.3).
    pub(crate) fn etag(self) -> Option<&'a [u8]> {
        let at = self.number(at::ETAG);
        let length = self.number(at::ETAG_LENGTH);
        let value = self.lines().get(at..)?.get(..length)?;
        self.has(flag::ETAG).then_some(value)
    }

    /// Last-Modified, or else when it was generated.
    pub(crate) fn modified(self) -> Option<SystemTime> {
        let mut input = Input::new(self.behind_lines()?);
        let last_modified = <Option<SystemTime>>::decode(&mut input)?;
        let date = SystemTime::decode(&mut input)?;
        Some(last_modified.unwrap_or(date))
    }

    /// Whether a request selects it (RFC 9111 section 4.1), whose fields are as `sent` says. None if
    /// that takes more than to compare them.
    pub(crate) fn is_selected<'s>(
        self,
        key: &KeyPolicy,
        sent: impl Fn(&HeaderName) -> Sent<'s>,
    ) -> Option<bool> {
        if self.has(flag::SELECTED_BY_ALL) {
            return Some(key.parts.is_none());
        }
        let mut input = Input::new(self.behind_lines()?);
        <Option<SystemTime>>::decode(&mut input)?;
        SystemTime::decode(&mut input)?;
        Selecting::written_matches(&mut input, key, sent)
    }

    fn initial_age(self) -> Duration {
        self.duration(at::INITIAL_AGE)
    }

    fn behind_lines(self) -> Option<&'a [u8]> {
        self.rest.get(self.number(at::ALL)..)
    }

    fn has(self, flag: u16) -> bool {
        u16::from_le_bytes(self.bytes(at::FLAGS)) & flag != 0
    }

    fn number(self, at: usize) -> usize {
        u32::from_le_bytes(self.bytes(at)) as usize
    }

    fn duration(self, at: usize) -> Duration {
        let (seconds, nanos) = self.long(at);
        Duration::new(seconds, nanos)
    }

    /// Seconds and nanoseconds; of these less than a second.
    fn long(self, at: usize) -> (u64, u32) {
        let nanos = u32::from_le_bytes(self.bytes(at + 8));
        (u64::from_le_bytes(self.bytes(at)), nanos.min(999_999_999))
    }

    /// Those at one of the fixed places.
    fn bytes<const N: usize>(self, at: usize) -> [u8; N] {
        let bytes = self.fixed.get(at..).and_then(<[u8]>::first_chunk);
        bytes.copied().unwrap_or([0; N])
    }
}

fn put<const N: usize>(fixed: &mut [u8; FIXED], at: usize, bytes: [u8; N]) {
    if let Some(place) = fixed.get_mut(at..).and_then(<[u8]>::first_chunk_mut) {
        *place = bytes;
    }
}

fn duration(duration: Duration) -> [u8; 12] {
    long(duration.as_secs(), duration.subsec_nanos())
}

/// Before 1970, too, the nanoseconds count forward.
fn time(time: SystemTime) -> [u8; 12] {
    match time.duration_since(UNIX_EPOCH) {
        Ok(since) => duration(since),
        Err(before) => {
            let before = before.duration();
            let (seconds, nanos) = (before.as_secs(), before.subsec_nanos());
            match nanos {
                0 => long(seconds.wrapping_neg(), 0),
                nanos => long(
                    seconds.wrapping_add(1).wrapping_neg(),
                    1_000_000_000 - nanos,
                ),
            }
        }
    }
}

fn long(seconds: u64, nanos: u32) -> [u8; 12] {
    let mut bytes = [0; 12];
    bytes[..8].copy_from_slice(&seconds.to_le_bytes());
    bytes[8..].copy_from_slice(&nanos.to_le_bytes());
    bytes
}

#[cfg(test)]
mod tests;
