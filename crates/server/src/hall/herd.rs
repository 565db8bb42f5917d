//! Who asks for the very same, together: a live playlist, asked for by all players of one make within a moment. What
//! came with one look is as of that look: the first of them is answered as ever, and its answer is that of the others,
//! where it is one for all ([`crate::AtOnce::for_all`]). Nothing of it is left when the next look is taken, so that
//! nothing that was purged or changed in between can be answered so. Pure.

/// Bytes of a request that others are compared with at the most.
pub(crate) const MOST_ASKED: usize = 1 << 10;

/// Bytes of an answer that is kept for others at the most: of larger ones the work is to send them.
const MOST_ANSWERED: usize = 8 << 10;

/// What one herd asks for, and gets.
#[derive(Debug, Default)]
pub(crate) struct Herd {
    /// As it came; empty if there is none.
    asked: Vec<u8>,
    answer: Vec<u8>,
    content: u64,
    /// Those who had the answer, but for the first one.
    others: u64,
    /// Requests that have come and are not looked at yet.
    behind: usize,
}

/// Who had an answer that somebody else was given.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Others<'a> {
    /// The request.
    pub(super) asked: &'a [u8],
    /// Bytes of content in its answer.
    pub(super) content: u64,
    pub(super) count: u64,
}

impl Herd {
    /// So many requests have come.
    pub(super) fn begin(&mut self, came: usize) {
        self.asked.clear();
        self.others = 0;
        self.behind = came;
    }

    /// One of them is looked at.
    pub(super) fn next(&mut self) {
        self.behind = self.behind.saturating_sub(1);
    }

    /// The answer, if this is what they ask for.
    pub(crate) fn answer(&self, asked: &[u8]) -> Option<&[u8]> {
        (!self.asked.is_empty() && self.asked == asked).then_some(&self.answer)
    }

    /// It was given.
    pub(crate) fn answered(&mut self) {
        self.others += 1;
    }

    /// Keeps an answer that is for all, for those who come behind. One that somebody else has had stays.
    pub(crate) fn keep(&mut self, asked: &[u8], answer: &[u8], content: u64) {
        let is_small = asked.len() <= MOST_ASKED && answer.len() <= MOST_ANSWERED;
        if self.behind == 0 || self.others > 0 || !is_small {
            return;
        }
        self.asked.clear();
        self.asked.extend_from_slice(asked);
        self.answer.clear();
        self.answer.extend_from_slice(answer);
        self.content = content;
    }

    /// Those who are to be counted.
    pub(super) fn others(&self) -> Option<Others<'_>> {
        (self.others > 0).then_some(Others {
            asked: &self.asked,
            content: self.content,
            count: self.others,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_very_same_request_has_the_answer_until_the_next_look() {
        let mut herd = Herd::default();
        herd.begin(4);
        herd.next();
        assert_eq!(herd.answer(b"GET /a"), None);
        herd.keep(b"GET /a", b"200 a", 1);
        assert_eq!(herd.answer(b"GET /a"), Some(&b"200 a"[..]));
        assert_eq!(herd.answer(b"GET /a "), None);
        assert_eq!(herd.answer(b"GET /"), None);
        assert_eq!(herd.answer(b""), None);
        assert_eq!(herd.others(), None);
        herd.answered();
        herd.answered();
        let (asked, content, count) = (&b"GET /a"[..], 1, 2);
        assert_eq!(
            herd.others(),
            Some(Others {
                asked,
                content,
                count
            })
        );
        herd.begin(4);
        assert_eq!((herd.answer(b"GET /a"), herd.others()), (None, None));
    }

    #[test]
    fn who_was_answered_last_leads_until_somebody_follows() {
        let mut herd = Herd::default();
        herd.begin(9);
        herd.keep(b"GET /a", b"200 a", 1);
        herd.keep(b"GET /b", b"200 b", 1);
        assert_eq!(herd.answer(b"GET /a"), None);
        assert!(herd.answer(b"GET /b").is_some());
        herd.answered();
        // Those who had it are counted when all is done, so it is kept till then.
        herd.keep(b"GET /a", b"200 a", 1);
        assert!(herd.answer(b"GET /b").is_some());
    }

    #[test]
    fn nothing_is_kept_for_nobody_and_nothing_large() {
        let mut herd = Herd::default();
        herd.begin(1);
        herd.next();
        herd.keep(b"GET /a", b"200 a", 1);
        assert_eq!(herd.answer(b"GET /a"), None);
        herd.begin(2);
        herd.keep(&[b'a'; MOST_ASKED + 1], b"200 a", 1);
        assert_eq!(herd.answer(&[b'a'; MOST_ASKED + 1]), None);
        herd.keep(b"GET /a", &[0; MOST_ANSWERED + 1], 1);
        assert_eq!(herd.answer(b"GET /a"), None);
    }
}
