//! `perigee status --latency`: how far the nodes are from each other, as they measure it.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;

use crate::{admin::CallError, commands::fleet::Fleet, table::Table};

/// What a node tells of those that it probes, whatever its role.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
struct Seen {
    next_hops: Vec<Hop>,
    edges: Vec<Hop>,
}

#[derive(Clone, Debug, Deserialize)]
struct Hop {
    #[serde(alias = "node")]
    name: String,
    latency_ms: Option<f64>,
}

/// Milliseconds, by who asks and then by who answers.
type Matrix = BTreeMap<String, BTreeMap<String, f64>>;

/// Those that tell nothing, and why.
type Silent = Vec<(String, CallError)>;

/// Asks all nodes at once. Those that tell nothing have no row.
pub(super) async fn matrix(fleet: &Fleet) -> Result<(Matrix, Silent), String> {
    let asked = fleet.nodes.iter().map(|member| {
        let member = member.clone();
        tokio::spawn(async move { (member.node.name, member.admin.status::<Seen>().await) })
    });
    let asked: Vec<_> = asked.collect();
    let (mut matrix, mut silent) = (Matrix::new(), Silent::new());
    for answer in asked {
        let (name, seen) = answer.await.map_err(|e| e.to_string())?;
        match seen {
            Ok(seen) => drop(matrix.insert(name.to_string(), seen.latencies())),
            Err(why) => silent.push((name.to_string(), why)),
        }
    }
    Ok((matrix, silent))
}

impl Seen {
    fn latencies(self) -> BTreeMap<String, f64> {
        let hops = self.next_hops.into_iter().chain(self.edges);
        hops.filter_map(|hop| Some((hop.name, hop.latency_ms?)))
            .collect()
    }
}

/// A row for each node that asks others, a column for each that is asked.
pub(super) fn table(matrix: &Matrix) -> Table {
    let columns: BTreeSet<&String> = matrix.values().flat_map(BTreeMap::keys).collect();
    let titles: Vec<String> = columns.iter().map(|name| format!(">{name}")).collect();
    let mut head = vec!["ms from / to"];
    head.extend(titles.iter().map(String::as_str));
    let mut table = Table::new(&head);
    for (from, latencies) in matrix.iter().filter(|(_, to)| !to.is_empty()) {
        let cell = |to: &&String| latencies.get(*to).map(|ms| format!("{ms:.2}"));
        let cells = columns.iter().map(|to| cell(to).unwrap_or_default());
        table.row([from.clone()].into_iter().chain(cells));
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_for_each_that_asks_and_a_column_for_each_that_is_asked() {
        let edge = r#"{ "next_hops": [
            { "name": "fra-2", "latency_ms": 0.514 },
            { "name": "shield", "latency_ms": 12.0 },
            { "name": "new", "latency_ms": null },
            { "name": "www", "kind": "origin" } ] }"#;
        let server = r#"{ "edges": [{ "node": "fra-2", "latency_ms": 3.999 }] }"#;
        let seen = |text| serde_json::from_str::<Seen>(text).expect("parses");
        let matrix = Matrix::from([
            ("fra-1".into(), seen(edge).latencies()),
            ("ns1".into(), seen(server).latencies()),
            ("shield".into(), Seen::default().latencies()),
        ]);
        assert_eq!(
            table(&matrix).lines(),
            [
                "ms from / to  fra-2  shield",
                "fra-1          0.51   12.00",
                "ns1            4.00",
            ]
        );
    }
}
