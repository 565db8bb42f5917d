//! A node that dies, or freezes, while it sends a body: what its readers get of it.
//!
//! The origin sends only as far as the test lets it, so that all are in the middle of the body.

use http::Method;
use rustix::process::Signal;

use crate::harness::{
    cdn::{Cdn, Plan},
    client::{ask, get},
    movie::{Film, Movie, Viewer},
    process::Process,
    wait,
};

const MIB: u64 = 1 << 20;
const LENGTH: u64 = 8 * MIB;

/// A PoP of two edges; with shields, or none.
async fn pop_of_two(movie: &Movie, shields: u8) -> Cdn {
    let plan = Plan {
        shields,
        ..Plan::small(movie.url())
    };
    Cdn::start(plan).await
}

/// Opens something that fra-2 owns through fra-1, which relays it.
async fn relayed(cdn: &Cdn, lines: &str) -> (Viewer, String) {
    for n in 0..100 {
        let path = format!("/film-{n}");
        let viewer = Viewer::ask(cdn.at("fra-1"), Cdn::HOST, &path, lines).await;
        if viewer.head.contains("detail=\"peer fra-2\"") {
            return (viewer, path);
        }
    }
    panic!("fra-2 owns none of 100 paths");
}

/// How many bytes a viewer of this film has in the end, if fra-2 is killed while it reads.
async fn after_the_kill(film: Film, change: impl FnOnce(&mut Film)) -> u64 {
    let movie = Movie::start(film).await;
    movie.let_flow(MIB);
    let mut cdn = pop_of_two(&movie, 0).await;
    let (mut viewer, _) = relayed(&cdn, "").await;
    viewer.read_to(MIB).await;
    movie.change(change);
    cdn.node("fra-2").kill();
    movie.let_flow(u64::MAX);
    viewer.read_all().await
}

#[tokio::test]
async fn what_a_peer_was_sending_goes_on_when_it_is_killed() {
    assert_eq!(after_the_kill(Film::of(LENGTH), |_| {}).await, LENGTH);
}

#[tokio::test]
async fn without_a_strong_validator_it_is_cut() {
    let film = Film {
        has_tag: false,
        ..Film::of(LENGTH)
    };
    assert_eq!(after_the_kill(film, |_| {}).await, MIB);
}

#[tokio::test]
async fn another_version_does_not_go_on() {
    // The viewer checks each byte against the version that it began with.
    let read = after_the_kill(Film::of(LENGTH), |film| film.version = 2).await;
    assert_eq!(read, MIB);
}

#[tokio::test]
async fn an_origin_without_ranges_sends_all_and_what_lacks_is_read_of_it() {
    let read = after_the_kill(Film::of(LENGTH), |film| film.has_ranges = false).await;
    assert_eq!(read, LENGTH);
}

#[tokio::test]
async fn what_may_not_be_stored_goes_on_too() {
    let film = Film {
        cache_control: "private",
        ..Film::of(LENGTH)
    };
    assert_eq!(after_the_kill(film, |_| {}).await, LENGTH);
}

#[tokio::test]
async fn a_peer_that_freezes_is_left_in_the_middle_of_its_body() {
    let movie = Movie::start(Film::of(LENGTH)).await;
    movie.let_flow(MIB);
    let mut cdn = pop_of_two(&movie, 1).await;
    let (mut viewer, _) = relayed(&cdn, "").await;
    viewer.read_to(MIB).await;
    let before = movie.showings().len();
    cdn.node("fra-2").signal(Signal::STOP);
    movie.let_flow(u64::MAX);
    assert_eq!(viewer.read_all().await, LENGTH);
    // The shield goes on with the fetch that it has begun, or has its front: none asks for all again.
    let again = movie.asked().split_off(before);
    assert!(
        again.iter().all(|(range, _)| !range.is_empty()),
        "{again:?}"
    );
}

#[tokio::test]
async fn a_range_goes_on_within_the_range() {
    let movie = Movie::start(Film::of(LENGTH)).await;
    movie.let_flow(3 * MIB);
    let mut cdn = pop_of_two(&movie, 0).await;
    let (last, lines) = (5 * MIB, format!("range: bytes={MIB}-{}\r\n", 5 * MIB));
    let (mut viewer, _) = relayed(&cdn, &lines).await;
    assert!(viewer.head.contains(" 206 "), "{}", viewer.head);
    viewer.read_to(3 * MIB).await;
    cdn.node("fra-2").kill();
    movie.let_flow(u64::MAX);
    assert_eq!(viewer.read_all().await, last + 1);
    let asked = movie.asked().pop().unwrap();
    let rest = format!("bytes={}-{last}", 3 * MIB);
    assert_eq!(asked, (rest, "\"v1\"".to_owned()));
}

