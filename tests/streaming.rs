//! What is read while it is fetched: who leaves, who lags, who is far ahead.

use crate::harness::{
    cdn::{Cdn, OneEdge},
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
