use super::{testing::*, *};

#[test]
fn a_missing_or_unreadable_date_becomes_the_time_of_receipt() {
    let received = dates::format(at(0)).unwrap();
    assert_eq!(head(&[]).headers.get(header::DATE), Some(&received));
    assert_eq!(
        head(&[("date", "today")]).headers.get(header::DATE),
        Some(&received)
    );
    let stated = "Sun, 06 Nov 1994 08:49:37 GMT";
    assert_eq!(
        head(&[("date", stated)]).headers.get(header::DATE).unwrap(),
        stated
    );
}

#[test]
fn the_age_grows_from_what_it_was_and_never_falls() {
    let head = head(&[("age", "30"), ("cache-control", "max-age=100")]);
    assert_eq!(head.age(at(0)).as_secs(), 30);
    assert_eq!(head.age(at(5)).as_secs(), 35);
    assert_eq!(head.age(at(0) - Duration::from_secs(9)).as_secs(), 30);
    assert_eq!(
        (head.ttl(at(0)), head.ttl(at(70)), head.ttl(at(80))),
        (70, 0, -10)
    );
}

#[test]
fn a_soft_purge_makes_stale_what_was_fresh_and_nothing_fresher() {
    let fresh = head(&[("age", "30"), ("cache-control", "max-age=100, immutable")]);
    let purged = fresh.stale_since(at(5));
    assert!(!purged.immutable && purged.answers_many());
    assert_eq!((purged.ttl(at(5)), purged.ttl(at(15))), (0, -10));
    assert_eq!(purged.age(at(15)).as_secs(), 110, "and so it is told");
    let later = purged.stale_since(at(9));
    assert_eq!(later.ttl(at(15)), -10, "stale since the first");
    let old = head(&[("cache-control", "max-age=3")]);
    assert_eq!(old.stale_since(at(5)).ttl(at(5)), -2, "stale before");
    let raced = head(&[("cache-control", "max-age=100")]);
    let raced = raced.stale_since(at(0) - Duration::from_secs(9));
    assert_eq!(raced.ttl(at(0)), 0, "it was on its way");
    let each_use = head(&[("cache-control", "max-age=0")]).stale_since(at(5));
    assert!(!each_use.answers_many());
}

#[test]
fn the_length_is_what_is_stated_once_and_clearly() {
    let of = |fields: &[_]| head(fields).length;
    assert_eq!(of(&[("content-length", "5")]), Some(5));
    assert_eq!(
        of(&[("content-length", "5"), ("content-length", "5")]),
        Some(5)
    );
    assert_eq!(of(&[("content-length", "5, 5")]), Some(5));
    assert_eq!(of(&[("content-length", "5, 6")]), None);
    assert_eq!(of(&[("content-length", "+5")]), None);
    assert_eq!(of(&[("content-length", "99999999999999999999")]), None);
    assert_eq!(
        of(&[("content-length", "5"), ("transfer-encoding", "chunked")]),
        None
    );
    assert_eq!(of(&[]), None);
    assert_eq!(head(&[]).with_length(7).length, Some(7));
}

#[test]
fn a_part_has_the_length_of_the_whole_and_a_body_of_its_own() {
    let stored = part(&[("content-range", "bytes 4-9/10")], "bytes 4-9/10", 5);
    assert_eq!(stored.status, StatusCode::PARTIAL_CONTENT);
    assert_eq!(stored.whole_status(), StatusCode::OK);
    let body = (stored.body_start(), stored.body_length());
    assert_eq!((body, stored.length), ((4, Some(5)), Some(10)));
    assert!(!stored.headers.contains_key(header::CONTENT_RANGE));
    assert!(stored.weight() > head(&[]).weight());
    let whole = part(&[], "bytes 0-9/10", 10);
    assert_eq!(whole.status, StatusCode::OK);
    assert_eq!((whole.body_start(), whole.body_length()), (0, Some(10)));
}

