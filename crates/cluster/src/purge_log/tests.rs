use super::*;

fn entry(id: u64) -> PurgeEntry {
    PurgeEntry {
        id: id.to_string(),
        at: id,
        order: format!("{{\"tag\":\"{id}\"}}"),
        again_by: None,
    }
}

fn log_of(capacity: usize, purges: u64) -> PurgeLog {
    let log = PurgeLog::new("a".into(), capacity);
    for i in 1..=purges {
        assert_eq!(log.append(entry(i)), i);
    }
    log
}

fn at(log: &str, position: u64) -> Cursor {
    Cursor {
        log: log.into(),
        position,
    }
}

/// Whether it is whole, and the ids.
fn told(log: &PurgeLog, after: Option<Cursor>) -> (bool, Vec<u64>) {
    let page = log.page(after.as_ref());
    assert_eq!(page.end().position, page.from + page.entries.len() as u64);
    let ids = page.entries.iter().map(|entry| entry.id.parse().unwrap());
    (page.whole, ids.collect())
}

#[test]
fn what_came_after_a_cursor_is_told() {
    let log = log_of(10, 3);
    assert_eq!(told(&log, Some(at("a", 1))), (true, vec![2, 3]));
    assert_eq!(told(&log, Some(at("a", 3))), (true, vec![]));
    assert_eq!(told(&log, Some(at("a", 0))), (true, vec![1, 2, 3]));
    assert_eq!(log.page(None).entries[1], entry(2));
    assert_eq!(told(&log_of(10, 0), Some(at("a", 0))), (true, vec![]));
}

#[test]
fn a_cursor_that_is_not_of_this_log_tells_of_a_hole() {
    let log = log_of(10, 3);
    for cursor in [None, Some(at("b", 1)), Some(at("a", 4)), Some(at("", 0))] {
        assert_eq!(
            told(&log, cursor.clone()),
            (false, vec![1, 2, 3]),
            "{cursor:?}"
        );
    }
}

#[test]
fn the_oldest_are_dropped_and_the_hole_is_known() {
    let log = log_of(3, 10);
    assert_eq!((log.head(), log.has("7"), log.has("8")), (10, false, true));
    for (position, whole) in [(0, false), (6, false), (7, true), (11, false)] {
        assert_eq!(told(&log, Some(at("a", position))), (whole, vec![8, 9, 10]));
    }
    assert_eq!(told(&log, Some(at("a", 8))), (true, vec![9, 10]));
}

#[test]
fn a_long_log_comes_in_pages() {
    let log = log_of(5_000, 2_500);
    let (mut cursor, mut count) = (at("a", 0), 0);
    while cursor.position < log.head() {
        let page = log.page(Some(&cursor));
        assert!(page.whole && (1..=PAGE_ENTRIES).contains(&page.entries.len()));
        count += page.entries.len();
        cursor = page.end();
    }
    assert_eq!(count, 2_500);
    let long = PurgeLog::new("a".into(), 10);
    for id in 0..3 {
        let order = "x".repeat(PAGE_BYTES);
        long.append(PurgeEntry { order, ..entry(id) });
    }
    assert_eq!(long.page(None).entries.len(), 1);
}

#[test]
fn what_is_kept_twice_is_known_until_both_are_dropped() {
    let log = PurgeLog::new("a".into(), 2);
    for id in [1, 1, 2] {
        log.append(entry(id));
    }
    assert!(log.has("1"));
    log.append(entry(3));
    assert!(!log.has("1"));
}

/// The first life showed five entries; three are left.
#[test]
fn a_log_goes_on_after_a_life_that_lost_its_end() {
    let left = vec![entry(1), entry(2), entry(3)];
    let log = PurgeLog::going_on("b".into(), vec![at("a", 3)], left, 10);
    log.append(entry(6));
    assert_eq!(log.head(), 4);
    assert_eq!(told(&log, Some(at("a", 2))), (true, vec![3, 6]));
    for read in [3, 4, 5] {
        assert_eq!(told(&log, Some(at("a", read))), (true, vec![6]), "{read}");
    }
    assert_eq!(told(&log, Some(at("b", 4))), (true, vec![]));
    assert!(!told(&log, Some(at("c", 3))).0);
}

#[test]
fn who_waits_for_news_is_told() {
    let log = log_of(10, 1);
    let mut head = log.subscribe();
    assert!(!head.has_changed().unwrap());
    log.append(entry(2));
    assert_eq!(*head.borrow_and_update(), 2);
}
