//! A client's settings (RFC 9113 section 6.5.2).

use crate::{Fault, MAX_LENGTH, Reason};

/// The largest window that there may be (section 6.9.1).
const MAX_WINDOW: u32 = (1 << 31) - 1;

/// What a client has said of itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Bytes that its table for header compression may take.
    pub table: u32,
    /// Bytes that a new stream may be sent.
    pub initial_window: u32,
    /// Bytes of a payload, at most.
    pub max_length: usize,
}

impl Default for Settings {
    fn default() -> Self {
        Settings {
            table: 4_096,
            initial_window: 65_535,
            max_length: MAX_LENGTH,
        }
    }
}

impl Settings {
    /// Takes over what a SETTINGS frame says.
    ///
    /// # Errors
    /// [`Fault`] for a value that cannot be.
    pub fn apply(&mut self, payload: &[u8]) -> Result<(), Fault> {
        for &[a, b, c, d, e, f] in payload.as_chunks::<6>().0 {
            let value = u32::from_be_bytes([c, d, e, f]);
            match u16::from_be_bytes([a, b]) {
                0x1 => self.table = value,
                0x2 if value > 1 => return Err(refused(Reason::Protocol)),
                0x4 if value > MAX_WINDOW => return Err(refused(Reason::FlowControl)),
                0x4 => self.initial_window = value,
                0x5 if !(16_384..=16_777_215).contains(&value) => {
                    return Err(refused(Reason::Protocol));
                }
                0x5 => self.max_length = value as usize,
                // What is unknown is ignored, and so is what only a server is bound by.
                _ => {}
            }
        }
        Ok(())
    }
}

fn refused(reason: Reason) -> Fault {
    Fault::Connection(reason, "a setting that cannot be")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn setting(id: u16, value: u32) -> Vec<u8> {
        [&id.to_be_bytes()[..], &value.to_be_bytes()].concat()
    }

    #[test]
    fn what_cannot_be_is_refused() {
        for (id, value, reason) in [
            (2, 2, Reason::Protocol),
            (4, 1 << 31, Reason::FlowControl),
            (5, 16_383, Reason::Protocol),
            (5, 1 << 24, Reason::Protocol),
        ] {
            let refused = Settings::default().apply(&setting(id, value));
            assert_eq!(refused, Err(super::refused(reason)), "{id} {value}");
        }
    }

    #[test]
    fn the_last_value_holds_and_what_is_unknown_is_ignored() {
        let mut settings = Settings::default();
        let payload = [setting(4, 1), setting(0xfa, 7), setting(4, 9)].concat();
        settings.apply(&payload).unwrap();
        let expected = Settings {
            initial_window: 9,
            ..Settings::default()
        };
        assert_eq!(settings, expected);
    }
}
