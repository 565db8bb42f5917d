//! Which shields an edge asks: groups of them, in order. Pure: what is measured, and the time, are
//! passed in.

use std::time::{Duration, Instant};

use perigee_cluster::{Node, NodeName};

/// In which order the groups of shields are asked.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum ShieldOrder {
    /// By measured latency. The shields of one PoP are a group, and so are those that are in none.
    #[default]
    Nearest,
    /// These groups, in this order, and no other shields.
    Named(Vec<Vec<NodeName>>),
}

impl ShieldOrder {
    /// The groups, as they are asked if nothing is measured.
    pub(crate) fn groups(&self, shields: &[Node]) -> Vec<Vec<Node>> {
        let mut groups: Vec<Vec<Node>> = Vec::new();
        match self {
            ShieldOrder::Named(named) => {
                let of = |names: &Vec<NodeName>| {
                    let members = shields.iter().filter(|node| names.contains(&node.name));
                    members.cloned().collect()
                };
                groups.extend(named.iter().map(of));
            }
            ShieldOrder::Nearest => {
                for node in shields {
                    let mut there = groups.iter_mut();
                    let of_pop = |group: &&mut Vec<Node>| {
                        group.first().is_some_and(|first| first.pop == node.pop)
                    };
                    match there.find(of_pop) {
                        Some(group) => group.push(node.clone()),
                        None => groups.push(vec![node.clone()]),
                    }
                }
            }
        }
        groups.retain(|group| !group.is_empty());
        groups
    }
}

/// A group takes the place of the one before it when it is nearer by a fifth, and by 2 ms, for 10 s.
const NEARER_SHARE: u32 = 5;
const NEARER_BY: Duration = Duration::from_millis(2);
const PATIENCE: Duration = Duration::from_secs(10);

/// The order of groups by latency. It follows what is measured with hysteresis, so that latencies
/// that wobble move no keys from one shield to another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Nearest {
    /// Positions of groups, nearest first; those of which nothing is known come last.
    order: Vec<usize>,
    /// How far away each was when it was last measured.
    latency: Vec<Option<Duration>>,
    /// At each position but the first: since when it has been nearer than the one before it.
    nearer_since: Vec<Option<Instant>>,
}

impl Nearest {
    /// Of so many groups nothing is known.
    pub(crate) fn new(groups: usize) -> Self {
        Nearest {
            order: (0..groups).collect(),
            latency: vec![None; groups],
            nearer_since: vec![None; groups],
        }
    }

    /// The groups, nearest first.
    pub(crate) fn order(&self) -> &[usize] {
        &self.order
    }

    /// Takes in how far away each group is now; `None` where that cannot be said.
    pub(crate) fn measured(&mut self, latency: &[Option<Duration>], now: Instant) {
        for (group, latency) in latency.iter().enumerate().take(self.latency.len()) {
            let Some(latency) = *latency else { continue };
            if self.latency[group].replace(latency).is_none() {
                self.put_in(group, latency);
            }
        }
        for at in 1..self.order.len() {
            let (before, group) = (self.order[at - 1], self.order[at]);
            if !self.is_nearer(group, before) {
                self.nearer_since[at] = None;
                continue;
            }
            let since = *self.nearer_since[at].get_or_insert(now);
            if now.saturating_duration_since(since) >= PATIENCE {
                self.order.swap(at - 1, at);
                // What was measured against a neighbour that it no longer has.
                for since in self.nearer_since.iter_mut().skip(at - 1).take(3) {
                    *since = None;
                }
            }
        }
    }

    /// A group that was not known yet goes where it belongs at once.
    fn put_in(&mut self, group: usize, latency: Duration) {
        self.order.retain(|other| *other != group);
        let is_farther = |other: &usize| self.latency[*other].is_none_or(|far| far > latency);
        let at = self.order.iter().position(is_farther);
        self.order.insert(at.unwrap_or(self.order.len()), group);
        self.nearer_since.fill(None);
    }

