//! The Date field of responses that have none (RFC 9110 section 6.6.1), written once a second.

use std::{
    io::Write,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use httpdate::HttpDate;

/// The date of one second, as text.
#[derive(Debug, Default)]
pub(crate) struct DateText {
    second: u64,
    text: Vec<u8>,
}

impl DateText {
    pub(crate) fn at(&mut self, now: SystemTime) -> &[u8] {
        let since = now.duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
        if since.as_secs() != self.second || self.text.is_empty() {
            self.second = since.as_secs();
            self.text.clear();
            // Writing to a `Vec` does not fail.
            let _ = write!(self.text, "{}", HttpDate::from(now));
        }
        &self.text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_changes_with_the_second() {
        let mut date = DateText::default();
        let at = UNIX_EPOCH + Duration::from_millis(784_111_777_900);
        assert_eq!(date.at(at), b"Sun, 06 Nov 1994 08:49:37 GMT");
        let later = at + Duration::from_millis(200);
        assert_eq!(date.at(later), b"Sun, 06 Nov 1994 08:49:38 GMT");
    }
}