#[test]
fn what_breaks_off_is_a_part_if_it_can_be_completed() {
    let (etag, length) = (("etag", "\"a\""), ("content-length", "10"));
    let whole = head(&[etag, length]);
    let cut = whole.cut_short(4).unwrap();
    assert_eq!(cut.status, StatusCode::PARTIAL_CONTENT);
    assert_eq!((cut.body_start(), cut.body_length()), (0, Some(4)));
    assert_eq!(cut.length, Some(10));
    assert!(whole.cut_short(0).is_none() && whole.cut_short(10).is_none());
    assert!(whole.cut_short(u64::MAX).is_none());
    let shorter = part(&[etag], "bytes 4-9/10", 6).cut_short(2).unwrap();
    assert_eq!((shorter.body_start(), shorter.body_length()), (4, Some(2)));
    for stored in [
        head(&[etag]),
        head(&[length]),
        head(&[length, ("etag", "W/\"a\"")]),
        part(&[etag], "bytes 4-9/*", 6),
    ] {
        assert!(stored.cut_short(2).is_none(), "{stored:?}");
    }
    let mut missing = head(&[etag, length]);
    missing.status = StatusCode::NOT_FOUND;
    assert!(missing.cut_short(4).is_none());
}

#[test]
fn parts_of_one_version_and_length_are_joined() {
    const A: (&str, &str) = ("etag", "\"a\"");
    let runs = |head: Option<StoredHead>| head.unwrap().held().unwrap().runs().to_vec();
    let (one, two) = (part(&[A], "bytes 2-3/10", 2), part(&[A], "bytes 5-7/10", 3));
    assert_eq!(runs(two.joined(&one)), [2..4, 5..8]);
    assert_eq!(runs(one.joined(&two)), [2..4, 5..8]);
    // A whole lacks nothing; the newer head counts.
    let whole = head(&[A, ("content-length", "10"), ("x-old", "1")]);
    let joined = one.joined(&whole).unwrap();
    assert_eq!((joined.status, joined.held()), (StatusCode::OK, None));
    assert!(!joined.headers.contains_key("x-old"));
    let other_variant = head_for(&[("x", "1")], &[A, ("vary", "x"), ("content-length", "10")]);
    for old in [
        part(&[("etag", "\"b\"")], "bytes 5-7/10", 3),
        part(&[("etag", "W/\"a\"")], "bytes 5-7/10", 3),
        part(&[A], "bytes 5-7/11", 3),
        part(&[A], "bytes 5-7/*", 3),
        head(&[A]),
        head(&[A, ("content-length", "11")]),
        other_variant,
    ] {
        assert!(one.joined(&old).is_none(), "{old:?}");
    }
    assert!(whole.joined(&one).is_none(), "a whole takes the place");
}

#[test]
fn a_part_yields_to_what_is_fresh_and_more_of_the_same_version() {
    const FRESH: (&str, &str) = ("cache-control", "max-age=9");
    let (a, b) = ([FRESH, ("etag", "\"a\"")], [FRESH, ("etag", "\"b\"")]);
    let stale = [("etag", "\"a\"")];
    let (small, large) = (
        |f| part(f, "bytes 2-3/10", 2),
        |f| part(f, "bytes 5-7/10", 3),
    );
    assert!(small(&a).yields_to(&large(&a)));
    assert!(!large(&a).yields_to(&small(&a)));
    assert!(!small(&a).yields_to(&large(&b)));
    assert!(!small(&a).yields_to(&large(&stale)));
    assert!(!small(&[FRESH]).yields_to(&large(&[FRESH])));
    assert!(small(&a).yields_to(&head(&a)) && small(&[FRESH]).yields_to(&head(&[FRESH])));
    assert!(!small(&a).yields_to(&head(&b)) && !small(&a).yields_to(&head(&stale)));
    assert!(!head(&a).yields_to(&large(&a)) && !head(&a).yields_to(&head(&a)));
    let other = head_for(&[("x", "1")], &[&a[..], &[("vary", "x")]].concat());
    assert!(!small(&a).yields_to(&other));
}

#[test]
fn what_is_validated_at_each_use_answers_one() {
    let many = |line| head(&[("cache-control", line), ("etag", "\"a\"")]).answers_many();
    assert!(many("max-age=1"));
    assert!(!many("max-age=0"));
    assert!(!many("max-age=1, no-cache"));
    assert!(!many(""));
    // However old it is: those who wait have asked before it came.
    assert!(head(&[("cache-control", "max-age=1"), ("age", "9")]).answers_many());
}

#[test]
fn the_weight_grows_with_the_fields() {
    let small = head(&[]).weight();
    let large = head(&[("x-long", "0123456789012345678901234567890123456789")]).weight();
    assert!(small > size_of::<StoredHead>());
    assert!(large > small + 46);
}
