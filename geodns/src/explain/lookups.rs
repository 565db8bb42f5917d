//! What was looked up of a client, in words. Pure.

use super::LookedUp;
use crate::{
    place::{At, FoundBy, Located, Measured, MeasuredBy, Point},
    snapshot::Snapshot,
};

pub(super) fn all(
    snapshot: &Snapshot,
    located: &Located,
    measured: &Measured<'_>,
) -> Vec<LookedUp> {
    let line = |what: &str, found: Option<String>, prefix| LookedUp {
        what: what.to_owned(),
        found: found.unwrap_or_else(|| "not known".to_owned()),
        prefix,
    };
    let system = located.asn.map(|asn| {
        let by = located.asn_by.map(|at| database(snapshot, at));
        format!("AS{asn}{}", by.unwrap_or_default())
    });
    vec![
        line("place", place(snapshot, located), located.prefix),
        line("region", region(snapshot, located), located.region_prefix),
        line("system", system, located.asn_prefix),
        line(
            "latency",
            Some(latency(snapshot, measured)),
            measured.prefix,
        ),
    ]
}

fn place(snapshot: &Snapshot, located: &Located) -> Option<String> {
    let at = match located.at {
        None => "not known".to_owned(),
        Some(At::Pop(pop)) => {
            let pop = snapshot.pops.get(pop).map(|pop| pop.name.as_str());
            format!("at {}", pop.unwrap_or_default())
        }
        Some(At::Point(Point {
            latitude,
            longitude,
        })) => format!("{latitude:.2}, {longitude:.2}"),
    };
    match located.found_by {
        FoundBy::Network(network) => Some(format!("{at}, by the configured network {network}")),
        FoundBy::Database(by) => Some(at + &database(snapshot, by)),
        FoundBy::Nobody => located
            .at
            .map(|_| format!("{at}, as configured for the unknown")),
    }
}

fn region(snapshot: &Snapshot, located: &Located) -> Option<String> {
    let region = located.region;
    let parts = [
        region.continent.map(|code| code.to_string()),
        region.country.map(|code| code.to_string()),
        region.subdivision.map(|code| code.to_string()),
    ];
    let parts: Vec<String> = parts.into_iter().flatten().collect();
    let by = located.region_by.map(|at| database(snapshot, at));
    (!parts.is_empty()).then(|| parts.join(" ") + &by.unwrap_or_default())
}

/// Which database it was.
fn database(snapshot: &Snapshot, at: usize) -> String {
    let database = snapshot.places.databases().get(at);
    let path = database.map(|database| database.path().display().to_string());
    format!(", by the database {}", path.unwrap_or_default())
}

fn latency(snapshot: &Snapshot, measured: &Measured<'_>) -> String {
    let count = |by| {
        let pops = 0..snapshot.pops.len();
        pops.filter(|pop| measured.by(*pop) == Some(by)).count()
    };
    match (count(MeasuredBy::File), count(MeasuredBy::Edges)) {
        (0, 0) => "not measured".to_owned(),
        (file, 0) => format!("to {file} PoPs by the latency file"),
        (0, edges) => format!("to {edges} PoPs measured by edges"),
        (file, edges) => {
            format!("to {file} PoPs by the latency file, to {edges} measured by edges")
        }
    }
}
