//! Maps of fields that a thread keeps for the next message. They are too large for what an allocator has at
//! hand, and are needed for every response: who parses one takes a map here, who has written one gives it back.

use std::cell::RefCell;

use http::HeaderMap;

/// Maps that a thread keeps.
const MOST: usize = 64;

/// Fields that a map may have room for to be kept.
const LARGEST: usize = 64;

thread_local! {
    static KEPT: RefCell<Vec<HeaderMap>> = const { RefCell::new(Vec::new()) };
}

/// An empty map with room for so many fields.
pub fn take(fields: usize) -> HeaderMap {
    match KEPT.try_with(|kept| kept.borrow_mut().pop()) {
        Ok(Some(mut map)) => {
            map.reserve(fields);
            map
        }
        _ => HeaderMap::with_capacity(fields),
    }
}

/// Gives a map back that nobody needs any more; what is in it is dropped.
pub fn give(mut map: HeaderMap) {
    if map.capacity() == 0 || map.capacity() > LARGEST {
        return;
    }
    map.clear();
    // Not at the end of a thread.
    let _ = KEPT.try_with(|kept| {
        let mut kept = kept.borrow_mut();
        if kept.len() < MOST {
            kept.push(map);
        }
    });
}

#[cfg(test)]
mod tests {
    use http::{HeaderValue, header};

    use super::*;

    #[test]
    fn what_is_taken_is_empty_and_has_room() {
        let mut map = take(3);
        map.append(header::VIA, HeaderValue::from_static("a"));
        map.append(header::VIA, HeaderValue::from_static("b"));
        map.append(header::AGE, HeaderValue::from_static("1"));
        give(map);
        let again = take(20);
        assert!(again.is_empty() && again.get(header::VIA).is_none());
        assert!(again.capacity() >= 20);
        assert_eq!(again, HeaderMap::new());
    }

    #[test]
    fn only_so_many_of_a_usual_size_are_kept() {
        let kept = || KEPT.with(|kept| kept.borrow().len());
        give(HeaderMap::with_capacity(1000));
        give(HeaderMap::new());
        assert_eq!(kept(), 0);
        for _ in 0..2 * MOST {
            give(HeaderMap::with_capacity(8));
        }
        assert_eq!(kept(), MOST);
    }
}
