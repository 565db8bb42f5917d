//! What is purged is gone everywhere.

use std::time::Instant;

use futures_util::future::join_all;
use perigee_edge::{PurgeOrder, new_id};

use super::{Tour, admin};
use crate::{
    admin::CallError,
    demo::plan::{HOST, Kind, PlannedNode},
};

const PATH: &str = "/serial.txt";

/// A page is purged; all nodes acknowledge, and the next answer is a new one.
pub(super) async fn everywhere(tour: &mut Tour<'_>) -> Result<(), String> {
    tour.teller
        .step("A purge reaches every edge and shield, and nobody sees the old page again");
    let edges: Vec<PlannedNode> = tour.plan.edges().cloned().collect();
    tour.teller.asks(&format!(
        "GET {PATH}, a number that the origin counts up, from all edges"
    ));
    let old = serials(tour, &edges).await?;
    tour.teller.got(&old.join(", "));
    tour.teller.check(all_same(&old), "all have the same copy");

    let port = edges.first().map_or(0, |edge| edge.address.port());
    let url = format!("http://{HOST}:{port}{PATH}");
    tour.teller
        .asks(&format!("purge {url}: the shields, then the edges"));
    let begun = Instant::now();
    // One id for all, by which a node knows what it hears of again from the others.
    let order = PurgeOrder {
        id: Some(new_id()?),
        ..PurgeOrder::of_url(&url)
    };
    let is_shield = |node: &&PlannedNode| node.kind == Kind::Shield;
    let shields: Vec<_> = tour.plan.nodes.iter().filter(is_shield).cloned().collect();
    let mut acknowledged = 0;
    let mut removed = 0;
    for tier in [&shields, &edges] {
        for (node, answer) in purge(tier, &order).await {
            match answer {
                Ok(keys) => (acknowledged, removed) = (acknowledged + 1, removed + keys),
                Err(why) => tour.teller.got(&format!("{node}: {why}")),
            }
        }
    }
    let ms = begun.elapsed().as_secs_f64() * 1_000.0;
    let nodes = shields.len() + edges.len();
    tour.teller.got(&format!(
        "{acknowledged} acknowledged, {removed} copies removed, {ms:.1} ms"
    ));
    tour.teller.check(
        acknowledged == nodes,
        &format!("all {nodes} nodes acknowledged"),
    );

    tour.teller.asks(&format!("GET {PATH} from all edges"));
    let new = serials(tour, &edges).await?;
    tour.teller.got(&new.join(", "));
    let number = |serials: &[String]| serials.first().and_then(|s| s.parse::<u64>().ok());
    let counted_up = number(&old).map(|n| n + 1) == number(&new) && number(&new).is_some();
    tour.teller.check(
        all_same(&new) && counted_up,
        "all have the next number: the origin was asked once",
    );
    tour.teller
        .measure("a purge on 8 nodes", &format!("{ms:.1} ms"));
    Ok(())
}

async fn serials(tour: &Tour<'_>, edges: &[PlannedNode]) -> Result<Vec<String>, String> {
    let mut serials = Vec::new();
    for edge in edges {
        let reply = tour.get(edge, PATH, &[]).await?;
        serials.push(String::from_utf8_lossy(&reply.body).trim().to_owned());
    }
    Ok(serials)
}

fn all_same(serials: &[String]) -> bool {
    serials.windows(2).all(|pair| pair[0] == pair[1])
}

async fn purge(nodes: &[PlannedNode], order: &PurgeOrder) -> Vec<(String, Result<u64, CallError>)> {
    join_all(nodes.iter().map(|node| async {
        let purged = admin(node.admin).purge(order).await;
        (
            node.name.clone(),
            purged.map(|purged| purged.keys.unwrap_or_default()),
        )
    }))
    .await
}
