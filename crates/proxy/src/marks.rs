//! Hit-for-miss: which keys' last response was not to be shared, so that requests for them need
//! not wait for each other to find out again.

use std::time::{Duration, Instant};

use http::{StatusCode, header};
use perigee_http_cache::{CacheKey, NotStored};
use perigee_storage::{Purges, Revision};

use crate::{fetch::Trip, generations::Generations};

/// Whose requests a mark is for, and whose a request is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Whose {
    /// Everybody's: the response is not for sharing.
    Everybodys,
    /// Requests with cookies: what others are answered may be shared.
    Cookies,
    /// Authorized requests (RFC 9111 section 3.5): what others are answered may be shared.
    Authorized,
}

/// A mark to be set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Mark {
    /// For whom.
    pub(crate) whose: Whose,
    /// How long it stands.
    pub(crate) time: Duration,
}

impl Mark {
    /// The mark that a response leaves which is not stored, if it leaves one.
    pub(crate) fn of(trip: &Trip, why: NotStored, status: StatusCode) -> Option<Mark> {
        let whose = match (why, trip.whose()) {
            (NotStored::Request, Whose::Authorized) => Whose::Authorized,
            (NotStored::Request, _) => return None,
            (NotStored::Cookie, _) => Whose::Cookies,
            _ => Whose::Everybodys,
        };
        let asked_for_part = trip.wanted.fields.contains_key(header::RANGE);
        let time = trip.inbound.policy().hit_for_miss;
        (!is_passing(status, asked_for_part)).then_some(Mark { whose, time })
    }

    /// The mark that a response leaves which the store has no room for.
    pub(crate) fn of_too_large(trip: &Trip) -> Mark {
        Mark {
            whose: Whose::Everybodys,
            time: trip.inbound.policy().hit_for_miss,
        }
    }
}

/// Whether a response says nothing of what the next one will be: it is an error of the moment, or
/// about the part that was asked for, or no answer to a fetch of the whole.
fn is_passing(status: StatusCode, asked_for_part: bool) -> bool {
    status.is_server_error()
        || (asked_for_part && status.is_client_error())
        || matches!(
            status,
            StatusCode::PARTIAL_CONTENT
                | StatusCode::NOT_MODIFIED
                | StatusCode::REQUEST_TIMEOUT
                | StatusCode::RANGE_NOT_SATISFIABLE
                | StatusCode::TOO_EARLY
                | StatusCode::TOO_MANY_REQUESTS
        )
}

/// Marks, bounded in number and in time. Of two keys that cannot be told apart, requests go side by
/// side that might have waited.
#[derive(Debug)]
pub(crate) struct Marks(Generations<Standing>);

#[derive(Clone, Copy, Debug)]
struct Standing {
    whose: Whose,
    until: Instant,
    /// The last purge from before the response was asked for.
    asked: Revision,
}

impl Standing {
    fn concerns(self, whose: Whose, now: Instant) -> bool {
        now < self.until && (self.whose == Whose::Everybodys || self.whose == whose)
    }
}

impl Marks {
    /// At most this many; fewer than two: none.
    pub(crate) fn new(max: usize) -> Self {
        Marks(Generations::new(max))
    }

    /// Marks a key after a response that was asked for then. What stands for everybody is not
    /// narrowed.
    pub(crate) fn set(&mut self, key: &CacheKey, mark: Mark, asked: Revision, now: Instant) {
        let Mark { whose, time } = mark;
        let Some(until) = now.checked_add(time).filter(|until| *until > now) else {
            return;
        };
        let is_everybodys = |mark: Standing| mark.concerns(Whose::Everybodys, now);
        let whose = match self.get(key).is_some_and(is_everybodys) {
            true => Whose::Everybodys,
            false => whose,
        };
        let standing = Standing {
            whose,
            until,
            asked,
        };
        self.0.set(key, standing);
    }

    /// Whether a key is marked for such a request. A mark whose time is over is forgotten, and so is
    /// that of a key that was purged.
    pub(crate) fn concerns(
        &mut self,
        key: &CacheKey,
        whose: Whose,
        purges: &Purges,
        now: Instant,
    ) -> bool {
        let Some(mark) = self.get(key) else {
            return false;
        };
        let is_over = now >= mark.until || purges.key_was_purged(key, mark.asked);
        if is_over {
            self.remove(key);
        }
        !is_over && mark.concerns(whose, now)
    }

    /// The mark of a key, with the time that it still stands.
    pub(crate) fn standing(&self, key: &CacheKey, purges: &Purges, now: Instant) -> Option<Mark> {
        let Standing {
            whose,
            until,
            asked,
        } = self.get(key)?;
        if purges.key_was_purged(key, asked) {
            return None;
        }
        let time = until.checked_duration_since(now)?;
        (!time.is_zero()).then_some(Mark { whose, time })
    }

    /// Forgets the mark of a key.
    pub(crate) fn remove(&mut self, key: &CacheKey) {
        self.0.remove(key);
    }

    fn get(&self, key: &CacheKey) -> Option<Standing> {
        self.0.get(key)
    }
}

#[cfg(test)]
mod tests {
    use perigee_http_cache::Scheme;

    use super::{Whose::*, *};

