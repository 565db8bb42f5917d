use std::time::{Duration, SystemTime};

use perigee_http_cache::{RequestHead, ResponseHead, Scheme, Times};

use perigee_storage::{Memory, MemoryConfig, Purge, Store, Target};

use super::*;

fn key(path: &str) -> CacheKey {
    CacheKey::new(Scheme::Http, "www.example.com", path)
}

/// Of somebody, who has nothing to validate.
const ANYBODY: Sought<'static> = Sought {
    of: None,
    bytes: None,
    range: None,
    first: None,
    whose: Whose::Everybodys,
};
const AUTHORIZED: Sought<'static> = Sought {
    whose: Whose::Authorized,
    ..ANYBODY
};

const JOIN_AHEAD: u64 = 1 << 20;

fn flights() -> Flights {
    Flights::new(10, Arc::new(Purges::new(100)), JOIN_AHEAD)
}

fn purge(flights: &Flights, target: Target) {
    let purges = Arc::clone(&flights.lock().purges);
    purges.note(&Purge::hard(target), SystemTime::now());
}

fn join(flights: &Flights, path: &str, tried: &[u64]) -> Joined {
    flights.join(&key(path), ANYBODY, tried, Instant::now())
}

fn mark(whose: Whose, seconds: u64) -> Option<Mark> {
    let time = Duration::from_secs(seconds);
    Some(Mark { whose, time })
}

fn lead(joined: Joined) -> Lead {
    match joined {
        Joined::Lead(lead) => lead,
        Joined::Follow(id, _) => panic!("flight {id} is under way"),
        Joined::Marked => panic!("it is marked"),
    }
}

fn followed(joined: Joined) -> u64 {
    match joined {
        Joined::Follow(id, _) => id,
        Joined::Lead(_) => panic!("nobody fetches it"),
        Joined::Marked => panic!("it is marked"),
    }
}

fn mark_again(flights: &Flights, mark: Mark, now: Instant) {
    flights.mark_again(&key("/a"), mark, Revision::default(), now);
}

fn is_marked(flights: &Flights, path: &str, sought: Sought<'_>, now: Instant) -> bool {
    matches!(flights.join(&key(path), sought, &[], now), Joined::Marked)
}

fn head(groups: &str) -> Arc<StoredHead> {
    let now = SystemTime::now();
    let (headers, method) = (http::HeaderMap::new(), http::Method::GET);
    let request = RequestHead {
        method: &method,
        headers: &headers,
    };
    let groups = HeaderValue::from_str(groups).unwrap();
    let response = ResponseHead {
        status: http::StatusCode::OK,
        headers: &http::HeaderMap::from_iter([("cache-groups".parse().unwrap(), groups)]),
    };
    let times = Times {
        requested: now,
        received: now,
    };
    let policy = perigee_http_cache::Policy::default();
    Arc::new(StoredHead::new(&request, response, &policy, times))
}

#[test]
fn each_end_of_a_fetch_is_counted_once() {
    let flights = flights();
    let lead = |path| match join(&flights, path, &[]) {
        Joined::Lead(lead) => lead,
        _ => panic!("nobody fetches {path}"),
    };
    let (one, other) = (lead("/a"), lead("/b"));
    assert_eq!(flights.landings(), 0);
    one.tell(Progress::Failed(Failure::Unreachable));
    assert_eq!(flights.landings(), 1);
    drop(one);
    assert_eq!(flights.landings(), 1);
    drop(other);
    assert_eq!(flights.landings(), 2);
}

#[test]
fn one_leads_and_the_others_follow_until_it_is_over() {
    let flights = flights();
    let first = lead(join(&flights, "/a", &[]));
    let Joined::Follow(_, follower) = join(&flights, "/a", &[]) else {
        panic!("a fetch is under way");
    };
    lead(join(&flights, "/b", &[]));
    first.tell(Progress::Failed(Failure::Timeout));
    let has_failed = |progress: &_| matches!(progress, Progress::Failed(Failure::Timeout));
    assert!(follower.with(has_failed));
    lead(join(&flights, "/a", &[]));
}

#[test]
fn a_leader_that_is_lost_leaves_nothing_behind() {
    let flights = flights();
    let alone = flights.alone(&key("/a"), ANYBODY);
    let joined = join(&flights, "/a", &[]);
    assert_eq!(flights.lock().by_key.len(), 1);
    drop((joined, alone));
    assert_eq!(flights.lock().by_key.len(), 0);
}

#[test]
fn a_flight_that_had_nothing_for_a_request_is_not_joined_again() {
    let flights = flights();
    let gzip = lead(join(&flights, "/a", &[]));
    let tried = [followed(join(&flights, "/a", &[]))];
    let br = lead(join(&flights, "/a", &tried));
    assert_eq!(followed(join(&flights, "/a", &tried)), br.id);
    drop(br);
    assert_eq!(followed(join(&flights, "/a", &[])), gzip.id);
}

