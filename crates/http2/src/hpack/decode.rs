//! Header blocks out of bytes (RFC 7541 sections 3 and 6).

use super::{huffman, integer, statics::FIELDS, table::Table};
use crate::Fields;

/// What the table may be as long as nothing else was said (RFC 9113 section 6.5.2).
const TABLE: usize = 4_096;

/// A list of fields may be so many times what is kept of it. A block says a lot in a few bytes, by
/// fields of the table, and all of it is work.
const BOMB: usize = 4;

/// A header block that is not read to its end: none after it can be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unreadable {
    /// It makes no sense (RFC 9113 section 4.3).
    Malformed,
    /// Its list is many times too large.
    Bomb,
}

/// Reads the header blocks of a connection, one after the other.
#[derive(Debug)]
pub struct Decoder {
    table: Table,
}

impl Default for Decoder {
    fn default() -> Self {
        Decoder {
            table: Table::new(TABLE),
        }
    }
}

impl Decoder {
    /// Reads a whole block into `fields`, which is empty before. Of a list that is larger than
    /// `max` (names, values, and 32 bytes for each field) only the beginning is kept, and
    /// [`Fields::is_cut`] says so.
    ///
    /// # Errors
    /// [`Unreadable`]: no block can be read any more.
    pub fn decode(
        &mut self,
        block: &[u8],
        fields: &mut Fields,
        max: usize,
    ) -> Result<(), Unreadable> {
        fields.clear();
        let mut rest = block;
        let mut begun = false;
        while let Some(&first) = rest.first() {
            if first & 0xe0 == 0x20 {
                // A new size stands at the beginning (section 4.2).
                let size = integer::take(&mut rest, 5).filter(|size| *size <= TABLE && !begun);
                self.table.resize(size.ok_or(Unreadable::Malformed)?);
                continue;
            }
            begun = true;
            let field = self.field(first, &mut rest, fields);
            field.ok_or(Unreadable::Malformed)?;
            if fields.commit(max) > max.saturating_mul(BOMB) {
                return Err(Unreadable::Bomb);
            }
        }
        Ok(())
    }

    /// One field (sections 6.1 and 6.2).
    fn field(&mut self, first: u8, rest: &mut &[u8], fields: &mut Fields) -> Option<()> {
        if first & 0x80 != 0 {
            let (name, value) = self.get(integer::take(rest, 7)?)?;
            fields.put_name(|text| text.extend_from_slice(name));
            fields.put_value(|text| text.extend_from_slice(value));
            return Some(());
        }
        let is_kept = first & 0x40 != 0;
        match integer::take(rest, if is_kept { 6 } else { 4 })? {
            0 => fields.put_name(|text| string(rest, text))?,
            at => {
                let (name, _) = self.get(at)?;
                fields.put_name(|text| text.extend_from_slice(name));
            }
        }
        fields.put_value(|text| string(rest, text))?;
        if is_kept {
            let (name, value) = fields.last();
            self.table.insert(name, value);
        }
        Some(())
    }

    /// The field of this number (section 2.3.3).
    #[inline]
    fn get(&self, number: usize) -> Option<(&[u8], &[u8])> {
        let at = number.checked_sub(1)?;
        match FIELDS.get(at) {
            Some((name, value)) => Some((name.as_bytes(), value.as_bytes())),
            None => self.table.get(at - FIELDS.len()),
        }
    }
}

/// A string (section 5.2).
#[inline]
fn string(rest: &mut &[u8], out: &mut Vec<u8>) -> Option<()> {
    let is_coded = rest.first()? & 0x80 != 0;
    let length = integer::take(rest, 7)?;
    let (text, after) = rest.split_at_checked(length)?;
    *rest = after;
    if is_coded {
        return huffman::decode(text, out);
    }
    out.extend_from_slice(text);
    Some(())
}