    fn key(n: usize) -> CacheKey {
        CacheKey::new(Scheme::Http, "www.example.com", &format!("/{n}"))
    }

    fn mark(whose: Whose, seconds: u64) -> Mark {
        let time = Duration::from_secs(seconds);
        Mark { whose, time }
    }

    const START: Revision = Revision::new(0);

    fn no_purges() -> Purges {
        Purges::new(1)
    }

    fn len(marks: &Marks) -> usize {
        marks.0.len()
    }

    #[test]
    fn a_mark_stands_for_its_time() {
        let (start, second) = (Instant::now(), Duration::from_secs(1));
        let mut marks = Marks::new(10);
        marks.set(&key(1), mark(Everybodys, 2), START, start);
        assert!(marks.concerns(&key(1), Everybodys, &no_purges(), start + second));
        assert!(marks.concerns(&key(1), Authorized, &no_purges(), start + second));
        assert!(!marks.concerns(&key(2), Everybodys, &no_purges(), start + second));
        assert!(!marks.concerns(&key(1), Everybodys, &no_purges(), start + 2 * second));
        assert_eq!(len(&marks), 0, "forgotten when it was over");
        marks.set(&key(1), mark(Everybodys, 0), START, start);
        assert_eq!(len(&marks), 0, "for no time");
    }

    #[test]
    fn what_is_for_some_is_not_for_others() {
        let now = Instant::now();
        let mut marks = Marks::new(10);
        marks.set(&key(1), mark(Authorized, 9), START, now);
        assert!(marks.concerns(&key(1), Authorized, &no_purges(), now));
        assert!(!marks.concerns(&key(1), Everybodys, &no_purges(), now));
        marks.set(&key(1), mark(Everybodys, 9), START, now);
        marks.set(&key(1), mark(Authorized, 9), START, now);
        assert!(
            marks.concerns(&key(1), Everybodys, &no_purges(), now),
            "not narrowed"
        );
        marks.remove(&key(1));
        assert!(!marks.concerns(&key(1), Authorized, &no_purges(), now));
        marks.set(&key(1), mark(Cookies, 9), START, now);
        assert!(marks.concerns(&key(1), Cookies, &no_purges(), now));
        assert!(!marks.concerns(&key(1), Everybodys, &no_purges(), now));
    }

    #[test]
    fn there_are_never_more_than_the_limit_and_those_in_use_stay() {
        let now = Instant::now();
        let mut marks = Marks::new(10);
        for n in 0..1000 {
            marks.set(&key(n), mark(Everybodys, 9), START, now);
            marks.set(&key(0), mark(Everybodys, 9), START, now);
            assert!(len(&marks) <= 10, "{}", len(&marks));
            assert!(marks.concerns(&key(0), Everybodys, &no_purges(), now));
            assert!(marks.concerns(&key(n), Everybodys, &no_purges(), now));
        }
        assert!(!marks.concerns(&key(1), Everybodys, &no_purges(), now));
        for max in [0, 1] {
            let mut none = Marks::new(max);
            none.set(&key(1), mark(Everybodys, 9), START, now);
            assert!(!none.concerns(&key(1), Everybodys, &no_purges(), now));
        }
    }

    #[test]
    fn errors_of_the_moment_and_of_a_part_say_nothing() {
        let passing = |status, part| is_passing(StatusCode::from_u16(status).unwrap(), part);
        for status in [200, 301, 302, 401, 403, 404, 410] {
            assert!(!passing(status, false), "{status}");
        }
        for status in [206, 304, 408, 416, 429, 500, 502, 503] {
            assert!(passing(status, false), "{status}");
        }
        assert!(passing(404, true) && !passing(200, true));
    }

    #[test]
    fn a_mark_says_how_long_it_still_stands() {
        let (mut marks, now) = (Marks::new(10), Instant::now());
        marks.set(&key(1), mark(Cookies, 3), START, now);
        let after =
            |seconds| marks.standing(&key(1), &no_purges(), now + Duration::from_secs(seconds));
        assert_eq!(after(1), Some(mark(Cookies, 2)));
        assert_eq!(after(3), None);
        assert_eq!(marks.standing(&key(2), &no_purges(), now), None);
    }

    #[test]
    fn a_purge_takes_the_mark_of_what_was_asked_for_before_it() {
        use perigee_storage::{Purge, Target};
        let (mut marks, now) = (Marks::new(10), Instant::now());
        let purges = Purges::new(10);
        let host = Target::Host("www.example.com".into());
        for target in [Target::Key(key(1)), host, Target::Everything] {
            let asked = purges.now();
            marks.set(&key(1), mark(Everybodys, 9), asked, now);
            marks.set(&key(2), mark(Everybodys, 9), asked, now);
            let is_of_one = matches!(target, Target::Key(_));
            purges.note(&Purge::hard(target), std::time::SystemTime::now());
            assert_eq!(marks.standing(&key(1), &purges, now), None);
            assert!(!marks.concerns(&key(1), Everybodys, &purges, now));
            assert_eq!(marks.concerns(&key(2), Everybodys, &purges, now), is_of_one);
            marks.set(&key(1), mark(Everybodys, 9), purges.now(), now);
            assert!(marks.concerns(&key(1), Everybodys, &purges, now));
        }
    }
}