#[test]
fn what_is_fetched_alone_is_not_joined() {
    let flights = flights();
    let _alone = flights.alone(&key("/a"), ANYBODY);
    lead(join(&flights, "/a", &[]));
}

#[test]
fn nobody_waits_for_what_is_likely_another_ones_own() {
    let flights = flights();
    let now = Instant::now();
    let authorized = || flights.join(&key("/a"), AUTHORIZED, &[], now);
    let theirs = lead(authorized());
    assert_eq!(followed(authorized()), theirs.id);
    let everybodys = lead(join(&flights, "/a", &[]));
    assert_eq!(followed(join(&flights, "/a", &[])), everybodys.id);
    assert_eq!(followed(authorized()), everybodys.id);
}

#[test]
fn a_stored_response_is_refreshed_once_at_a_time() {
    let flights = flights();
    let (head, other) = (head(""), head(""));
    let of = |head| Sought {
        of: Some(head),
        ..ANYBODY
    };
    let refresh = |head| flights.refresh(&key("/a"), of(head));
    let first = refresh(&head).unwrap();
    assert!(refresh(&head).is_none());
    assert!(refresh(&other).is_some(), "another variant");
    // Who may not be served stale waits for it.
    assert_eq!(followed(join(&flights, "/a", &[])), first.id);
    drop(first);
    // A fetch that somebody waits for is as good.
    let fetch = lead(flights.join(&key("/a"), of(&head), &[], Instant::now()));
    assert!(refresh(&head).is_none());
    drop(fetch);
    assert!(refresh(&head).is_some());
}

#[test]
fn nobody_joins_what_was_asked_for_before_a_purge_that_is_about_it() {
    let host = |host: &str| Target::Host(host.into());
    let prefix = |text: &str| Target::Prefix(text.into());
    for (target, is_about) in [
        (Target::Key(key("/a")), true),
        (Target::Key(key("/b")), false),
        (prefix("www.example.com/"), true),
        (prefix("www.example.com/b"), false),
        (host("www.example.com"), true),
        (host("other.example"), false),
        (Target::Everything, true),
    ] {
        let flights = flights();
        let old = lead(join(&flights, "/a", &[]));
        purge(&flights, target.clone());
        if !is_about {
            assert_eq!(followed(join(&flights, "/a", &[])), old.id, "{target:?}");
            continue;
        }
        let new = lead(join(&flights, "/a", &[]));
        drop(old);
        assert_eq!(followed(join(&flights, "/a", &[])), new.id, "{target:?}");
    }
}

#[test]
fn after_a_purge_a_stored_response_is_refreshed_anew() {
    let flights = flights();
    let head = head("");
    let of = || Sought {
        of: Some(&head),
        ..ANYBODY
    };
    let old = flights.refresh(&key("/a"), of()).unwrap();
    assert!(flights.refresh(&key("/a"), of()).is_none());
    purge(&flights, Target::Key(key("/a")));
    assert!(flights.refresh(&key("/a"), of()).is_some());
    drop(old);
}

#[test]
fn what_is_not_shared_is_marked_and_waited_for_no_more() {
    let flights = flights();
    let now = Instant::now();
    let first = lead(join(&flights, "/a", &[]));
    let Joined::Follow(_, follower) = join(&flights, "/a", &[]) else {
        panic!("a fetch is under way");
    };
    first.tell_not_shared(mark(Whose::Everybodys, 1), now);
    assert!(follower.with(|progress| matches!(progress, Progress::NotShared)));
    assert!(is_marked(&flights, "/a", ANYBODY, now));
    assert!(!is_marked(&flights, "/b", ANYBODY, now));
    // Who has something to validate has another variant.
    let head = head("");
    let of = Sought {
        of: Some(&head),
        ..ANYBODY
    };
    assert!(!is_marked(&flights, "/a", of, now));
    // It stands for as long as the answers are such.
    mark_again(&flights, mark(Whose::Everybodys, 3).unwrap(), now);
    assert!(is_marked(
        &flights,
        "/a",
        ANYBODY,
        now + Duration::from_secs(1)
    ));
    flights.unmark(&key("/a"));
    assert!(!is_marked(&flights, "/a", ANYBODY, now));
    mark_again(&flights, mark(Whose::Everybodys, 1).unwrap(), now);
    assert!(!is_marked(&flights, "/a", ANYBODY, now));
}

#[test]
fn what_is_the_authorized_ones_own_marks_for_them_alone() {
    let flights = flights();
    let now = Instant::now();
    let theirs = lead(flights.join(&key("/a"), AUTHORIZED, &[], now));
    theirs.tell_not_shared(mark(Whose::Authorized, 1), now);
    assert!(is_marked(&flights, "/a", AUTHORIZED, now));
    assert!(!is_marked(&flights, "/a", ANYBODY, now));
}

