//! What is read while it is fetched: who leaves, who lags, who is far ahead.

use http::Method;

use crate::harness::{
    cdn::{Cdn, OneEdge},
    client::ask,
    movie::{Film, Movie, Viewer},
    wait,
};

const MIB: u64 = 1 << 20;

async fn edge(movie: &Movie, storage: &str) -> OneEdge {
    OneEdge::before(&movie.url(), &format!("[storage]\n{storage}")).await
}

async fn view(edge: &OneEdge, lines: &str) -> Viewer {
    Viewer::ask(edge.address, Cdn::HOST, "/film", lines).await
}

async fn until_stored(edge: &OneEdge, range: &str) {
    wait::until("it is stored", || async {
        let ask = edge.ask("/film").with("range", range);
        let answer = ask.with("cache-control", "only-if-cached").send().await;
        answer.is_hit().then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_fetch_that_nobody_reads_stops_and_what_came_is_kept() {
    const LENGTH: u64 = 24 * MIB;
    let movie = Movie::start(Film::of(LENGTH)).await;
    let edge = edge(&movie, "finish_within = \"1MiB\"").await;
    movie.let_flow(4 * MIB);
    let mut viewer = view(&edge, "").await;
    let mut second = view(&edge, "").await;
    viewer.read_to(4 * MIB).await;
    drop(viewer);
    // Another one reads it still.
    movie.let_flow(6 * MIB);
    second.read_to(6 * MIB).await;
    assert!(!movie.showings()[0].is_broken());
    drop(second);
    // That it has left shows when it is sent something.
    movie.let_flow(10 * MIB);
    movie.until_broken(0).await;
    until_stored(&edge, "bytes=0-6291455").await;
    movie.let_flow(u64::MAX);
    assert_eq!(view(&edge, "").await.read_all().await, LENGTH);
    let asked = movie.asked();
    assert_eq!(asked.len(), 2, "{asked:?}");
    let (range, if_range) = &asked[1];
    let from = range.strip_prefix("bytes=").unwrap().trim_end_matches('-');
    let from: u64 = from.parse().unwrap();
    assert!((6 * MIB..=10 * MIB).contains(&from), "{range}");
    assert_eq!(if_range, "\"v1\"");
}

#[tokio::test]
async fn a_fetch_that_nobody_reads_goes_on_if_half_has_come_or_little_is_left() {
    for (came, storage) in [
        (6 * MIB, "finish_within = \"1MiB\"\nfinish_share = 0.5"),
        (2 * MIB, "finish_within = \"10MiB\"\nfinish_share = 1"),
    ] {
        const LENGTH: u64 = 12 * MIB;
        let movie = Movie::start(Film::of(LENGTH)).await;
        let edge = edge(&movie, storage).await;
        movie.let_flow(came);
        view(&edge, "").await.read_to(came).await;
        movie.let_flow(u64::MAX);
        until_stored(&edge, "bytes=0-").await;
        assert_eq!(view(&edge, "").await.read_all().await, LENGTH);
        assert_eq!(movie.asked().len(), 1, "{storage}");
    }
}

#[tokio::test]
async fn of_an_unknown_length_so_much_more_comes() {
    const LENGTH: u64 = 24 * MIB;
    let film = Film {
        states_length: false,
        ..Film::of(LENGTH)
    };
    let movie = Movie::start(film).await;
    let edge = edge(&movie, "finish_within = \"4MiB\"").await;
    movie.let_flow(2 * MIB);
    let mut viewer = view(&edge, "").await;
    viewer.read_to(2 * MIB).await;
    drop(viewer);
    movie.let_flow(5 * MIB);
    wait::until("it goes on", || async {
        (movie.showings()[0].sent() == 5 * MIB).then_some(())
    })
    .await;
    assert!(!movie.showings()[0].is_broken());
    movie.let_flow(u64::MAX);
    movie.until_broken(0).await;
}

#[tokio::test]
async fn a_refresh_in_the_background_needs_no_reader() {
    const LENGTH: u64 = 8 * MIB;
    let film = Film {
        cache_control: "max-age=1, stale-while-revalidate=3600",
        ..Film::of(LENGTH)
    };
    let movie = Movie::start(film).await;
    movie.let_flow(u64::MAX);
    let edge = edge(&movie, "finish_within = 0\nfinish_share = 1").await;
    assert_eq!(view(&edge, "").await.read_all().await, LENGTH);
    movie.change(|film| film.version = 2);
    wait::until("the new version is served", || async {
        let mut viewer = view(&edge, "").await;
        let is_new = viewer.field("etag").unwrap() == "\"v2\"";
        assert_eq!(viewer.read_all().await, LENGTH);
        is_new.then_some(())
    })
    .await;
    assert!(!movie.showings().iter().any(|showing| showing.is_broken()));
}

#[tokio::test]
async fn a_range_far_ahead_of_a_fetch_opens_its_own() {
    const LENGTH: u64 = 24 * MIB;
    let movie = Movie::start(Film::of(LENGTH)).await;
    let edge = edge(&movie, "join_ahead = \"2MiB\"").await;
    movie.let_flow(MIB);
    let mut whole = view(&edge, "").await;
    whole.read_to(MIB).await;
    let mut near = view(&edge, "range: bytes=3000000-\r\n").await;
    let mut far = view(&edge, "range: bytes=20000000-\r\n").await;
    // It is waited for by who wants the same.
    let mut same = view(&edge, "range: bytes=20000000-\r\n").await;
    movie.let_flow(u64::MAX);
    for viewer in [&mut far, &mut same, &mut near, &mut whole] {
        assert_eq!(viewer.read_all().await, LENGTH);
    }
    let asked: Vec<_> = movie.asked().into_iter().map(|(range, _)| range).collect();
    assert_eq!(asked, ["", "bytes=20000000-"]);
}

#[tokio::test]
async fn an_origin_without_ranges_sends_all_once_more_at_most() {
    const LENGTH: u64 = 24 * MIB;
    let film = Film {
        has_ranges: false,
        ..Film::of(LENGTH)
    };
    let movie = Movie::start(film).await;
    let edge = edge(&movie, "").await;
    let mut viewers = vec![view(&edge, "").await];
    for from in [10, 15, 20] {
        let range = format!("range: bytes={}-\r\n", from * MIB);
        viewers.push(view(&edge, &range).await);
    }
    movie.let_flow(u64::MAX);
    for mut viewer in viewers {
        assert_eq!(viewer.read_all().await, LENGTH);
    }
    assert_eq!(movie.asked().len(), 2);
}

/// Two read along with a fetch that a purge keeps from being stored, one of them much faster. Where
/// the slow one ends.
async fn fast_and_slow(film: Film) -> (Movie, u64) {
    let movie = Movie::start(film).await;
    let edge = edge(&movie, "window = \"256KiB\"").await;
    movie.let_flow(MIB);
    let mut fast = view(&edge, "").await;
    let mut slow = view(&edge, "").await;
    slow.read_to(MIB / 2).await;
    let url = format!("{{\"url\":\"http://{}/film\"}}", Cdn::HOST);
    let purge = ask(Method::POST, edge.admin, "localhost", "/purge").body(url);
    let purged = purge.with("content-type", "application/json").send().await;
    assert!(purged.status.is_success(), "{purged:?}");
    movie.let_flow(u64::MAX);
    assert_eq!(fast.read_all().await, film.length, "it is held up");
    let end = slow.read_all().await;
    (movie, end)
}

#[tokio::test]
async fn who_lags_behind_a_fetch_that_is_not_kept_goes_on_for_itself() {
    let film = Film::of(24 * MIB);
    let (movie, end) = fast_and_slow(film).await;
    assert_eq!(end, film.length);
    let asked = movie.asked();
    assert_eq!(asked.len(), 2, "{asked:?}");
    assert!(asked[1].0.starts_with("bytes="), "{asked:?}");
    assert_eq!(asked[1].1, "\"v1\"");
}

#[tokio::test]
async fn who_lags_behind_what_cannot_be_fetched_in_part_is_cut() {
    let film = Film {
        has_tag: false,
        ..Film::of(24 * MIB)
    };
    let (movie, end) = fast_and_slow(film).await;
    assert!((MIB..film.length).contains(&end), "{end}");
    assert_eq!(movie.asked().len(), 1);
}
