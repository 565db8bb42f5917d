//! Of what the edges of a PoP have measured, one time for each network. Pure.

use ipnet::IpNet;

use super::Told;
use crate::config::Config;

/// The milliseconds from each network to each PoP that was measured, by its place in the configuration;
/// in the order of networks. It is the median of what the edges of the PoP tell, of two in the middle the
/// lower one: a value that an edge has told, so that it stays as long as what they tell.
pub(crate) fn merge(config: &Config, told: &Told) -> Vec<(IpNet, u16, f32)> {
    let mut merged = Vec::new();
    for (index, pop) in (0_u16..).zip(&config.pops) {
        let edges = pop.edges.iter().map(|edge| &edge.node.name);
        let mut all: Vec<(IpNet, f32)> = edges.flat_map(|edge| told.of(edge)).copied().collect();
        all.sort_by(|a, b| a.0.cmp(&b.0).then(a.1.total_cmp(&b.1)));
        let networks = all.chunk_by(|a, b| a.0 == b.0);
        merged.extend(networks.filter_map(|same| {
            let (network, ms) = same.get((same.len() - 1) / 2)?;
            Some((*network, index, *ms))
        }));
    }
    merged.sort_by_key(|(network, pop, _)| (*network, *pop));
    merged
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use proptest::prelude::*;

    use super::*;
    use crate::fixture;

    const EDGES: [&str; 6] = ["fra-1", "fra-2", "nyc-1", "nyc-2", "sin-1", "sin-2"];

    fn network(number: u8) -> IpNet {
        format!("198.51.{number}.0/24").parse().unwrap()
    }

    fn told(edges: &[(&str, u8, f32)]) -> Told {
        let mut told = Told::default();
        for edge in EDGES {
            let own = edges.iter().filter(|(name, ..)| *name == edge);
            let own: Vec<_> = own.map(|(_, n, ms)| (network(*n), *ms)).collect();
            told.hear(edge.into(), own, Instant::now());
        }
        told
    }

    #[test]
    fn a_pop_has_the_median_of_its_edges() {
        let told = told(&[
            ("fra-1", 1, 10.0),
            ("fra-2", 1, 30.0),
            ("fra-2", 2, 7.0),
            ("sin-1", 1, 180.0),
            ("nobody", 1, 1.0),
        ]);
        let merged = merge(&fixture::config(), &told);
        // In the order of the configuration: fra, nyc, sin.
        let expected = [
            (network(1), 0, 10.0),
            (network(1), 2, 180.0),
            (network(2), 0, 7.0),
        ];
        assert_eq!(merged, expected);
        let mut config = fixture::config();
        let more = fixture::pop(
            "fra",
            50.1,
            8.7,
            [("a", 1, true), ("b", 2, true), ("c", 3, true)],
        );
        config.pops[0] = more;
        let mut told = told;
        for (edge, ms) in [("a", 50.0), ("b", 1.0), ("c", 9.0)] {
            told.hear(edge.into(), vec![(network(1), ms)], Instant::now());
        }
        assert_eq!(merge(&config, &told)[0], (network(1), 0, 9.0));
    }

    proptest! {
        /// Each value is one that an edge of the PoP has told; nothing is left out, and nothing added.
        #[test]
        fn nothing_is_made_up(
            edges in prop::collection::vec((prop::sample::select(&EDGES[..]), 0_u8..5, 0.0_f32..300.0), 0..40),
        ) {
            // An edge tells of a network once.
            let mut edges = edges;
            edges.sort_by_key(|(edge, network, _)| (*edge, *network));
            edges.dedup_by_key(|(edge, network, _)| (*edge, *network));
            let config = fixture::config();
            let merged = merge(&config, &told(&edges));
            prop_assert!(merged.is_sorted_by(|a, b| (a.0, a.1) < (b.0, b.1)));
            for (network, pop, ms) in &merged {
                let pop = config.pops[usize::from(*pop)].name.as_str();
                let of = |(edge, n, told): &&(&str, u8, f32)| {
                    edge.starts_with(pop) && super::tests::network(*n) == *network && told == ms
                };
                prop_assert!(edges.iter().any(|edge| of(&edge)));
            }
            let mut pairs: Vec<_> = edges.iter().map(|(edge, n, _)| (&edge[..3], *n)).collect();
            pairs.sort_unstable();
            pairs.dedup();
            prop_assert_eq!(merged.len(), pairs.len());
        }
    }
}
