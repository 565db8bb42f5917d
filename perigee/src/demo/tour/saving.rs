//! What the origin is spared.

use std::hash::{DefaultHasher, Hasher};

use futures_util::future::join_all;

use super::Tour;
use crate::demo::{http::Reply, plan::PlannedNode};

/// Clients that come at the same moment.
const HERD: usize = 60;
/// How often each edge is asked for each page.
const ROUNDS: usize = 10;
const PAGES: [&str; 7] = [
    "/",
    "/about.html",
    "/style.css",
    "/app.js",
    "/perigee.svg",
    "/orbit.svg",
    "/earth.png",
];

/// Many clients ask all edges at once for a large file that nobody has.
pub(super) async fn herd(tour: &mut Tour<'_>) -> Result<(), String> {
    tour.teller.step(&format!(
        "{HERD} clients at once ask all edges for a large file that nobody has"
    ));
    let path = "/big.bin?herd";
    tour.teller
        .asks(&format!("GET {path}, {HERD} times at once"));
    let before = tour.origin_count().await?;
    let edges: Vec<&PlannedNode> = tour.plan.edges().collect();
    let asked = edges.iter().cycle().take(HERD);
    let asked = asked.map(|edge| async { tour.get(edge, path, &[]).await.map(digest) });
    let digests = join_all(asked)
        .await
        .into_iter()
        .collect::<Result<Vec<_>, _>>()?;
    let reached = tour.origin_count().await? - before;
    let good: Vec<_> = digests.iter().flatten().collect();
    let bytes: usize = good.iter().map(|(bytes, _)| bytes).sum();
    tour.teller.got(&format!(
        "{} answers, {} MiB in all",
        good.len(),
        bytes >> 20
    ));
    let same = good.windows(2).all(|pair| pair[0] == pair[1]);
    tour.teller
        .check(good.len() == HERD && same, "all got the same whole file");
    tour.teller.check(
        reached == 1,
        &format!("the origin was asked once (it counted {reached})"),
    );
    tour.teller.measure(
        "a herd at the origin",
        &format!("{reached} of {HERD} requests"),
    );
    Ok(())
}

/// The length and a hash of a good answer's body, so that not all bodies are kept.
fn digest(reply: Reply) -> Option<(usize, u64)> {
    let mut hasher = DefaultHasher::new();
    hasher.write(&reply.body);
    (reply.status == 200).then_some((reply.body.len(), hasher.finish()))
}

/// Clients everywhere read the whole site again and again.
pub(super) async fn everyone(tour: &mut Tour<'_>) -> Result<(), String> {
    tour.teller
        .step("Clients of all regions read the whole site");
    let edges: Vec<&PlannedNode> = tour.plan.edges().collect();
    let requests = edges.len() * PAGES.len() * ROUNDS;
    tour.teller.asks(&format!(
        "each of {} pages, from each of {} edges, {ROUNDS} times",
        PAGES.len(),
        edges.len()
    ));
    let before = tour.origin_count().await?;
    let mut good = 0;
    for _ in 0..ROUNDS {
        for page in PAGES {
            let asked = edges.iter().map(|edge| tour.get(edge, page, &[]));
            let replies = join_all(asked).await;
            good += replies
                .iter()
                .flatten()
                .filter(|reply| reply.status == 200)
                .count();
        }
    }
    let reached = tour.origin_count().await? - before;
    let saved = 100.0 * (1.0 - reached as f64 / requests as f64);
    tour.teller.got(&format!(
        "{good} good answers; {reached} requests reached the origin"
    ));
    tour.teller
        .check(good == requests, "every request was answered");
    let most = PAGES.len() as u64;
    tour.teller.check(
        reached <= most,
        "the origin was asked for each page at most once",
    );
    let figure = format!("{saved:.1} % ({reached} of {requests} reached it)");
    tour.teller.measure("requests saved at the origin", &figure);
    Ok(())
}
