//! Header blocks into bytes. No field is kept in a table, and none is coded: that would cost more
//! than the bytes it saves.

use super::{integer, statics};

/// Writes the header blocks of a connection, one after the other.
#[derive(Debug, Default)]
pub struct Encoder {
    /// The client is to be told that there is no table, or has been.
    due: bool,
    told: bool,
}

impl Encoder {
    /// The client allows a table of this size. A smaller one than it begins with must be acknowledged
    /// by the next block, which says that there is none: then whatever comes later needs no word
    /// (RFC 7541 section 4.2).
    pub fn allow(&mut self, size: u32) {
        self.due |= size < 4_096 && !self.told;
    }

    /// Begins the block of a response, or of an interim one, by its status.
    #[inline]
    pub fn status(&mut self, status: u16, out: &mut Vec<u8>) {
        self.begin(out);
        let number = match status {
            200 => 8,
            204 => 9,
            206 => 10,
            304 => 11,
            400 => 12,
            404 => 13,
            500 => 14,
            _ => 0,
        };
        if number > 0 {
            return out.push(0x80 | number);
        }
        let digit = |n: u16| b'0' + (n % 10) as u8;
        let text = [digit(status / 100), digit(status / 10), digit(status)];
        out.extend_from_slice(&[8, 3]);
        out.extend_from_slice(&text);
    }

    /// Begins a block; that of trailers has no status.
    #[inline]
    pub fn begin(&mut self, out: &mut Vec<u8>) {
        if std::mem::take(&mut self.due) {
            self.told = true;
            out.push(0x20);
        }
    }

    /// Writes a field; the name is in lower case.
    #[inline]
    pub fn field(&self, name: &[u8], value: &[u8], out: &mut Vec<u8>) {
        let number = statics::number(name);
        integer::put(number, 0, 4, out);
        if number == 0 {
            integer::put(name.len(), 0, 7, out);
            out.extend_from_slice(name);
        }
        integer::put(value.len(), 0, 7, out);
        out.extend_from_slice(value);
    }
}