#[test]
fn a_purge_takes_the_mark_and_what_was_asked_before_sets_none() {
    let flights = flights();
    let now = Instant::now();
    let mark = mark(Whose::Everybodys, 1);
    lead(join(&flights, "/a", &[])).tell_not_shared(mark, now);
    purge(&flights, Target::Key(key("/a")));
    assert!(!is_marked(&flights, "/a", ANYBODY, now));
    let before = lead(join(&flights, "/a", &[]));
    purge(&flights, Target::Key(key("/a")));
    before.tell_not_shared(mark, now);
    assert!(!is_marked(&flights, "/a", ANYBODY, now));
}

#[test]
fn a_fetch_of_a_range_is_joined_by_the_same_range_alone() {
    let flights = flights();
    let lines = ["bytes=0-4", "bytes=5-9"].map(HeaderValue::from_static);
    let [front, back] = lines.each_ref().map(|range| Sought {
        range: Some(range),
        ..ANYBODY
    });
    let join = |sought| flights.join(&key("/a"), sought, &[], Instant::now());
    let part = lead(join(front.clone()));
    assert_eq!(followed(join(front.clone())), part.id);
    lead(join(back.clone()));
    let whole = lead(join(ANYBODY));
    for sought in [front, back, ANYBODY] {
        assert_eq!(followed(join(sought)), whole.id);
    }
}

#[test]
fn a_range_far_ahead_of_a_fetch_of_the_whole_does_not_wait_for_it() {
    let flights = flights();
    let line = HeaderValue::from_static("bytes=N-");
    let from = |first| Sought {
        range: Some(&line),
        first,
        ..ANYBODY
    };
    let join = |sought| flights.join(&key("/a"), sought, &[], Instant::now());
    let whole = lead(join(ANYBODY));
    // A suffix says nothing of where it begins.
    for near in [Some(0), Some(JOIN_AHEAD), None] {
        assert_eq!(followed(join(from(near))), whole.id);
    }
    let far = lead(join(from(Some(JOIN_AHEAD + 1))));
    assert_eq!(followed(join(from(Some(JOIN_AHEAD + 1)))), far.id);
}

#[test]
fn bytes_of_a_version_are_brought_by_a_fetch_that_will_soon_come_to_them() {
    let flights = flights();
    let of = |version: &'static str, positions: Range<u64>| Sought {
        bytes: Some(Bytes {
            version: HeaderValue::from_static(version),
            positions,
        }),
        ..ANYBODY
    };
    let join = |sought| flights.join(&key("/a"), sought, &[], Instant::now());
    let far = 100 * JOIN_AHEAD;
    let all = lead(join(of("\"a\"", 1000..far)));
    for near in [1000..far, 1000..1001, JOIN_AHEAD..far + 1] {
        assert_eq!(followed(join(of("\"a\"", near))), all.id);
    }
    for other in [
        of("\"b\"", 1000..far),
        of("\"a\"", 0..far),
        of("\"a\"", far..far + 1),
        of("\"a\"", far - 1..far),
        ANYBODY,
    ] {
        drop(lead(join(other)));
    }
    drop(all);
    // The whole has them, too, but not soon.
    let whole = lead(join(ANYBODY));
    assert_eq!(followed(join(of("\"a\"", 5..6))), whole.id);
    lead(join(of("\"a\"", far..far + 1)));
}

#[test]
fn nobody_joins_what_may_be_in_a_group_that_was_purged() {
    let group = |origin: &str, group: &str| Target::Group {
        origin: origin.into(),
        group: group.into(),
    };
    let (here, elsewhere) = ("http://www.example.com", "http://other.example");
    let flights = flights();
    let old = lead(join(&flights, "/a", &[]));
    purge(&flights, group(elsewhere, "news"));
    assert_eq!(followed(join(&flights, "/a", &[])), old.id);
    purge(&flights, group(here, "news"));
    let new = lead(join(&flights, "/a", &[]));
    assert_ne!(new.id, old.id, "of what has not arrived nobody knows");
    new.tell(Progress::Arrived(arrival("\"home\"")));
    drop(old);
    purge(&flights, group(here, "news"));
    assert_eq!(
        followed(join(&flights, "/a", &[])),
        new.id,
        "it is not in it"
    );
    purge(&flights, group(here, "home"));
    assert_ne!(lead(join(&flights, "/a", &[])).id, new.id);
}

/// What is on its way into a store, in these groups.
fn arrival(groups: &str) -> Arrival {
    let memory = Memory::new(MemoryConfig::default(), Arc::new(Purges::new(1)));
    let fill = memory.fill(&key("/a"), head(groups), None, Revision::default());
    Arrival {
        stored: fill.stored(),
        kept: true,
        status: 200,
        cache_status: Arc::new([]),
    }
}