#[tokio::test]
async fn a_body_of_unknown_length_is_cut_where_it_can_be_noticed() {
    let film = Film {
        states_length: false,
        ..Film::of(LENGTH)
    };
    let movie = Movie::start(film).await;
    movie.let_flow(MIB);
    let mut cdn = pop_of_two(&movie, 0).await;
    let (mut viewer, path) = relayed(&cdn, "").await;
    // To HTTP/1.1, which is told where a body ends.
    let whole = tokio::spawn(get(cdn.at("fra-1"), Cdn::HOST, &path).try_send());
    viewer.read_to(MIB).await;
    wait::until("both are under way", || async {
        let status = get(cdn.admin("fra-1"), "localhost", "/status").send().await;
        status.text().contains("\"requests\":2,").then_some(())
    })
    .await;
    cdn.node("fra-2").kill();
    movie.let_flow(u64::MAX);
    let whole = whole.await.unwrap();
    assert!(whole.is_err() || whole.unwrap().body.len() as u64 == LENGTH);
    assert_eq!(viewer.read_all().await, MIB);
}

#[tokio::test]
async fn a_head_alone_has_nothing_to_go_on_with() {
    let movie = Movie::start(Film::of(LENGTH)).await;
    movie.let_flow(u64::MAX);
    let mut cdn = pop_of_two(&movie, 1).await;
    let (_, path) = relayed(&cdn, "").await;
    let head = || ask(Method::HEAD, cdn.at("fra-1"), Cdn::HOST, &path).send();
    let before = head().await;
    assert!(before.cache_status().contains("peer fra-2"), "{before:?}");
    cdn.node("fra-2").kill();
    let after = ask(Method::HEAD, cdn.at("fra-1"), Cdn::HOST, &path)
        .send()
        .await;
    for answer in [before, after] {
        assert_eq!(answer.field("content-length"), LENGTH.to_string());
        assert!(answer.status.is_success() && answer.body.is_empty());
    }
}

/// Several read one fill of an edge, and its shield fails in the middle.
async fn all_go_on_by_one_request_when(shield_fails: impl FnOnce(&mut Process)) {
    let movie = Movie::start(Film::of(LENGTH)).await;
    movie.let_flow(MIB);
    let plan = Plan {
        pops: vec![("fra", 50.0, 8.0, 1)],
        shields: 2,
        ..Plan::small(movie.url())
    };
    let mut cdn = Cdn::start(plan).await;
    let mut viewers = Vec::new();
    for _ in 0..5 {
        let mut viewer = Viewer::ask(cdn.at("fra-1"), Cdn::HOST, "/film", "").await;
        viewer.read_to(MIB / 2).await;
        viewers.push(viewer);
    }
    viewers[0].read_to(MIB).await;
    assert_eq!(movie.showings().len(), 1);
    let through = match viewers[0].head.contains("shield-1;") {
        true => "shield-1",
        false => "shield-2",
    };
    shield_fails(cdn.node(through));
    movie.let_flow(u64::MAX);
    for viewer in &mut viewers {
        assert_eq!(viewer.read_all().await, LENGTH);
    }
    let asked = movie.asked().split_off(1);
    assert_eq!(asked, [(format!("bytes={MIB}-"), "\"v1\"".to_owned())]);
    // It came whole, and is stored.
    wait::until("it is stored", || async {
        let viewer = Viewer::ask(cdn.at("fra-1"), Cdn::HOST, "/film", "").await;
        viewer.head.contains("fra-1; hit").then_some(())
    })
    .await;
}

#[tokio::test]
async fn all_who_read_a_fill_go_on_by_one_request_when_its_shield_dies() {
    all_go_on_by_one_request_when(Process::kill).await;
}

#[tokio::test]
async fn all_who_read_a_fill_go_on_by_one_request_when_its_shield_freezes() {
    all_go_on_by_one_request_when(|shield| shield.signal(Signal::STOP)).await;
}

/// How many bytes a viewer has in the end if one of two origins dies while it sends, and what the
/// other one, which has this film, was asked.
async fn of_two_origins(other: Film) -> (u64, Vec<(String, String)>) {
    let first = Movie::start(Film::of(LENGTH)).await;
    let second = Movie::start(Film::of(LENGTH)).await;
    [&first, &second].iter().for_each(|it| it.let_flow(MIB));
    let plan = Plan {
        pops: vec![("fra", 50.0, 8.0, 1)],
        ..Plan::small(format!("{}\", \"{}", first.url(), second.url()))
    };
    let cdn = Cdn::start(plan).await;
    let mut viewer = Viewer::ask(cdn.at("fra-1"), Cdn::HOST, "/film", "").await;
    viewer.read_to(MIB).await;
    let (asked, spare) = match first.showings().is_empty() {
        true => (second, first),
        false => (first, second),
    };
    spare.change(|film| *film = other);
    spare.let_flow(u64::MAX);
    drop(asked);
    (viewer.read_all().await, spare.asked())
}

#[tokio::test]
async fn what_an_origin_was_sending_comes_from_the_next_one() {
    let (read, asked) = of_two_origins(Film::of(LENGTH)).await;
    assert_eq!(read, LENGTH);
    assert_eq!(asked, [(format!("bytes={MIB}-"), "\"v1\"".to_owned())]);
}

#[tokio::test]
async fn an_origin_that_has_another_version_does_not_go_on() {
    let other = Film {
        version: 2,
        ..Film::of(LENGTH)
    };
    let (read, asked) = of_two_origins(other).await;
    assert_eq!(read, MIB);
    assert!(!asked.is_empty());
}
