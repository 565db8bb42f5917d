//! What one edge does with a page: miss, hit, 304, 206.

use super::{Tour, entries};
use crate::demo::{clients::EUROPEAN, http::Reply, plan::PlannedNode};

/// Keys to try until one belongs to the other edge of the region.
const KEYS: u32 = 64;

/// The edge that the DNS answers first to the European client.
async fn nearest_edge(tour: &Tour<'_>) -> Result<PlannedNode, String> {
    let addresses = tour.resolve(EUROPEAN.prefix).await?;
    let first = addresses.first().ok_or("the DNS answers with no address")?;
    let edge = tour
        .edge_at(*first)
        .ok_or("the DNS answers with an unknown address")?;
    Ok(edge.clone())
}

/// A page that nobody has goes through edge, peer and shield; then it is there.
pub(super) async fn miss_then_hit(tour: &mut Tour<'_>) -> Result<(), String> {
    tour.teller
        .step("A page that nobody has goes through edge, peer and shield; then it is there");
    let edge = nearest_edge(tour).await?;
    // Which edge of a region owns a page is a matter of its hash.
    for key in 1..=KEYS {
        let path = format!("/style.css?tour={key}");
        let before = tour.origin_count().await?;
        let miss = tour.get(&edge, &path, &[]).await?;
        if entries(&miss).len() < 3 {
            continue;
        }
        let between = tour.origin_count().await?;
        tour.teller.asks(&format!("GET {path} from {}", edge.name));
        told(tour, &miss);
        let way = entries(&miss);
        let (first, last) = (way.first(), way.last());
        let from_shield = first.is_some_and(|entry| entry.node.starts_with("shield-"));
        let to_edge = last.is_some_and(|entry| entry.node == edge.name);
        let peer = way
            .get(1)
            .is_some_and(|entry| entry.node.starts_with(EUROPEAN.nearest));
        tour.teller.check(
            miss.status == 200 && from_shield && peer && to_edge,
            "edge, peer and shield are in Cache-Status",
        );
        tour.teller.check(
            !way.iter().any(|entry| entry.is_hit()),
            "none of them had it",
        );
        tour.teller
            .check(between == before + 1, "the origin was asked once");

        tour.teller.asks("the same again");
        let hit = tour.get(&edge, &path, &[]).await?;
        told(tour, &hit);
        tour.teller.check(
            entries(&hit).iter().any(|entry| entry.is_hit()),
            "it is a hit",
        );
        tour.teller
            .check(hit.body == miss.body, "the body is the same");
        tour.teller.check(
            tour.origin_count().await? == between,
            "the origin was not asked",
        );
        tour.teller
            .measure("a miss through three tiers", &millis(&miss));
        tour.teller.measure("a hit", &millis(&hit));
        return Ok(());
    }
    Err(format!(
        "none of {KEYS} pages went through edge, peer and shield"
    ))
}

/// A client that has a copy gets no second one.
pub(super) async fn not_modified(tour: &mut Tour<'_>) -> Result<(), String> {
    tour.teller
        .step("A client that has a copy gets no second one");
    let edge = nearest_edge(tour).await?;
    let first = tour.get(&edge, "/app.js", &[]).await?;
    let etag = first.field("etag");
    tour.teller.asks(&format!(
        "GET /app.js from {}, If-None-Match: {etag}",
        edge.name
    ));
    let reply = tour
        .get(&edge, "/app.js", &[("if-none-match", &etag)])
        .await?;
    told(tour, &reply);
    tour.teller.check(reply.status == 304, "304 Not Modified");
    tour.teller.check(reply.body.is_empty(), "and no body");
    tour.teller.check(
        !etag.is_empty() && reply.field("etag") == etag,
        "with the same ETag",
    );
    Ok(())
}

/// A part of a large file comes out of the copy of the whole.
pub(super) async fn part(tour: &mut Tour<'_>) -> Result<(), String> {
    tour.teller
        .step("A part of a large file comes out of the copy of the whole");
    let edge = nearest_edge(tour).await?;
    tour.teller
        .asks(&format!("GET /big.bin from {}", edge.name));
    let whole = tour.get(&edge, "/big.bin", &[]).await?;
    told(tour, &whole);
    let before = tour.origin_count().await?;
    tour.teller.asks("the bytes 1000000 to 1000999 of it");
    let part = tour
        .get(&edge, "/big.bin", &[("range", "bytes=1000000-1000999")])
        .await?;
    told(tour, &part);
    let range = format!("bytes 1000000-1000999/{}", whole.body.len());
    tour.teller.check(part.status == 206, "206 Partial Content");
    tour.teller.check(
        part.field("content-range") == range,
        &format!("Content-Range: {range}"),
    );
    let same = whole.body.get(1_000_000..1_001_000) == Some(&part.body[..]);
    tour.teller
        .check(same, "they are the same bytes as in the whole");
    tour.teller.check(
        tour.origin_count().await? == before,
        "the origin was not asked",
    );
    Ok(())
}

fn told(tour: &Tour<'_>, reply: &Reply) {
    tour.teller.got(&format!(
        "{}, {} bytes in {}",
        reply.status,
        reply.body.len(),
        millis(reply)
    ));
    tour.teller
        .got(&format!("Cache-Status: {}", reply.field("cache-status")));
}

fn millis(reply: &Reply) -> String {
    format!("{:.1} ms", reply.took.as_secs_f64() * 1_000.0)
}
