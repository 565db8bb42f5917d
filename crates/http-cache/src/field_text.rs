//! The fields of a usual response as text, from the origin to the store and to the client: judged where they
//! stand, and copied.

use bytes::Bytes;
use http::HeaderMap;
use smallvec::SmallVec;

use crate::{
    fields::is_unstored_name,
    labels::is_label_name,
    lines::Lines,
    noted::{Line, Noted},
    present::Present,
    search,
    targeted::is_targeted_name,
};

/// Of each line, how long its name is, and where it ends.
pub type Ends = SmallVec<[(u16, u16); 16]>;

/// Fields of a response as text: of each its name in lower case, `: `, its value, which is not empty and
/// neither begins nor ends with white space, and CRLF. None of them is of framing, or of one hop.
#[derive(Clone, Debug, Default)]
pub struct FieldText {
    /// The text.
    pub text: Vec<u8>,
    ends: Ends,
    marked: Marked,
}

/// What was found where.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Marked {
    /// A bit for each line, from the first: whether a 304 has it.
    guides: u64,
    /// Where the value of ETag begins.
    etag: Option<usize>,
}

/// As many as have a bit.
const MOST_LINES: usize = u64::BITS as usize;

impl FieldText {
    /// Lines that end there.
    pub fn new(text: Vec<u8>, ends: Ends) -> Self {
        let marked = Marked::default();
        FieldText { text, ends, marked }
    }

    /// What they were made of.
    pub fn into_parts(self) -> (Vec<u8>, Ends) {
        (self.text, self.ends)
    }

    /// The same fields in a map.
    pub fn to_map(&self) -> HeaderMap {
        Lines::read(Bytes::copy_from_slice(&self.text)).unwrap_or_default()
    }

    /// Of each line where its value begins, its name, and that.
    fn iter(&self) -> impl Iterator<Item = (usize, &[u8], &[u8])> {
        let mut begin = 0;
        self.ends.iter().map(move |&(name, end)| {
            let (name, end) = (begin + usize::from(name), usize::from(end));
            let value = name + 2;
            let part = |from, to| self.text.get(from..to).unwrap_or_default();
            let line = (value, part(begin, name), part(value, end.saturating_sub(2)));
            begin = end;
            line
        })
    }

    /// Notes what a cache goes by. `None`: there is something unusual among them, and they are to be judged as
    /// a map.
    pub(crate) fn note<'a>(&'a self, noted: &mut Noted<'a>) -> Option<Marked> {
        if self.ends.len() > MOST_LINES {
            return None;
        }
        let (mut marked, mut modified) = (Marked::default(), 0);
        for (index, (at, name, value)) in self.iter().enumerate() {
            let bit = 1 << index;
            match name {
                b"server" | b"content-type" | b"accept-ranges" => {}
                b"date" => {
                    noted.date.note(value);
                    marked.guides |= bit;
                }
                b"etag" => {
                    noted.etag.note(value);
                    marked.etag = Some(at);
                    marked.guides |= bit;
                }
                b"expires" => {
                    noted.expires.note(value);
                    marked.guides |= bit;
                }
                b"cache-control" => {
                    noted.present = noted.present | Present::CONTROL;
                    noted.cache_control.note(value);
                    marked.guides |= bit;
                }
                b"last-modified" => {
                    noted.last_modified.note(value);
                    modified |= bit;
                }
                name if is_unusual(name) => return None,
                _ => {}
            }
        }
        if marked.etag.is_none() {
            marked.guides |= modified;
        }
        let Noted {
            cache_control,
            date,
            etag,
            expires,
            last_modified,
            ..
        } = noted;
        let often = [cache_control, date, etag, expires, last_modified];
        let often = often.iter().any(|line| matches!(line, Line::Often));
        (!often && !matches!(noted.date, Line::No)).then_some(marked)
    }

    /// The same lines, of which was noted where things are.
    pub(crate) fn marked(mut self: Box<Self>, marked: Marked) -> Box<Self> {
        self.marked = marked;
        self
    }

    /// Appends them in the order of [`Lines`].
    pub(crate) fn write(&self, out: &mut Vec<u8>) -> Lines {
        let begin = out.len();
        out.reserve(self.text.len());
        let all = u64::MAX.checked_shr((MOST_LINES - self.ends.len().min(MOST_LINES)) as u32);
        let (all, guides) = (all.unwrap_or(0), self.marked.guides);
        let etag = self.write_some(all & guides, out).map(|at| at - begin);
        let not_modified = out.len() - begin;
        self.write_some(all & !guides, out);
        let all = out.len() - begin;
        Lines {
            not_modified,
            shown: all,
            tags: all,
            all,
            etag,
            dated: true,
            ranged: false,
        }
    }

    /// Appends those that have a bit, neighbours together. Says where the value of ETag is then.
    fn write_some(&self, mut bits: u64, out: &mut Vec<u8>) -> Option<usize> {
        let end_before = |line: u32| match line {
            0 => 0,
            line => self.ends.get(line as usize - 1).map_or(0, |line| line.1),
        };
        let mut etag = None;
        while bits != 0 {
            let first = bits.trailing_zeros();
            let count = (bits >> first).trailing_ones();
            let run = end_before(first).into()..end_before(first + count).into();
            if let Some(at) = self.marked.etag.filter(|at| run.contains(at)) {
                etag = Some(out.len() + at - run.start);
            }
            out.extend_from_slice(self.text.get(run).unwrap_or_default());
            // Without those: what is added carries past them.
            bits &= bits.wrapping_add(1 << first);
        }
        etag
    }
}

/// Whether a field means something to a cache, or to who passes a response on, that lines are not judged by. Most
/// mean nothing to either.
fn is_unusual(name: &[u8]) -> bool {
    matches!(
        name,
        b"vary"
            | b"set-cookie"
            | b"pragma"
            | b"content-range"
            | b"content-location"
            | b"cache-status"
    ) || is_unstored_name(name)
        || is_targeted_name(name)
        || is_label_name(name)
        || search::is_name(name)
        || name.starts_with(b"perigee-")
}
