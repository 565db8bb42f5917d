//! Rules for fetches that are read while they come. Pure.

/// How far a fetch goes for its readers, and for those who come later.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Streaming {
    /// Whether it goes on without a reader.
    pub finish: Finish,
    /// Who wants bytes that begin farther ahead than this of what has come fetches them for itself.
    /// Default 4 MiB.
    pub join_ahead: u64,
}

impl Default for Streaming {
    fn default() -> Self {
        Streaming {
            finish: Finish::default(),
            join_ahead: 4 << 20,
        }
    }
}

/// When a fetch that was begun for a client goes on although nobody reads what it brings any more:
/// if one of the two says so.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Finish {
    /// So many bytes are left, or fewer. Where nobody knows how many are left: so many come after
    /// the last reader has left, at most. Default 16 MiB.
    pub within: u64,
    /// This share of it has come, from 0 to 1. Default a half.
    pub share: f64,
}

impl Default for Finish {
    fn default() -> Self {
        Finish {
            within: 16 << 20,
            share: 0.5,
        }
    }
}

impl Finish {
    /// Of `length` bytes, if that is known, so many have come; `unread` of them since the last
    /// reader left.
    pub(crate) fn goes_on(self, length: Option<u64>, came: u64, unread: u64) -> bool {
        match length {
            Some(length) => {
                let left = length.saturating_sub(came);
                left <= self.within || came as f64 >= self.share * length as f64
            }
            None => unread <= self.within,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_nearly_there_is_finished() {
        let finish = Finish {
            within: 10,
            share: 0.5,
        };
        for (length, came, unread, goes_on) in [
            (Some(100), 0, 0, false),
            (Some(100), 49, 40, false),
            (Some(100), 50, 0, true),
            (Some(100), 100, 0, true),
            // Little is left, though hardly any has come.
            (Some(10), 0, 0, true),
            (Some(11), 0, 0, false),
            (Some(0), 0, 0, true),
            (None, 1000, 0, true),
            (None, 1000, 10, true),
            (None, 1000, 11, false),
        ] {
            let goes = finish.goes_on(length, came, unread);
            assert_eq!(goes, goes_on, "{came} of {length:?}, {unread} unread");
        }
    }

    #[test]
    fn either_can_be_switched_off() {
        let never = Finish {
            within: 0,
            share: 1.0,
        };
        assert!(!never.goes_on(Some(100), 99, 0));
        assert!(!never.goes_on(None, 99, 1));
        let always = Finish {
            within: 0,
            share: 0.0,
        };
        assert!(always.goes_on(Some(u64::MAX), 0, 0));
    }
}