    fn is_nearer(&self, group: usize, before: usize) -> bool {
        match (self.latency[group], self.latency[before]) {
            (Some(near), Some(far)) => near + (far / NEARER_SHARE).max(NEARER_BY) <= far,
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use perigee_cluster::Role;

    use super::*;

    fn shield(name: &str, pop: Option<&str>) -> Node {
        Node {
            name: name.into(),
            role: Role::Shield,
            pop: pop.map(Into::into),
            address: ([127, 0, 0, 1], 1).into(),
            weight: 100,
        }
    }

    fn ms(latencies: &[u64]) -> Vec<Option<Duration>> {
        let of = |ms: &u64| Some(Duration::from_millis(*ms));
        latencies.iter().map(of).collect()
    }

    fn at(start: Instant, seconds: u64) -> Instant {
        start + Duration::from_secs(seconds)
    }

    #[test]
    fn the_shields_of_a_pop_are_a_group_and_those_of_none_another() {
        let shields = [
            shield("s-1", None),
            shield("eu-1", Some("eu")),
            shield("s-2", None),
            shield("eu-2", Some("eu")),
        ];
        let names = |order: ShieldOrder| -> Vec<Vec<String>> {
            let groups = order.groups(&shields);
            let of = |group: &Vec<Node>| group.iter().map(|n| n.name.to_string()).collect();
            groups.iter().map(of).collect()
        };
        assert_eq!(
            names(ShieldOrder::Nearest),
            [["s-1", "s-2"], ["eu-1", "eu-2"]]
        );
        let named = ShieldOrder::Named(vec![
            vec!["eu-2".into()],
            vec!["gone".into()],
            vec!["s-1".into(), "s-2".into()],
        ]);
        assert_eq!(names(named), [vec!["eu-2"], vec!["s-1", "s-2"]]);
    }

    #[test]
    fn what_is_measured_first_decides_at_once() {
        let start = Instant::now();
        let mut nearest = Nearest::new(3);
        assert_eq!(nearest.order(), [0, 1, 2]);
        nearest.measured(&[None, None, ms(&[30])[0]], start);
        assert_eq!(nearest.order(), [2, 0, 1]);
        nearest.measured(&ms(&[20, 10, 30]), start);
        assert_eq!(nearest.order(), [1, 0, 2]);
    }

    #[test]
    fn latencies_that_wobble_do_not_flip_it() {
        let start = Instant::now();
        let mut nearest = Nearest::new(2);
        nearest.measured(&ms(&[20, 22]), start);
        for second in 1..600 {
            // Nearer by a lot, though not for long; and nearer for long, though not by much.
            let other = match second % 9 {
                0 => 40,
                _ if second < 300 => 5,
                _ => 17,
            };
            nearest.measured(&ms(&[20, other]), at(start, second));
            assert_eq!(nearest.order(), [0, 1], "{second}");
        }
        // A fifth of little is nothing.
        let mut near = Nearest::new(2);
        near.measured(&ms(&[2, 2]), start);
        for second in 1..600 {
            near.measured(&ms(&[2, 1]), at(start, second));
            assert_eq!(near.order(), [0, 1]);
        }
    }

    #[test]
    fn a_group_that_is_nearer_for_a_while_comes_first_and_stays() {
        let start = Instant::now();
        let mut nearest = Nearest::new(2);
        nearest.measured(&ms(&[20, 30]), start);
        for second in 1..=10 {
            nearest.measured(&ms(&[20, 16]), at(start, second));
            assert_eq!(nearest.order(), [0, 1], "{second}");
        }
        nearest.measured(&ms(&[20, 16]), at(start, 11));
        assert_eq!(nearest.order(), [1, 0]);
        for second in 12..100 {
            nearest.measured(&ms(&[16, 18]), at(start, second));
            assert_eq!(nearest.order(), [1, 0], "{second}");
        }
    }

    #[test]
    fn a_dead_group_keeps_its_place() {
        let start = Instant::now();
        let mut nearest = Nearest::new(2);
        nearest.measured(&ms(&[20, 30]), start);
        for second in 1..100 {
            nearest.measured(&[None, ms(&[30])[0]], at(start, second));
        }
        assert_eq!(nearest.order(), [0, 1]);
    }
}
